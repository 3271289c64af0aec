//! From what a handler returned to the end of its job.

use crate::handler::{HandlerError, Outcome, Then};
use chrono::{DateTime, Utc};
use muster_domain::backoff::{SHORTEST_PAUSE, Schedule};
use muster_domain::cause;
use muster_domain::connector::{ConnectorEvent, ConnectorState};
use muster_domain::job::{JobKind, JobSubject, WaitingReason};
use muster_store::changes::{Changes, ConnectorTransition, RefusedCredential};
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
    /// The handler came to a word that does not hold any more: the job runs anew.
    Outdated,
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
        Run::Outdated => (Changes::default(), End::Released, "released"),
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
        HandlerError::RetryUpTo { attempts, class, message } if job.attempt >= attempts => {
            Some((Changes::default(), dead(class, message), "dead"))
        }
        HandlerError::RetryUpTo { class, message, .. } => {
            Some((Changes::default(), retry(job, class, message, random), "retry"))
        }
        HandlerError::Throttled { until } => {
            // The budget bounds what the service asks for; quiet hours last as long as they last.
            let delay = (until - now).to_std().unwrap_or_default().max(SHORTEST_PAUSE) + jitter(random);
            Some((Changes::default(), put_back(WaitingReason::Throttled, delay), "throttled"))
        }
        HandlerError::Parked { until, class, message } => {
            let delay = (until - now).to_std().unwrap_or_default() + jitter(random);
            let (class, message) = (class.to_owned(), cut(message));
            let end = End::Parked { reason: WaitingReason::Throttled, class, message, delay };
            Some((Changes::default(), end, "parked"))
        }
        HandlerError::ConnectorWaits { state: ConnectorState::NeedsAuth } => {
            let end = put_back(WaitingReason::NeedsAuth, Duration::ZERO);
            Some((Changes::default(), end, "needs_auth"))
        }
        // The dispatcher holds it until the connector is at work.
        HandlerError::ConnectorWaits { .. } => Some((Changes::default(), End::Released, "released")),
        HandlerError::NeedsAuth { message } => {
            let changes = refused(job, cut(message));
            Some((changes, put_back(WaitingReason::NeedsAuth, Duration::ZERO), "needs_auth"))
        }
        HandlerError::Gone { message } => {
            tracing::info!(job.id = %job.lease.job_id, reason = message, "the subject is gone, its parent is listed again");
            let changes = Changes { jobs: parent_of(job).into_iter().collect(), ..Changes::default() };
            Some((changes, End::Done, "gone"))
        }
        HandlerError::Reject { class, message } => Some((Changes::default(), dead(class, message), "dead")),
        HandlerError::LeaseLost => None,
        HandlerError::Store(error) => {
            Some((Changes::default(), retry(job, "store", error.to_string(), random), "retry"))
        }
    }
}

/// The credential is lost for every connector that has it, or, where the job names none, for the job's own.
fn refused(job: &ClaimedJob, message: String) -> Changes {
    match job.credential_id {
        Some(credential_id) => Changes {
            refused_credentials: vec![RefusedCredential { credential_id, message }],
            ..Changes::default()
        },
        None => Changes {
            connectors: vec![ConnectorTransition {
                connector_id: job.subject.connector_id,
                event: ConnectorEvent::AuthorizationLost,
                reason: Some(message),
                tenant_id: None,
            }],
            ..Changes::default()
        },
    }
}

