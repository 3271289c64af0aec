//! `connector.authorize`: proves the credential, learns whom it acts as, then has the organizations discovered.

use crate::follow_up::priority_of;
use crate::organization_access::{Organizations, organizations_of};
use crate::work::Work;
use async_trait::async_trait;
use muster_azdo::{AzureDevOps, CallError};
use muster_domain::IdentityKey;
use muster_domain::connector::ConnectorEvent;
use muster_domain::job::{JobKind, JobSubject};
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::{Changes, IdentityWrite};
use muster_store::ledger::ClaimedJob;

/// Proves the credentials of connectors.
pub struct AuthorizeConnector {
    client: AzureDevOps,
}

impl AuthorizeConnector {
    /// A handler that calls through `client`.
    pub fn new(client: AzureDevOps) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Handler for AuthorizeConnector {
    fn kind(&self) -> JobKind {
        JobKind::ConnectorAuthorize
    }

    async fn handle(&self, job: &ClaimedJob, slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        let Some(work) = Work::begin(job, slice, &self.client).await? else {
            return Ok(Outcome::cancelled());
        };
        let organizations = match organizations_of(&work).await {
            Ok(Organizations::Named(organizations)) => organizations,
            Ok(Organizations::CannotBeListed(reason)) => {
                let transition = work.transition(ConnectorEvent::PermissionMissing, Some(reason));
                return Ok(Outcome::done(Changes { connectors: vec![transition], ..Changes::default() }));
            }
            Err(error) => return Err(work.fail(error).await),
        };
        let mut refusals = Vec::new();
        for organization in &organizations {
            match work.session.connection_data(organization).await {
                Ok(data) => return Ok(authorized(&work, data.subject_descriptor)),
                // One organization may refuse what others admit; the credential is lost where all of them do.
                Err(
                    error @ (CallError::Unauthorized { .. }
                    | CallError::Forbidden { .. }
                    | CallError::NotFound { .. }),
                ) => {
                    refusals.push(error);
                }
                Err(error) => return Err(work.fail(error).await),
            }
        }
        Err(refused(&refusals))
    }
}

fn authorized(work: &Work<'_>, subject_descriptor: String) -> Outcome {
    let identity = IdentityKey::subject(subject_descriptor);
    let mut changes = Changes {
        connectors: vec![work.transition(ConnectorEvent::Authorized, None)],
        jobs: vec![work.next_job(
            JobKind::ConnectorDiscover,
            JobSubject::connector(work.connector.id),
            priority_of(&work.job.cause),
        )],
        ..Changes::default()
    };
    if work.credential.identity.as_ref() != Some(&identity) {
        changes.identities.push(IdentityWrite { credential_id: work.credential.id, identity });
    }
    Outcome::done(changes)
}

fn refused(refusals: &[CallError]) -> HandlerError {
    let message = refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let message = if message.is_empty() { "no organization is named".to_owned() } else { message };
    HandlerError::NeedsAuth { message }
}
