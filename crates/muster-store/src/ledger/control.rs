//! What people and connectors decide about jobs.

use super::row::{VIEW_COLUMNS, view};
use super::{JobView, Ledger};
use crate::dead_letters;
use crate::error::StoreError;
use crate::session::{Session, values};
use muster_domain::job::{JobKind, JobState};
use muster_domain::{ConnectorId, CredentialId, JobId};

impl Ledger {
    /// Cancels every live job of a connector but the one that takes it apart. Running ones find their lease gone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn cancel_connector(&self, connector: ConnectorId) -> Result<u64, StoreError> {
        self.store.transaction(|session| async move { cancel_connector(&session, connector).await }).await
    }

    /// Holds back every pending job of a credential until [`Ledger::release_auth`]. What proves the credential
    /// anew goes on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn park_for_auth(&self, credential: CredentialId) -> Result<u64, StoreError> {
        self.store
            .transaction(|session| async move { park(&session, "credential_id = $1", credential.0).await })
            .await
    }

    /// Makes every job due that waits for this credential.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn release_auth(&self, credential: CredentialId) -> Result<u64, StoreError> {
        self.store
            .transaction(|session| async move { release(&session, "credential_id = $1", credential.0).await })
            .await
    }

    /// Makes a job due now, with all its attempts: one that is dead or cancelled, or one that waits. What is already
    /// on its way to a worker stays so.
    ///
    /// # Errors
    /// [`JobControlError`].
    pub async fn retry(&self, job: JobId, reason: &str) -> Result<JobView, JobControlError> {
        self.change(job, JobDeed::Retry, reason).await
    }

    /// Cancels a live job; a running one finds its lease gone. One that is cancelled stays so.
    ///
    /// # Errors
    /// [`JobControlError`].
    pub async fn cancel(&self, job: JobId, reason: &str) -> Result<JobView, JobControlError> {
        self.change(job, JobDeed::Cancel, reason).await
    }

    async fn change(&self, job: JobId, deed: JobDeed, reason: &str) -> Result<JobView, JobControlError> {
        let answer = self
            .store
            .transaction(|session| async move {
                let answer = change(&session, job, deed, reason).await?;
                if let (JobDeed::Retry, JobAnswer::Stands(_)) = (deed, &answer) {
                    dead_letters::note_retried(&session, job, reason).await?;
                }
                Ok(answer)
            })
            .await?;
        match answer {
            JobAnswer::NoSuchJob => Err(JobControlError::NotFound(job)),
            JobAnswer::WrongState(state) => Err(JobControlError::WrongState { job, state, deed }),
            JobAnswer::SameWorkIsLive(live) => Err(JobControlError::SameWorkIsLive { job, live }),
            JobAnswer::Stands(view) => Ok(*view),
        }
    }
}

/// What a person does with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobDeed {
    /// It is to run now.
    Retry,
    /// It is not wanted any more.
    Cancel,
}

impl JobDeed {
    /// What was done, in the note of the job.
    fn past(self) -> &'static str {
        match self {
            Self::Retry => "retried",
            Self::Cancel => "cancelled",
        }
    }
}

