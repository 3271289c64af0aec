//! Which priority work has that follows from other work.

use muster_domain::cause;
use muster_store::ledger::{BACKGROUND_PRIORITY, FOLLOWING_PRIORITY, REQUESTED_PRIORITY};

/// Work that somebody asked for goes first.
pub(crate) fn priority_of(cause: &str) -> i16 {
    if cause::is_asked_for(cause) { REQUESTED_PRIORITY } else { BACKGROUND_PRIORITY }
}

/// The same for the many projects of an organization: who asked for the organization waits for none of them alone.
pub(crate) fn priority_of_each(cause: &str) -> i16 {
    if cause::is_asked_for(cause) { FOLLOWING_PRIORITY } else { BACKGROUND_PRIORITY }
}
