//! What people and connectors decide about jobs.

use super::Ledger;
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

    /// Makes a dead or cancelled job pending anew, with all its attempts; a pending one is due at once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] where it is running, done, or where a live job for the
    /// same work exists.
    pub async fn retry(&self, job: JobId) -> Result<(), StoreError> {
        let state = self.change(job, RETRY).await?;
        match state {
            None => Ok(()),
            Some(state) => {
                Err(StoreError::conflict(format!("the job {job} is {state}: it cannot be retried")))
            }
        }
    }

    /// Cancels a live job; a running one finds its lease gone.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] where it is over.
    pub async fn cancel(&self, job: JobId) -> Result<(), StoreError> {
        let state = self.change(job, CANCEL).await?;
        match state {
            None => Ok(()),
            Some(state) => Err(StoreError::conflict(format!("the job {job} is already {state}"))),
        }
    }

    /// Runs a statement on one job; its state where the statement did not apply.
    async fn change(&self, job: JobId, statement: &'static str) -> Result<Option<JobState>, StoreError> {
        self.store
            .transaction(|session| async move {
                if session.run(statement, values![job.0]).await? > 0 {
                    return Ok(None);
                }
                let row = session
                    .one("job", "SELECT id, state FROM job WHERE id = $1", values![job.0])
                    .await?
                    .ok_or_else(|| StoreError::not_found("job", &job))?;
                row.parse("state", JobState::parse).map(Some)
            })
            .await
    }
}

const RETRY: &str = "
    UPDATE job SET state = 'pending', waiting_reason = NULL, attempt = 0, crash_count = 0, wait_count = 0,
        waiting_since_ms = NULL, rerun = false, due_at_ms = {now}, finished_at_ms = NULL, updated_at_ms = {now}
    WHERE id = $1 AND state IN ('pending', 'dead', 'cancelled')";

const CANCEL: &str = "
    UPDATE job SET state = 'cancelled', waiting_reason = NULL, lease_token = NULL, lease_until_ms = NULL,
        rerun = false, finished_at_ms = {now}, updated_at_ms = {now}
    WHERE id = $1 AND state IN ('pending', 'dispatched', 'running')";

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
