//! Whether a refused credential is still the one that the connector has: a person may have renewed it while the job ran.

use super::outcome::Run;
use crate::handler::HandlerError;
use chrono::{DateTime, Utc};
use muster_domain::connector::ConnectorState;
use muster_store::ledger::ClaimedJob;
use muster_store::{Store, StoreError};

/// The run as it is, or [`Run::Outdated`] where it came to a refusal of what was renewed, or let go on, since the job
/// was claimed: the new word must not be undone by the old one.
pub(super) async fn unless_outdated(
    store: &Store,
    job: &ClaimedJob,
    run: Run,
    claimed_at: Option<DateTime<Utc>>,
) -> Run {
    let is_refusal = matches!(run, Run::Failed(HandlerError::NeedsAuth { .. }));
    let Some(claimed_at) = claimed_at.filter(|_| is_refusal) else { return run };
    match is_outdated(store, job, claimed_at).await {
        Ok(true) => {
            tracing::info!(job.id = %job.lease.job_id, "the credential was renewed since it was refused");
            Run::Outdated
        }
        Ok(false) => run,
        // The commit will find out whether the database is back.
        Err(error) => {
            tracing::warn!(job.id = %job.lease.job_id, error = %error, "a refusal is taken for what it says");
            run
        }
    }
}

async fn is_outdated(store: &Store, job: &ClaimedJob, claimed_at: DateTime<Utc>) -> Result<bool, StoreError> {
    let Some(connector) = store.connectors().get(job.subject.connector_id).await? else { return Ok(false) };
    if job.credential_id.is_some_and(|credential| credential != connector.credential_id) {
        return Ok(true);
    }
    let goes_on = connector.state == ConnectorState::Pending && connector.state_since > claimed_at;
    let credential = store.credentials().get(connector.credential_id).await?;
    Ok(goes_on || credential.updated_at > claimed_at)
}
