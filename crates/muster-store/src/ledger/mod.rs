//! The job ledger: units of work, their leases and their ends.

mod claim;
pub(crate) mod control;
mod dispatch;
pub(crate) mod enqueue;
mod finish;
mod lease;
mod list;
mod newer;
pub(crate) mod row;
mod sweep;

pub use claim::{CRASH_LIMIT_CLASS, CRASHED_CLASS, Claim, INCONSISTENT_CLASS};
pub use control::{JobControlError, JobDeed};
#[cfg(test)]
pub(crate) use dispatch::due_statement;
pub use finish::REFUSED_CLASS;
pub use list::{JobCount, JobFilter, JobPage, RoleLoad};
pub use newer::{NEWER_WAITS, UnknownKind};
pub use sweep::{LEASE_EXPIRED_CLASS, Reclaimed};

use crate::Store;
use crate::changes::Changes;
use chrono::{DateTime, Utc};
use muster_domain::budget::{Caller, ConsumptionClass};
use muster_domain::consumption_control::ControlScope;
use muster_domain::job::{JobKind, JobState, JobSubject, WaitingReason};
use muster_domain::{CredentialId, JobId, LeaseToken};
use muster_messages::TraceContext;
use std::time::Duration;

/// The jobs of a store. Every transition is a compare-and-set on state and lease token.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(crate) store: Store,
}

/// A wish for work. Two wishes for the same kind and subject are one job.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What to do.
    pub kind: JobKind,
    /// About what.
    pub subject: JobSubject,
    /// With which credential; absent for work that calls nobody.
    pub credential_id: Option<CredentialId>,
    /// Not before this long from now (database time).
    pub delay: Duration,
    /// Lower runs first within its organization.
    pub priority: i16,
    /// What asked for it ([`muster_domain::cause`]).
    pub cause: String,
    /// Where in a trace it was asked for.
    pub trace: Option<TraceContext>,
}

/// Priority of work that nobody waits for.
pub const BACKGROUND_PRIORITY: i16 = 100;
/// Priority of work that a person or another system asked for.
pub const REQUESTED_PRIORITY: i16 = 50;

/// Priority of the many jobs that follow from one that was asked for: before work that is only planned, but nobody
/// waits for each of them.
pub const FOLLOWING_PRIORITY: i16 = 75;

/// What became of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The job: a new one, or the live one that it was joined to.
    pub job_id: JobId,
    /// False where it was joined to a live job.
    pub is_new: bool,
}

/// The right to finish a job; stale as soon as somebody else claimed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The job.
    pub job_id: JobId,
    /// The fence.
    pub token: LeaseToken,
}

/// A job in a worker's hands.
#[derive(Clone, Debug)]
pub struct ClaimedJob {
    /// The right to finish it.
    pub lease: Lease,
    /// What to do.
    pub kind: JobKind,
    /// About what.
    pub subject: JobSubject,
    /// With which credential.
    pub credential_id: Option<CredentialId>,
    /// Where the last slice stopped.
    pub progress: Option<serde_json::Value>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Lower runs first.
    pub priority: i16,
    /// What asked for it.
    pub cause: String,
    /// Where in a trace it was asked for.
    pub trace: Option<TraceContext>,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// Ticket sequence with which it was claimed.
    pub dispatch_sequence: i64,
}

impl ClaimedJob {
    /// For whom its calls are made: for a person where one waits for this very job.
    pub fn caller(&self) -> Caller {
        let class = if self.priority <= REQUESTED_PRIORITY {
            ConsumptionClass::Interactive
        } else {
            ConsumptionClass::Background
        };
        Caller::of(class, ControlScope::from(&self.subject))
    }
}

/// How a run of a job ended.
#[derive(Clone, Debug)]
pub enum End {
    /// It is done; runs again at once where it was asked for meanwhile.
    Done,
    /// One slice is done, the next one is due now.
    Continue {
        /// Where to go on.
        progress: serde_json::Value,
    },
    /// Put back without costing an attempt.
    PutBack {
        /// Why.
        reason: WaitingReason,
        /// Not before this long from now (database time).
        delay: Duration,
        /// Where to go on; `None` keeps what was committed.
        progress: Option<serde_json::Value>,
    },
    /// Put back without costing an attempt, for a reason that people may want to know.
    Parked {
        /// Why.
        reason: WaitingReason,
        /// Stable name of what is waited for.
        class: String,
        /// What is waited for, without anything secret.
        message: String,
        /// Not before this long from now (database time).
        delay: Duration,
    },
    /// An attempt failed; dead after the last one.
    Failed {
        /// Stable name of the failure.
        class: String,
        /// What happened, without anything secret.
        message: String,
        /// Not before this long from now.
        delay: Duration,
    },
    /// It cannot be done, ever.
    Dead {
        /// Stable name of the failure.
        class: String,
        /// What happened, without anything secret.
        message: String,
    },
    /// Given back untouched by a worker that stops: neither an attempt nor a crash.
    Released,
    /// Not wanted any more.
    Cancelled,
}

/// The end of a run with what it changed.
#[derive(Clone, Debug)]
pub struct Finish {
    /// The right to do so.
    pub lease: Lease,
    /// What it changed.
    pub changes: Changes,
    /// How it ended.
    pub end: End,
}

/// What became of a finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// Committed now, or already committed by this same lease before.
    Committed,
    /// Somebody else holds the job: nothing was written.
    LeaseLost,
}

/// A job, as lists show it.
#[derive(Clone, Debug)]
pub struct JobView {
    /// The job.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// About what.
    pub subject: JobSubject,
    /// State.
    pub state: JobState,
    /// Why it is not simply due.
    pub waiting_reason: Option<WaitingReason>,
    /// When it is, or was, due.
    pub due_at: DateTime<Utc>,
    /// Attempts so far.
    pub attempt: u32,
    /// Times that its worker vanished.
    pub crash_count: u32,
    /// Who holds it.
    pub lease_owner: Option<String>,
    /// Stable name of the last failure.
    pub last_error_class: Option<String>,
    /// The last failure.
    pub last_error: Option<String>,
    /// What a person last did with it, and why.
    pub note: Option<String>,
    /// What asked for it.
    pub cause: String,
    /// With which credential.
    pub credential_id: Option<CredentialId>,
    /// Lower runs first within its organization.
    pub priority: i64,
    /// Attempts until it is dead.
    pub max_attempts: u32,
    /// Times that it was put back since it was last done.
    pub wait_count: u32,
    /// Since when it has waited for more than its turn.
    pub waiting_since: Option<DateTime<Utc>>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When its row last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
}

/// A job with everything that is known of it.
#[derive(Clone, Debug)]
pub struct JobDetail {
    /// What lists show.
    pub view: JobView,
    /// Where the last slice stopped.
    pub progress: Option<serde_json::Value>,
    /// Tickets made for it so far.
    pub dispatch_sequence: i64,
    /// When the last one was made.
    pub dispatched_at: Option<DateTime<Utc>>,
    /// Until when its worker holds it.
    pub lease_until: Option<DateTime<Utc>>,
    /// It was asked for once more while it ran.
    pub runs_again: bool,
    /// Failures since it was asked for, or retried by a person.
    pub failure_count: u32,
    /// The first of them.
    pub first_error: Option<String>,
    /// Where in a trace it was asked for.
    pub trace: Option<TraceContext>,
}
