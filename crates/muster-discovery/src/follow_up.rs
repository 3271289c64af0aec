//! Which priority follow-up work has.

use muster_store::ledger::{BACKGROUND_PRIORITY, REQUESTED_PRIORITY};

/// Causes of work that nobody waits for begin so.
const SCHEDULED: &str = "schedule:";

/// True for work that no person and no other system asked for.
pub(crate) fn is_scheduled(cause: &str) -> bool {
    cause.starts_with(SCHEDULED)
}

/// Work that somebody asked for goes first.
pub(crate) fn priority_of(cause: &str) -> i16 {
    if is_scheduled(cause) { BACKGROUND_PRIORITY } else { REQUESTED_PRIORITY }
}