/// Why a job cannot be retried or cancelled.
#[derive(Debug, thiserror::Error)]
pub enum JobControlError {
    /// There is none by that id: look at the list.
    #[error("there is no job {0}")]
    NotFound(JobId),
    /// It is in a state in which that makes no sense.
    #[error("the job {job} is {state}: it cannot be {}", deed.past())]
    WrongState {
        /// The job.
        job: JobId,
        /// Where it stands.
        state: JobState,
        /// What was asked for.
        deed: JobDeed,
    },
    /// Another job does the same work already: look at that one.
    #[error("the job {live} does the same work already: {job} cannot be retried")]
    SameWorkIsLive {
        /// The job.
        job: JobId,
        /// The one that lives.
        live: JobId,
    },
    /// The database says no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a job says to what is done with it.
pub(crate) enum JobAnswer {
    NoSuchJob,
    WrongState(JobState),
    SameWorkIsLive(JobId),
    Stands(Box<JobView>),
}

/// Does it, where the state of the job allows it.
pub(crate) async fn change(
    session: &Session,
    job: JobId,
    deed: JobDeed,
    reason: &str,
) -> Result<JobAnswer, StoreError> {
    let statement = format!("SELECT {VIEW_COLUMNS} FROM job j WHERE j.id = $1");
    let locked = format!("{statement} {{for_update}}");
    let Some(row) = session.one("job", &locked, values![job.0]).await? else {
        return Ok(JobAnswer::NoSuchJob);
    };
    let before = view(&row)?;
    let statement_of_deed = match (deed, before.state) {
        (JobDeed::Retry, JobState::Dispatched) | (JobDeed::Cancel, JobState::Cancelled) => {
            return Ok(JobAnswer::Stands(Box::new(before)));
        }
        (JobDeed::Retry, JobState::Pending | JobState::Dead | JobState::Cancelled) => RETRY,
        (JobDeed::Cancel, JobState::Pending | JobState::Dispatched | JobState::Running) => CANCEL,
        (JobDeed::Retry, JobState::Running | JobState::Done)
        | (JobDeed::Cancel, JobState::Done | JobState::Dead) => {
            return Ok(JobAnswer::WrongState(before.state));
        }
    };
    if let Some(live) = session.one("job", SAME_WORK, values![job.0]).await? {
        return Ok(JobAnswer::SameWorkIsLive(live.id("id")?));
    }
    let note = if reason.is_empty() { deed.past().to_owned() } else { format!("{}: {reason}", deed.past()) };
    session.run(statement_of_deed, values![job.0, note]).await?;
    let row = session.one("job", &statement, values![job.0]).await?;
    let row = row.ok_or_else(|| StoreError::not_found("job", &job))?;
    Ok(JobAnswer::Stands(Box::new(view(&row)?)))
}

const SAME_WORK: &str = "
    SELECT other.id FROM job j
    JOIN job other ON other.kind = j.kind AND other.subject_key = j.subject_key AND other.id <> j.id
    WHERE j.id = $1 AND other.state IN ('pending', 'dispatched', 'running')
        AND j.state NOT IN ('pending', 'dispatched', 'running')";

const RETRY: &str = "
    UPDATE job SET state = 'pending', waiting_reason = NULL, attempt = 0, crash_count = 0, wait_count = 0,
        failure_count = 0, first_error_class = NULL, first_error = NULL,
        waiting_since_ms = NULL, rerun = false, due_at_ms = {now}, finished_at_ms = NULL, note = $2,
        updated_at_ms = {now}
    WHERE id = $1";

const CANCEL: &str = "
    UPDATE job SET state = 'cancelled', waiting_reason = NULL, lease_token = NULL, lease_until_ms = NULL,
        rerun = false, finished_at_ms = {now}, note = $2, updated_at_ms = {now}
    WHERE id = $1";

/// Statement (12) of the design.
pub(crate) async fn cancel_connector(session: &Session, connector: ConnectorId) -> Result<u64, StoreError> {
    session
        .run(
            "UPDATE job SET state = 'cancelled', waiting_reason = NULL, lease_token = NULL, \
             lease_until_ms = NULL, rerun = false, finished_at_ms = {now}, updated_at_ms = {now} \
             WHERE connector_id = $1 AND kind <> $2 AND state IN ('pending', 'dispatched', 'running')",
            values![connector.0, JobKind::ConnectorRemove.as_str()],
        )
        .await
}

/// Takes the jobs of a connector back that no worker has claimed yet: their tickets find nothing to claim, and the
/// dispatcher holds them until the connector works again.
pub(crate) async fn put_back_dispatched(
    session: &Session,
    connector: ConnectorId,
) -> Result<u64, StoreError> {
    session
        .run(
            "UPDATE job SET state = 'pending', due_at_ms = {now}, updated_at_ms = {now} \
             WHERE connector_id = $1 AND state = 'dispatched' AND needs_connector",
            values![connector.0],
        )
        .await
}

/// Statement (10) of the design, first half, for the jobs that `which` selects by `$1`.
pub(crate) async fn park(session: &Session, which: &str, id: uuid::Uuid) -> Result<u64, StoreError> {
    session
        .run(
            &format!(
                "UPDATE job SET waiting_reason = 'needs_auth', \
                 waiting_since_ms = COALESCE(waiting_since_ms, {{now}}), updated_at_ms = {{now}} \
                 WHERE {which} AND state = 'pending' AND needs_connector \
                 AND waiting_reason IS DISTINCT FROM 'needs_auth'"
            ),
            values![id],
        )
        .await
}

/// Second half.
pub(crate) async fn release(session: &Session, which: &str, id: uuid::Uuid) -> Result<u64, StoreError> {
    session
        .run(
            &format!(
                "UPDATE job SET waiting_reason = NULL, due_at_ms = {{now}}, updated_at_ms = {{now}} \
                 WHERE {which} AND state = 'pending' AND waiting_reason = 'needs_auth'"
            ),
            values![id],
        )
        .await
}
