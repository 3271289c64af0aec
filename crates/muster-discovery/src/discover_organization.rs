//! `organization.discover`: connectionData, projects and repositories of one organization.
//!
//! Pages are committed as they arrive; progress holds the step and what the half-read listing held so far.

use crate::follow_up::{is_scheduled, priority_of};
use crate::inventory_difference::Difference;
use crate::organization_access::{Ownership, ownership};
use crate::work::Work;
use async_trait::async_trait;
use muster_azdo::{AzureDevOps, CallError, ConnectionData, PageGuard, PageRequest};
use muster_domain::connector::{ConnectorEvent, ConnectorState};
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::properties::{OrganizationProperties, Properties};
use muster_domain::read::Read;
use muster_domain::resource::{ContentHash, Resource, ResourceKey, ResourceKind};
use muster_domain::{IdentityKey, OrganizationId, OrganizationName, ProjectId, TenantId};
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::{
    Changes, ClaimWrite, IdentityWrite, ReadingDocument, ReadingKey, ReadingKind, ReadingWrite,
};
use muster_store::ledger::ClaimedJob;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Discovers organizations.
pub struct DiscoverOrganization {
    client: AzureDevOps,
    sync_every: Duration,
}

impl DiscoverOrganization {
    /// A handler that calls through `client` and asks for the reading of projects that were not read for
    /// `sync_every`.
    pub fn new(client: AzureDevOps, sync_every: Duration) -> Self {
        Self { client, sync_every }
    }
}

/// Where a discovery stands.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Progress {
    organization: Option<KnownOrganization>,
    projects: ProjectListing,
    /// A listing lost more than half; this is the second look, which is believed.
    second_look: bool,
    /// Projects in which something changed: judged anew.
    changed_projects: BTreeSet<ProjectId>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KnownOrganization {
    id: OrganizationId,
    tenant_id: Option<TenantId>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProjectListing {
    continuation: Option<String>,
    /// Projects listed so far, with their names.
    listed: BTreeMap<ProjectId, String>,
    is_complete: bool,
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
        let Some(work) = Work::begin(job, slice, &self.client).await? else {
            return Ok(Outcome::cancelled());
        };
        let progress = job.progress.clone().and_then(|progress| serde_json::from_value(progress).ok());
        let mut discovery = Discovery { work, organization, progress: progress.unwrap_or_default() };
        if discovery.progress.organization.is_none()
            && let Some(refused) = discovery.identify().await?
        {
            return Ok(refused);
        }
        if !discovery.progress.projects.is_complete && !discovery.list_projects().await? {
            return Ok(discovery.carry_on(Changes::default()));
        }
        if slice.is_over() {
            return Ok(discovery.carry_on(Changes::default()));
        }
        discovery.list_repositories(self.sync_every).await
    }
}

struct Discovery<'a> {
    work: Work<'a>,
    organization: OrganizationName,
    progress: Progress,
}

