//! `connector.preflight`: looks again at a connector that waits for a right or an owner.

use crate::organization_access::{Organizations, organizations_of};
use crate::ownership::ownership;
use crate::priority::priority_of;
use crate::settings::DiscoverySettings;
use crate::standing::Refusals;
use crate::step::StepError;
use crate::work::Work;
use async_trait::async_trait;
use muster_azdo::{AzureDevOps, PageRequest};
use muster_domain::OrganizationName;
use muster_domain::connector::ConnectorEvent;
use muster_domain::job::{JobKind, JobSubject};
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::Changes;
use muster_store::ledger::ClaimedJob;
use std::sync::Arc;

/// Asks what credentials may read.
pub struct PreflightConnector {
    client: AzureDevOps,
    settings: Arc<DiscoverySettings>,
}

impl PreflightConnector {
    /// A handler that calls through `client`.
    pub fn new(client: AzureDevOps, settings: Arc<DiscoverySettings>) -> Self {
        Self { client, settings }
    }
}

#[async_trait]
impl Handler for PreflightConnector {
    fn kind(&self) -> JobKind {
        JobKind::ConnectorPreflight
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
            match is_readable(&work, &organization.name, &mut refusals).await {
                Ok(true) => return Ok(discover(&work)),
                Ok(false) => (),
                Err(error) => return Err(work.give_up(error).await),
            }
        }
        refusals.end(&work).await
    }
}

/// True where the connector may have the organization and read it; what it says otherwise is noted.
async fn is_readable(
    work: &Work<'_>,
    organization: &OrganizationName,
    refusals: &mut Refusals,
) -> Result<bool, StepError> {
    let data = match work.session.connection_data(organization).await {
        Ok(data) => data,
        Err(error) => {
            refusals.note(work, organization, error)?;
            return Ok(false);
        }
    };
    let ownership = ownership(work.slice.store(), work.claimant(), organization, &data).await?;
    if refusals.note_owner(work, organization, data.organization_id, ownership) {
        return Ok(false);
    }
    match work.session.projects(organization, PageRequest::first()).await {
        Ok(_) => Ok(true),
        Err(error) => {
            refusals.note(work, organization, error)?;
            Ok(false)
        }
    }
}

/// Something can be read: the discovery says where every organization stands.
fn discover(work: &Work<'_>) -> Outcome {
    let discover = work.next_job(
        JobKind::ConnectorDiscover,
        JobSubject::connector(work.connector.id),
        priority_of(&work.job.cause),
    );
    Outcome::done(Changes { jobs: vec![discover], ..Changes::default() })
}
