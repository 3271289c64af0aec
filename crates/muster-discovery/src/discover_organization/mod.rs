//! `organization.discover`: connectionData, projects, repositories, and what is read once per organization.
//!
//! Pages are committed as they arrive; progress holds the step and what a half-read listing held so far, so that
//! nothing that was paid for is read twice.

mod absent_projects;
mod absent_repositories;
mod departed;
mod discovery;
mod follow_up;
mod identify;
mod progress;
mod projects;
mod repositories;

pub(crate) use discovery::Discovery;

use crate::reads;
use crate::settings::DiscoverySettings;
use crate::step::StepError;
use crate::work::Work;
use async_trait::async_trait;
use muster_azdo::AzureDevOps;
use muster_domain::OrganizationName;
use muster_domain::connector::{Connector, OrganizationsChoice};
use muster_domain::job::JobKind;
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::Changes;
use muster_store::ledger::ClaimedJob;
use std::sync::Arc;

/// Discovers organizations.
pub struct DiscoverOrganization {
    client: AzureDevOps,
    settings: Arc<DiscoverySettings>,
}

impl DiscoverOrganization {
    /// A handler that calls through `client`.
    pub fn new(client: AzureDevOps, settings: Arc<DiscoverySettings>) -> Self {
        Self { client, settings }
    }
}

#[async_trait]
impl Handler for DiscoverOrganization {
    fn kind(&self) -> JobKind {
        JobKind::OrganizationDiscover
    }

    async fn handle(&self, job: &ClaimedJob, slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        let Some(organization) = job.subject.organization.clone() else {
            let message = "the job names no organization".to_owned();
            return Err(HandlerError::Reject { class: "malformed_subject", message });
        };
        let Some(work) = Work::begin(job, slice, &self.client, &self.settings).await? else {
            return Ok(Outcome::cancelled());
        };
        if !asks_for(&work.connector, &organization) {
            return Ok(Outcome::cancelled());
        }
        let mut discovery = Discovery::new(work, organization);
        match run(&mut discovery).await {
            Ok(Turn::Done) => discovery.finish().await,
            Ok(Turn::SliceIsOver) => Ok(discovery.carry_on()),
            Ok(Turn::MayNot(changes)) => Ok(Outcome::done(*changes)),
            Err(StepError::Handler(error)) => Err(error),
            Err(StepError::Call(error)) => discovery.end_with(error).await,
        }
    }
}

/// False where the organization was taken out of the choice after the job was made.
fn asks_for(connector: &Connector, organization: &OrganizationName) -> bool {
    match &connector.organizations {
        OrganizationsChoice::AllExistingAndFuture => true,
        OrganizationsChoice::Selected { organizations } => {
            organizations.is_empty() || organizations.contains(organization)
        }
    }
}

/// What a run came to.
enum Turn {
    /// Every step is done.
    Done,
    /// The next slice goes on.
    SliceIsOver,
    /// The connector may not have the organization.
    MayNot(Box<Changes>),
}

/// The steps that are still to be done, in order.
async fn run(discovery: &mut Discovery<'_>) -> Result<Turn, StepError> {
    if discovery.progress.organization_id.is_none()
        && let Some(refused) = identify::identify(discovery).await?
    {
        return Ok(Turn::MayNot(Box::new(refused)));
    }
    discovery.learn_freshness().await?;
    let is_done = (discovery.progress.projects.is_complete || projects::list(discovery).await?)
        && (discovery.progress.absent_projects_settled || absent_projects::settle(discovery).await?)
        && (discovery.progress.repositories.is_complete || repositories::list(discovery).await?)
        && (discovery.progress.absent_repositories_settled || absent_repositories::settle(discovery).await?)
        && reads::read_all(discovery).await?;
    Ok(if is_done { Turn::Done } else { Turn::SliceIsOver })
}
