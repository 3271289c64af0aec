//! `connector.discover`: lists the organizations of a connector and has each discovered.

use crate::follow_up::priority_of;
use crate::organization_access::{Organizations, organizations_of};
use crate::work::Work;
use async_trait::async_trait;
use muster_azdo::AzureDevOps;
use muster_domain::connector::ConnectorEvent;
use muster_domain::job::{JobKind, JobSubject};
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::Changes;
use muster_store::ledger::ClaimedJob;

/// Lists the organizations of connectors.
pub struct DiscoverConnector {
    client: AzureDevOps,
}

impl DiscoverConnector {
    /// A handler that calls through `client`.
    pub fn new(client: AzureDevOps) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Handler for DiscoverConnector {
    fn kind(&self) -> JobKind {
        JobKind::ConnectorDiscover
    }

    async fn handle(&self, job: &ClaimedJob, slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        let Some(work) = Work::begin(job, slice, &self.client).await? else {
            return Ok(Outcome::cancelled());
        };
        let mut changes = Changes::default();
        match organizations_of(&work).await {
            Ok(Organizations::Named(organizations)) => {
                let priority = priority_of(&job.cause);
                for organization in organizations {
                    let subject = JobSubject::organization(work.connector.id, organization);
                    changes.jobs.push(work.next_job(JobKind::OrganizationDiscover, subject, priority));
                }
            }
            Ok(Organizations::CannotBeListed(reason)) => {
                changes.connectors.push(work.transition(ConnectorEvent::PermissionMissing, Some(reason)));
            }
            Err(error) => return Err(work.fail(error).await),
        }
        Ok(Outcome::done(changes))
    }
}
