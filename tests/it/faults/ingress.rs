//! Events and tickets that come twice, broken, too large or from the future.
