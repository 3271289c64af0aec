//! From what a handler returned to the end of its job.

use crate::handler::{HandlerError, Outcome, Then};
use chrono::{DateTime, Utc};
use muster_domain::backoff::{Schedule, clamp_pause};
use muster_domain::cause;
use muster_domain::connector::ConnectorEvent;
use muster_domain::job::{JobKind, JobSubject, WaitingReason};
use muster_store::changes::{Changes, ConnectorTransition};
use muster_store::ledger::{BACKGROUND_PRIORITY, ClaimedJob, End, Finish, NewJob};
use std::time::Duration;

/// A handler may panic this often on one job before it is set aside.
const PANICS_BEFORE_DEAD: u32 = 3;
/// Longest text of a failure that is kept.
const LONGEST_MESSAGE: usize = 2_000;

/// What a run came to, seen from outside of the handler.
pub(super) enum Run {
    /// The handler did it.
    Finished(Box<Outcome>),
    /// The handler said why not.
    Failed(HandlerError),
    /// The handler panicked.
    Panicked(String),
    /// The handler did not return in time.
    Overran,
    /// The lease was lost, or the process lets go: nothing may be written.
    Abandoned,
}

impl From<Result<Outcome, HandlerError>> for Run {
    fn from(result: Result<Outcome, HandlerError>) -> Self {
        match result {
            Ok(outcome) => Self::Finished(Box::new(outcome)),
            Err(error) => Self::Failed(error),
        }
    }
}

/// What to commit for a job, and the name of the outcome for the metrics. `None`: nothing, the job is not ours.
pub(super) fn finish_of(
    job: &ClaimedJob,
    run: Run,
    now: DateTime<Utc>,
    random: f64,
) -> Option<(Finish, &'static str)> {
    let (changes, end, name) = match run {
        Run::Finished(outcome) => finished(*outcome),
        Run::Failed(error) => failed(job, error, now, random)?,
        Run::Panicked(message) => {
            let end = if job.attempt >= PANICS_BEFORE_DEAD {
                End::Dead { class: "panic".to_owned(), message: cut(message) }
            } else {
                retry(job, "panic", message, random)
            };
            (Changes::default(), end, "panic")
        }
        Run::Overran => {
            let message = "the handler did not return in time and was cut off".to_owned();
            (Changes::default(), retry(job, "overrun", message, random), "overrun")
        }
        Run::Abandoned => return None,
    };
    Some((Finish { lease: job.lease, changes, end }, name))
}

fn finished(outcome: Outcome) -> (Changes, End, &'static str) {
    match outcome.then {
        Then::Done => (outcome.changes, End::Done, "done"),
        Then::Continue { progress } => (outcome.changes, End::Continue { progress }, "continue"),
        Then::Cancelled => (outcome.changes, End::Cancelled, "cancelled"),
    }
}

fn failed(
    job: &ClaimedJob,
    error: HandlerError,
    now: DateTime<Utc>,
    random: f64,
) -> Option<(Changes, End, &'static str)> {
    match error {
        HandlerError::Retry { class, message } => {
            Some((Changes::default(), retry(job, class, message, random), "retry"))
        }
        HandlerError::Throttled { until } => {
            let delay = clamp_pause((until - now).to_std().unwrap_or_default()) + jitter(random);
            Some((Changes::default(), put_back(WaitingReason::Throttled, delay), "throttled"))
        }
        HandlerError::Parked { until } => {
            let delay = (until - now).to_std().unwrap_or_default();
            Some((Changes::default(), put_back(WaitingReason::Throttled, delay), "parked"))
        }
        HandlerError::NeedsAuth { message } => {
            let transition = ConnectorTransition {
                connector_id: job.subject.connector_id,
                event: ConnectorEvent::AuthorizationLost,
                reason: Some(cut(message)),
                tenant_id: None,
            };
            let changes = Changes { connectors: vec![transition], ..Changes::default() };
            Some((changes, put_back(WaitingReason::NeedsAuth, Duration::ZERO), "needs_auth"))
        }
        HandlerError::Gone { message } => {
            tracing::info!(job.id = %job.lease.job_id, reason = message, "the subject is gone, its parent is listed again");
            let changes = Changes { jobs: parent_of(job).into_iter().collect(), ..Changes::default() };
            Some((changes, End::Done, "gone"))
        }
        HandlerError::Reject { class, message } => {
            Some((Changes::default(), End::Dead { class: class.to_owned(), message: cut(message) }, "dead"))
        }
        HandlerError::LeaseLost => None,
        HandlerError::Store(error) => {
            Some((Changes::default(), retry(job, "store", error.to_string(), random), "retry"))
        }
    }
}

fn retry(job: &ClaimedJob, class: &str, message: String, random: f64) -> End {
    End::Failed {
        class: class.to_owned(),
        message: cut(message),
        delay: Schedule::JOB_RETRY.delay(job.attempt, random),
    }
}

fn put_back(reason: WaitingReason, delay: Duration) -> End {
    End::PutBack { reason, delay, progress: None }
}

/// Spreads the return of many parked jobs over a second.
fn jitter(random: f64) -> Duration {
    Duration::from_secs_f64(random.clamp(0.0, 1.0))
}

/// The job that lists the parent again, which confirms that the subject is gone, or not.
fn parent_of(job: &ClaimedJob) -> Option<NewJob> {
    let organization = job.subject.organization.clone()?;
    let connector = job.subject.connector_id;
    let (kind, subject) = match job.kind {
        JobKind::ProjectSync | JobKind::ProjectRefresh | JobKind::OrganizationRefresh => {
            (JobKind::OrganizationDiscover, JobSubject::organization(connector, organization))
        }
        JobKind::OrganizationDiscover => (JobKind::ConnectorDiscover, JobSubject::connector(connector)),
        JobKind::ConnectorAuthorize
        | JobKind::ConnectorPreflight
        | JobKind::ConnectorDiscover
        | JobKind::ConnectorRemove => return None,
    };
    Some(NewJob {
        kind,
        subject,
        credential_id: job.credential_id,
        delay: Duration::ZERO,
        priority: BACKGROUND_PRIORITY,
        cause: cause::of_job(job.lease.job_id),
        trace: job.trace.clone(),
    })
}

fn cut(mut message: String) -> String {
    if message.len() > LONGEST_MESSAGE {
        let end = (0..=LONGEST_MESSAGE).rev().find(|index| message.is_char_boundary(*index)).unwrap_or(0);
        message.truncate(end);
    }
    message
}
