//! Many workers on one identity, and many organizations on one worker.
