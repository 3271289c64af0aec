//! Processes that die at the worst moment, and handlers that never come back.
