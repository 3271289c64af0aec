//! `organization.refresh`: asks for the refresh of every project of an organization.

use async_trait::async_trait;
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::read::Read;
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::Changes;
use muster_store::ledger::{BACKGROUND_PRIORITY, ClaimedJob, NewJob};
use std::time::Duration;

/// Asks for the refresh of every project of an organization. No rule judges an organization itself.
#[derive(Clone, Copy, Debug)]
pub struct RefreshOrganization;

#[async_trait]
impl Handler for RefreshOrganization {
    fn kind(&self) -> JobKind {
        JobKind::OrganizationRefresh
    }

    async fn handle(&self, job: &ClaimedJob, slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        let Some(organization) = job.subject.organization.clone() else {
            return Err(HandlerError::Reject {
                class: "malformed_subject",
                message: "the job names no organization".to_owned(),
            });
        };
        let connector_id = job.subject.connector_id;
        let inventory = slice.store().inventory();
        let Some(found) = inventory.organization_by_name(connector_id, &organization).await? else {
            return Err(HandlerError::Gone {
                message: format!("organization {organization} is not in the inventory"),
            });
        };
        // A project that was never read is judged when it is: until then everything about it is Unknown.
        let read = inventory.last_read(connector_id, found.id, Read::ServiceEndpoints).await?;
        let projects = inventory.projects(connector_id, found.id).await?;
        let jobs = projects
            .into_iter()
            .filter(|project| read.contains_key(&project.id))
            .map(|project| NewJob {
                kind: JobKind::ProjectRefresh,
                subject: JobSubject::project(connector_id, organization.clone(), project.id),
                credential_id: None,
                delay: Duration::ZERO,
                priority: BACKGROUND_PRIORITY,
                cause: job.cause.clone(),
                trace: job.trace.clone(),
            })
            .collect();
        Ok(Outcome::done(Changes { jobs, ..Changes::default() }))
    }
}
