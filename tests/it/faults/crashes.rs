//! Processes that die at the worst moment, and handlers that never come back.

/// Handlers that panic, hang, or take their process with them, and workers that come back from the dead.
mod handlers;
/// Processes that die between two steps.
mod points;
/// A database that commits and says that it did not.
mod store_answers;
/// The total check sees what it promises to see.
mod total;