fn dead(class: &str, message: String) -> End {
    End::Dead { class: class.to_owned(), message: cut(message) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use muster_domain::OrganizationName;
    use muster_domain::failure::CallFailure;
    use muster_store::ledger::Lease;
    use std::str::FromStr;

    /// An id of any kind.
    fn id<T: FromStr>(number: u8) -> T {
        format!("00000000-0000-0000-0000-0000000000{number:02x}").parse().ok().expect("an id")
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
    }

    fn job(attempt: u32) -> ClaimedJob {
        let organization = OrganizationName::new("contoso");
        let project = id(3);
        ClaimedJob {
            lease: Lease { job_id: id(1), token: id(2) },
            kind: JobKind::ProjectSync,
            subject: JobSubject::project(id(4), organization, project),
            credential_id: Some(id(9)),
            progress: None,
            attempt,
            cause: "test".to_owned(),
            trace: None,
            due_at: now(),
            dispatch_sequence: 1,
            priority: muster_store::ledger::BACKGROUND_PRIORITY,
        }
    }

    fn end(attempt: u32, run: Run) -> Finish {
        finish_of(&job(attempt), run, now(), 0.5).expect("something to commit").0
    }

    fn after_call(attempt: u32, failure: CallFailure) -> Finish {
        end(attempt, Run::Failed(HandlerError::from_call(failure, now())))
    }

    fn message() -> String {
        "what happened".to_owned()
    }

    /// How often a failure is tried before its job is dead; `None`: never dead here, the ledger counts.
    fn dead_at(failure: impl Fn() -> CallFailure) -> Option<u32> {
        (1..=8).find(|attempt| matches!(after_call(*attempt, failure()).end, End::Dead { .. }))
    }

    #[test]
    fn every_class_of_failure_is_tried_as_often_as_it_makes_sense() {
        assert_eq!(dead_at(|| CallFailure::Passing { message: message() }), None);
        assert_eq!(dead_at(|| CallFailure::Unexpected { message: message() }), Some(2));
        assert_eq!(dead_at(|| CallFailure::CertificateRefused { message: message() }), Some(3));
        assert_eq!(dead_at(|| CallFailure::Forbidden { message: message() }), Some(1));
        let passing = after_call(3, CallFailure::Passing { message: message() });
        assert!(matches!(passing.end, End::Failed { delay, .. } if delay <= Duration::from_secs(20)));
    }

    #[test]
    fn a_pause_costs_no_attempt_and_a_host_that_is_away_is_named() {
        let until = now() + TimeDelta::seconds(30);
        let throttled = after_call(1, CallFailure::Throttled { until });
        let is_pause = |delay: Duration| (Duration::from_secs(30)..Duration::from_secs(31)).contains(&delay);
        assert!(
            matches!(throttled.end, End::PutBack { reason: WaitingReason::Throttled, delay, .. } if is_pause(delay))
        );
        let away = after_call(1, CallFailure::HostUnavailable { until, message: message() });
        let End::Parked { reason, class, delay, .. } = away.end else { panic!("{:?}", away.end) };
        assert_eq!((reason, class.as_str()), (WaitingReason::Throttled, "host_unavailable"));
        assert!(is_pause(delay), "{delay:?}");
        let stopped = after_call(1, CallFailure::OrganizationStopped { message: message() });
        let End::Parked { class, delay, .. } = stopped.end else { panic!("{:?}", stopped.end) };
        assert_eq!((class.as_str(), delay.as_secs() / 3600), ("organization_stopped", 24));
    }

    #[test]
    fn a_refused_credential_is_refused_for_all_of_its_connectors_and_the_job_waits() {
        let finish = after_call(1, CallFailure::NeedsAuth { message: message() });
        assert!(matches!(finish.end, End::PutBack { reason: WaitingReason::NeedsAuth, .. }));
        let refused: Vec<_> =
            finish.changes.refused_credentials.iter().map(|refused| refused.credential_id).collect();
        assert_eq!((refused, finish.changes.connectors.len()), (vec![id(9)], 0));
    }

    #[test]
    fn a_job_waits_with_its_connector() {
        let waits = |state| end(1, Run::Failed(HandlerError::ConnectorWaits { state })).end;
        assert!(matches!(waits(ConnectorState::Paused), End::Released));
        let lost = waits(ConnectorState::NeedsAuth);
        assert!(matches!(lost, End::PutBack { reason: WaitingReason::NeedsAuth, .. }), "{lost:?}");
        assert!(matches!(end(1, Run::Outdated).end, End::Released));
    }

    #[test]
    fn what_is_gone_has_its_parent_listed_again_and_is_over() {
        let finish = after_call(1, CallFailure::Gone { message: message() });
        assert!(matches!(finish.end, End::Done));
        let kinds: Vec<_> = finish.changes.jobs.iter().map(|job| job.kind).collect();
        assert_eq!(kinds, [JobKind::OrganizationDiscover]);
        assert!(!muster_domain::cause::is_asked_for(&finish.changes.jobs[0].cause));
    }

    #[test]
    fn the_third_panic_sets_a_job_aside_and_a_hanging_handler_counts_as_an_attempt() {
        for attempt in [1, 2] {
            assert!(matches!(end(attempt, Run::Panicked(message())).end, End::Failed { .. }));
        }
        let third = end(PANICS_BEFORE_DEAD, Run::Panicked("x".repeat(10_000)));
        let End::Dead { class, message } = third.end else { panic!("{:?}", third.end) };
        assert_eq!((class.as_str(), message.len()), ("panic", LONGEST_MESSAGE));
        assert!(matches!(end(1, Run::Overran).end, End::Failed { class, .. } if class == "overrun"));
    }

    #[test]
    fn nothing_is_written_for_a_job_that_belongs_to_somebody_else() {
        for run in [Run::Abandoned, Run::Failed(HandlerError::LeaseLost)] {
            assert!(finish_of(&job(1), run, now(), 0.5).is_none());
        }
    }
}
