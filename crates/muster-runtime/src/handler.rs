//! Handlers: functions from a job and what they read to changes, next jobs and facts.

use crate::crash_point::{self, CrashPoint};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use muster_domain::connector::ConnectorState;
use muster_domain::failure::CallFailure;
use muster_domain::job::JobKind;
use muster_store::changes::Changes;
use muster_store::ledger::{ClaimedJob, Finished};
use muster_store::{Store, StoreError};
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Does one kind of job.
///
/// A handler is idempotent: it may run again after any crash, on the same job, with the same effect. It never
/// publishes, never acknowledges, never waits for throttling to pass.
#[async_trait]
pub trait Handler: Send + Sync {
    /// The kind of job that it does.
    fn kind(&self) -> JobKind;

    /// How many jobs it takes at a time: more than one where their reads and their commit are cheaper together.
    fn group_size(&self) -> usize {
        1
    }

    /// Does one job, or one slice of it.
    ///
    /// # Errors
    /// The decision what happens to the job next; see [`HandlerError`].
    async fn handle(&self, job: &ClaimedJob, slice: &Slice<'_>) -> Result<Outcome, HandlerError>;

    /// Does several jobs; the result has one entry per job, in their order.
    async fn handle_group(
        &self,
        jobs: &[ClaimedJob],
        slice: &Slice<'_>,
    ) -> Vec<Result<Outcome, HandlerError>> {
        let mut results = Vec::with_capacity(jobs.len());
        for job in jobs {
            results.push(self.handle(job, slice).await);
        }
        results
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// What shall be true, committed together with the end of the job.
    pub changes: Changes,
    /// Whether the job is done.
    pub then: Then,
}

impl Outcome {
    /// The job is done.
    pub fn done(changes: Changes) -> Self {
        Self { changes, then: Then::Done }
    }

    /// A slice is done; the next one begins at `progress`.
    pub fn carry_on(changes: Changes, progress: Value) -> Self {
        Self { changes, then: Then::Continue { progress } }
    }

    /// The job is not wanted any more.
    pub fn cancelled() -> Self {
        Self { changes: Changes::default(), then: Then::Cancelled }
    }
}

/// Whether a job is done.
#[derive(Debug)]
pub enum Then {
    /// It is.
    Done,
    /// Another slice is needed, from here.
    Continue {
        /// Where to go on.
        progress: Value,
    },
    /// It makes no sense any more.
    Cancelled,
}

/// Why a run came to nothing, named by what happens to the job next. Changes committed page by page stay.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// Something that passes: tried again with growing delays, dead after the last attempt.
    #[error("{class}: {message}")]
    Retry {
        /// Stable name of the failure.
        class: &'static str,
        /// What happened, without anything secret.
        message: String,
    },
    /// Something that is rarely an accident: tried again like the others, dead after so many attempts.
    #[error("{class}: {message}")]
    RetryUpTo {
        /// The attempt that is the last one.
        attempts: u32,
        /// Stable name of the failure.
        class: &'static str,
        /// What happened, without anything secret.
        message: String,
    },
    /// No room in the consumption budget: parked without an attempt and without a slot.
    #[error("throttled until {until}")]
    Throttled {
        /// When asking again makes sense.
        until: DateTime<Utc>,
    },
    /// Nothing can be done until then: parked without an attempt.
    #[error("parked until {until}: {message}")]
    Parked {
        /// When asking again makes sense.
        until: DateTime<Utc>,
        /// Stable name of what is waited for.
        class: &'static str,
        /// What is waited for, without anything secret.
        message: String,
    },
    /// The connector is not at work: the job waits for it, without an attempt.
    #[error("the connector is {state}")]
    ConnectorWaits {
        /// Where the connector stands.
        state: ConnectorState,
    },
    /// The credential is refused: its connectors say so, their jobs wait.
    #[error("the credential is refused: {message}")]
    NeedsAuth {
        /// What was refused and what to do.
        message: String,
    },
    /// What the job is about is not there: its parent is listed again, which confirms it or not.
    #[error("gone: {message}")]
    Gone {
        /// What is not there.
        message: String,
    },
    /// It cannot be done, ever: kept for a person.
    #[error("{class}: {message}")]
    Reject {
        /// Stable name of the failure.
        class: &'static str,
        /// What happened, without anything secret.
        message: String,
    },
    /// Somebody else holds the job, or the process stops: nothing more may be written.
    #[error("the lease of the job is lost")]
    LeaseLost,
    /// The database is out of reach, or its content is broken.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An organization that is stopped is asked again this much later, once a day.
const ORGANIZATION_STOPPED_PROBE_HOURS: i64 = 24;
/// An answer that breaks the contract may be an accident once (the page of a proxy, a deployment); twice it is not.
const UNEXPECTED_ANSWERS: u32 = 2;
/// A certificate that is not trusted is mostly no accident, but it may just be renewed.
const REFUSED_CERTIFICATES: u32 = 3;

impl HandlerError {
    /// What a failed call means for the whole job. Handlers decide for themselves what a refusal of one thing means,
    /// and come here with the rest.
    pub fn from_call(failure: CallFailure, now: DateTime<Utc>) -> Self {
        match failure {
            CallFailure::Throttled { until } => Self::Throttled { until },
            CallFailure::NeedsAuth { message } => Self::NeedsAuth { message },
            CallFailure::Gone { message } => Self::Gone { message },
            CallFailure::Forbidden { message } => Self::Reject { class: "forbidden", message },
            CallFailure::Passing { message } => Self::Retry { class: "transient", message },
            CallFailure::HostUnavailable { until, message } => {
                Self::Parked { until, class: "host_unavailable", message }
            }
            CallFailure::CertificateRefused { message } => {
                Self::RetryUpTo { attempts: REFUSED_CERTIFICATES, class: "certificate_refused", message }
            }
            CallFailure::Unexpected { message } => {
                Self::RetryUpTo { attempts: UNEXPECTED_ANSWERS, class: "unexpected_answer", message }
            }
            CallFailure::OrganizationStopped { message } => {
                tracing::warn!(reason = message, "an organization is stopped, it is probed once a day");
                let until = now + chrono::Duration::hours(ORGANIZATION_STOPPED_PROBE_HOURS);
                Self::Parked { until, class: "organization_stopped", message }
            }
        }
    }
}

/// One turn of a worker: how long it may take, and what it may write on the way.
#[derive(Debug)]
pub struct Slice<'a> {
    store: &'a Store,
    ends_at: Instant,
    stop: CancellationToken,
}

impl<'a> Slice<'a> {
    /// A turn that should end at `ends_at`, or when `stop` is cancelled.
    pub fn new(store: &'a Store, ends_at: Instant, stop: CancellationToken) -> Self {
        Self { store, ends_at, stop }
    }

    /// The store, for reading.
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// True when the handler should return [`Outcome::carry_on`] at the next page.
    pub fn is_over(&self) -> bool {
        self.stop.is_cancelled() || Instant::now() >= self.ends_at
    }

    /// Commits one page with where to go on after it. A crash repeats at most one page.
    ///
    /// # Errors
    /// [`HandlerError::LeaseLost`] when somebody else holds the job: nothing was written.
    pub async fn commit_page(
        &self,
        job: &ClaimedJob,
        changes: Changes,
        progress: Value,
    ) -> Result<(), HandlerError> {
        match self.store.ledger().commit_page(job.lease, changes, progress).await? {
            Finished::Committed => {
                crash_point::reach(CrashPoint::PageCommitted);
                Ok(())
            }
            Finished::LeaseLost => Err(HandlerError::LeaseLost),
        }
    }
}
