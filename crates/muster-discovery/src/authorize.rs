//! `connector.authorize`: proves the credential, learns whom it acts as, then has the organizations discovered.

use crate::organization_access::{Organizations, organizations_of};
use crate::priority::priority_of;
use crate::settings::DiscoverySettings;
use crate::standing::Refusals;
use crate::work::Work;
use async_trait::async_trait;
use muster_azdo::AzureDevOps;
use muster_domain::IdentityKey;
use muster_domain::connector::ConnectorEvent;
use muster_domain::job::{JobKind, JobSubject};
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::{Changes, IdentityWrite};
use muster_store::ledger::ClaimedJob;
use std::sync::Arc;

/// Proves the credentials of connectors.
pub struct AuthorizeConnector {
    client: AzureDevOps,
    settings: Arc<DiscoverySettings>,
}

impl AuthorizeConnector {
    /// A handler that calls through `client`.
    pub fn new(client: AzureDevOps, settings: Arc<DiscoverySettings>) -> Self {
        Self { client, settings }
    }
}

#[async_trait]
impl Handler for AuthorizeConnector {
    fn kind(&self) -> JobKind {
        JobKind::ConnectorAuthorize
    }

    async fn handle(&self, job: &ClaimedJob, slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        let Some(work) = Work::begin(job, slice, &self.client, &self.settings).await? else {
            return Ok(Outcome::cancelled());
        };
        let organizations = match organizations_of(&work).await {
            Ok(Organizations::Named(organizations) | Organizations::Listed(organizations)) => organizations,
            Ok(Organizations::CannotBeListed(reason)) => {
                let transition = work.transition(ConnectorEvent::PermissionMissing, Some(reason));
                return Ok(Outcome::done(Changes { connectors: vec![transition], ..Changes::default() }));
            }
            Err(error) => return Err(work.fail(error).await),
        };
        let mut refusals = Refusals::default();
        for organization in &organizations {
            match work.session.connection_data(&organization.name).await {
                Ok(data) => return Ok(authorized(&work, data.subject_descriptor)),
                // One organization may refuse what others admit; the credential is lost where all of them do.
                Err(error) => {
                    if let Err(error) = refusals.note(&work, &organization.name, error) {
                        return Err(work.fail(error).await);
                    }
                }
            }
        }
        refusals.end(&work).await
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