impl Discovery<'_> {
    /// Who am I here, which organization is this, and may the connector have it. `Some`: it may not.
    async fn identify(&mut self) -> Result<Option<Outcome>, HandlerError> {
        let data = match self.work.session.connection_data(&self.organization).await {
            Ok(data) => data,
            // One organization may refuse what others admit: the connector says so, the others go on.
            Err(error @ (CallError::Forbidden { .. } | CallError::NotFound { .. })) => {
                return Ok(Some(self.refused(ConnectorEvent::PermissionMissing, error.to_string())));
            }
            Err(error) => return Err(self.work.fail(error).await),
        };
        match ownership(&self.work, &self.organization, &data).await? {
            Ownership::Free => (),
            Ownership::ClaimedElsewhere(reason) => {
                return Ok(Some(self.refused(ConnectorEvent::OrganizationsClaimedElsewhere, reason)));
            }
            Ownership::OtherTenant(reason) => {
                return Ok(Some(self.refused(ConnectorEvent::PermissionMissing, reason)));
            }
        }
        let changes = self.identified(&data).await?;
        self.progress.organization =
            Some(KnownOrganization { id: data.organization_id, tenant_id: data.tenant_id });
        self.commit(changes).await?;
        // Two connectors may have asked at the same moment; the claim that was committed first holds.
        match ownership(&self.work, &self.organization, &data).await? {
            Ownership::ClaimedElsewhere(reason) => {
                Ok(Some(self.refused(ConnectorEvent::OrganizationsClaimedElsewhere, reason)))
            }
            Ownership::Free | Ownership::OtherTenant(_) => Ok(None),
        }
    }

    fn refused(&self, event: ConnectorEvent, reason: String) -> Outcome {
        let connectors = vec![self.work.transition(event, Some(reason))];
        Outcome::done(Changes { connectors, ..Changes::default() })
    }

    async fn identified(&self, data: &ConnectionData) -> Result<Changes, HandlerError> {
        let mut changes = Changes::default();
        let connector = &self.work.connector;
        let organization_id = data.organization_id;
        changes.claims.push(ClaimWrite::Claim {
            connector_id: connector.id,
            organization_id,
            organization: self.organization.clone(),
            tenant_id: data.tenant_id,
        });
        let identity = IdentityKey::subject(data.subject_descriptor.clone());
        if self.work.credential.identity.as_ref() != Some(&identity) {
            changes.identities.push(IdentityWrite { credential_id: self.work.credential.id, identity });
        }
        // A refusal of another organization stays visible until the next preflight; a tenant is learnt once.
        if connector.tenant_id.is_none()
            && data.tenant_id.is_some()
            && matches!(connector.state, ConnectorState::Pending | ConnectorState::Active)
        {
            let mut transition = self.work.transition(ConnectorEvent::Authorized, None);
            transition.tenant_id = data.tenant_id;
            changes.connectors.push(transition);
        }
        let properties = Properties::Organization(OrganizationProperties {
            tenant_id: data.tenant_id,
            web_url: data.web_url.clone(),
        });
        let resource = Resource {
            key: ResourceKey::organization(organization_id),
            name: self.organization.as_str().to_owned(),
            properties,
        };
        let mut difference =
            Self::difference(&self.work, &self.organization, organization_id, ResourceKind::Organization)
                .await?;
        difference.listed(resource, None, &mut changes);
        Ok(changes)
    }

    /// Borrows only what names the resources, so that progress can be written while a listing is compared.
    async fn difference<'w>(
        work: &'w Work<'_>,
        organization: &'w OrganizationName,
        organization_id: OrganizationId,
        kind: ResourceKind,
    ) -> Result<Difference<'w>, HandlerError> {
        let store = work.slice.store();
        let known = store.inventory().known(work.connector.id, organization_id, kind, None).await?;
        Ok(Difference::new(&work.connector, organization.as_str(), store.now().await?, known))
    }

    /// Lists the projects; false where the slice is over before the last page.
    async fn list_projects(&mut self) -> Result<bool, HandlerError> {
        let organization_id = self.organization_id()?;
        let mut listing = std::mem::take(&mut self.progress.projects);
        let mut guard = PageGuard::in_organization(Read::Projects, &self.organization);
        let mut request = PageRequest { continuation: listing.continuation.take() };
        if let Some(token) = &request.continuation
            && let Err(error) = guard.admit(token)
        {
            return Err(self.work.fail(error).await);
        }
        loop {
            let page = match self.work.session.projects(&self.organization, request.clone()).await {
                Ok(page) => page,
                Err(error) => return Err(self.work.fail(error).await),
            };
            let next = match guard.next(&page) {
                Ok(next) => next,
                Err(error) => return Err(self.work.fail(error).await),
            };
            let mut changes = Changes::default();
            let mut changed = BTreeSet::new();
            {
                let mut difference =
                    Self::difference(&self.work, &self.organization, organization_id, ResourceKind::Project)
                        .await?;
                let before = listing
                    .listed
                    .keys()
                    .map(|id| ResourceKey::project(organization_id, *id).resource_id(self.work.connector.id));
                difference.listed_before(before);
                for item in page.items {
                    let resource = Resource {
                        key: ResourceKey::project(organization_id, item.id),
                        name: item.name.clone(),
                        properties: Properties::Project(item.properties),
                    };
                    if difference.listed(resource, None, &mut changes) {
                        changed.insert(item.id);
                    }
                    listing.listed.insert(item.id, item.name);
                }
                if next.is_none() {
                    if difference.is_suspicious() && !self.progress.second_look {
                        return self.look_again(changes).await;
                    }
                    difference.mark_missing(&mut changes);
                    changes.readings.push(self.reading(organization_id, Read::Projects, difference.count()));
                }
            }
            self.progress.changed_projects.append(&mut changed);
            let is_complete = next.is_none();
            self.progress.projects = ProjectListing {
                continuation: next.as_ref().and_then(|next| next.continuation.clone()),
                listed: std::mem::take(&mut listing.listed),
                is_complete,
            };
            self.commit(changes).await?;
            let Some(next) = next else { return Ok(true) };
            if self.work.slice.is_over() {
                return Ok(false);
            }
            listing = std::mem::take(&mut self.progress.projects);
            request = next;
        }
    }

    /// A listing lost more than half of what was known: nothing is called missing before it said so twice.
    async fn look_again(&mut self, changes: Changes) -> Result<bool, HandlerError> {
        tracing::warn!(
            ado.organization = %self.organization,
            "a listing lost more than half of what was known, it is read again before anything is missing"
        );
        self.progress.second_look = true;
        self.progress.projects = ProjectListing::default();
        self.commit(changes).await?;
        Ok(false)
    }

    async fn list_repositories(mut self, sync_every: Duration) -> Result<Outcome, HandlerError> {
        let organization_id = self.organization_id()?;
        let mut batches = match self.work.session.repositories(&self.organization).await {
            Ok(batches) => batches,
            Err(error) => return Err(self.work.fail(error).await),
        };
        let mut difference =
            Self::difference(&self.work, &self.organization, organization_id, ResourceKind::Repository)
                .await?;
        loop {
            let batch = match batches.next_batch().await {
                Ok(Some(batch)) => batch,
                Ok(None) => break,
                Err(error) => return Err(self.work.fail(error).await),
            };
            let mut changes = Changes::default();
            for item in batch {
                let kind = ResourceKind::Repository;
                let resource = Resource {
                    key: ResourceKey::in_project(kind, organization_id, item.project_id, item.id.to_string()),
                    name: item.name,
                    properties: Properties::Repository(item.properties),
                };
                let project = self.progress.projects.listed.get(&item.project_id).map(String::as_str);
                if difference.listed(resource, project, &mut changes) {
                    self.progress.changed_projects.insert(item.project_id);
                }
            }
            // The answer comes unpaged: a batch is kept with the projects that it changed, because the listing begins
            // anew after a crash and finds the batch unchanged then.
            self.work.slice.commit_page(self.work.job, changes, self.progress_json()).await?;
        }
        let mut changes = Changes::default();
        let is_suspicious = difference.is_suspicious() && !self.progress.second_look;
        if !is_suspicious {
            difference.mark_missing(&mut changes);
            changes.readings.push(self.reading(organization_id, Read::Repositories, difference.count()));
        }
        drop(difference);
        if is_suspicious {
            self.look_again(changes).await?;
            return Ok(self.carry_on(Changes::default()));
        }
        self.follow_up(organization_id, sync_every, &mut changes).await?;
        Ok(Outcome::done(changes))
    }

    /// What is read and judged next: every project where somebody asked, else those that were not read for long;
    /// projects that were read before and changed are judged anew.
    async fn follow_up(
        &self,
        organization_id: OrganizationId,
        sync_every: Duration,
        changes: &mut Changes,
    ) -> Result<(), HandlerError> {
        let store = self.work.slice.store();
        let connector_id = self.work.connector.id;
        let last_read =
            store.inventory().last_read(connector_id, organization_id, Read::ServiceEndpoints).await?;
        let now = store.now().await?;
        let cause = &self.work.job.cause;
        for project_id in self.progress.projects.listed.keys() {
            let subject = JobSubject::project(connector_id, self.organization.clone(), *project_id);
            let read_at = last_read.get(project_id);
            let is_fresh = read_at.is_some_and(|at| (now - *at).to_std().unwrap_or_default() < sync_every);
            if !is_scheduled(cause) || !is_fresh {
                changes.jobs.push(self.work.next_job(
                    JobKind::ProjectSync,
                    subject.clone(),
                    priority_of(cause),
                ));
            }
            // A project that was never read is judged when it is.
            if read_at.is_some() && self.progress.changed_projects.contains(project_id) {
                changes.jobs.push(self.work.next_job(JobKind::ProjectRefresh, subject, priority_of(cause)));
            }
        }
        Ok(())
    }

    fn organization_id(&self) -> Result<OrganizationId, HandlerError> {
        self.progress.organization.map(|organization| organization.id).ok_or_else(|| HandlerError::Reject {
            class: "malformed_progress",
            message: "the progress of the job names no organization".to_owned(),
        })
    }

    fn reading(&self, organization_id: OrganizationId, read: Read, item_count: u64) -> ReadingWrite {
        ReadingWrite {
            key: ReadingKey {
                connector_id: self.work.connector.id,
                organization_id,
                project_id: None,
                kind: ReadingKind::Read(read),
                subject: String::new(),
            },
            outcome: Ok(ReadingDocument {
                document: serde_json::Value::Null,
                content_hash: ContentHash::of(&item_count),
                item_count,
            }),
        }
    }

    async fn commit(&self, changes: Changes) -> Result<(), HandlerError> {
        self.work.slice.commit_page(self.work.job, changes, self.progress_json()).await
    }

    fn carry_on(&self, changes: Changes) -> Outcome {
        Outcome::carry_on(changes, self.progress_json())
    }

    fn progress_json(&self) -> serde_json::Value {
        // Plain structs with text keys always serialise.
        serde_json::to_value(&self.progress).unwrap_or_default()
    }
}
