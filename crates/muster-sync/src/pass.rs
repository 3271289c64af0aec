//! One pass over a project: what was known, what is read, what changed.

use crate::cross_check::Answers;
use crate::links;
use crate::reads::listing_of;
use chrono::{DateTime, Utc};
use muster_azdo::{AzureDevOps, Session};
use muster_domain::connector::{Connector, ConnectorState, OrganizationAccess};
use muster_domain::failure::CallFailure;
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::protected::ProtectedResource;
use muster_domain::read::{Read, UnknownReason};
use muster_domain::resource::{ContentHash, Presence, Resource, ResourceKey, ResourceKind};
use muster_domain::snapshot::AuthorizedResourceList;
use muster_domain::{OrganizationId, OrganizationName, ProjectId, ResourceId, cause};
use muster_runtime::{HandlerError, Outcome, Slice};
use muster_store::changes::{
    Changes, OrganizationWrite, PresenceWrite, ReadingDocument, ReadingKey, ReadingKind, ReadingWrite,
    RelationKind, RelationWrite, ResourceWrite, StoredReading,
};
use muster_store::inventory::KnownResource;
use muster_store::ledger::{BACKGROUND_PRIORITY, ClaimedJob, NewJob};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

/// Where a pass stands; kept between slices and over throttling.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Progress {
    /// Reads that are done, or are known to be refused.
    pub done: BTreeSet<Read>,
    /// Something changed: the project is judged anew.
    pub changed: bool,
    /// The listing that is half read.
    pub listing: Option<Listing>,
    /// Ids of the protected resources that were listed, by type; a type that could not be listed is absent.
    pub protected: BTreeMap<ProtectedResource, Vec<String>>,
    /// Ids of variable groups through which no pipeline gets at a secret.
    pub groups_without_secrets: BTreeSet<String>,
    /// What is listed as open to all pipelines; absent where the list could not be read.
    pub open: Option<AuthorizedResourceList>,
    /// What resources that were asked for one by one in this pass answered.
    pub answers: Answers,
    /// A read refused the credential, or was not found, and the organization still admitted it afterwards: reads do so
    /// one by one.
    pub admitted_after_refusal: bool,
}

/// A listing that is half read.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listing {
    /// Leads to the next page.
    pub continuation: Option<String>,
    /// Pages read so far, beside the first.
    #[serde(default)]
    pub pages: u64,
    /// Items so far, as far as they are needed at the end.
    pub items: Vec<Value>,
}

/// What is known of one kind of resource in the project.
pub(crate) type Known = HashMap<ResourceId, KnownResource>;

/// One pass over a project.
pub(crate) struct Pass<'a> {
    pub job: &'a ClaimedJob,
    pub slice: &'a Slice<'a>,
    pub connector: Connector,
    pub session: Session,
    pub organization: OrganizationName,
    pub organization_id: OrganizationId,
    pub project_id: ProjectId,
    pub progress: Progress,
    pub changes: Changes,
    /// Resources that are about to be rewritten and whose links may end by that.
    pub relinked: Vec<ResourceKey>,
    /// The credential was found to be lost in this run.
    pub is_refused: bool,
    known_readings: HashMap<(ReadingKind, String), StoredReading>,
}

impl<'a> Pass<'a> {
    /// Reads what is known; `None` where nothing is to be read: the connector is no more, or its organization or project
    /// is not there for it now, which discovery finds out.
    pub(crate) async fn begin(
        job: &'a ClaimedJob,
        slice: &'a Slice<'a>,
        client: &AzureDevOps,
    ) -> Result<Option<Self>, HandlerError> {
        let subject = &job.subject;
        let (Some(organization), Some(project_id)) = (subject.organization.clone(), subject.project_id)
        else {
            let message = "the job names no organization or no project".to_owned();
            return Err(HandlerError::Reject { class: "malformed_subject", message });
        };
        let store = slice.store();
        let connector = store.connectors().get(subject.connector_id).await?;
        let Some(connector) = connector else { return Ok(None) };
        match connector.state {
            ConnectorState::Removing | ConnectorState::Removed => return Ok(None),
            state if !state.may_work() => return Err(HandlerError::ConnectorWaits { state }),
            _ => (),
        }
        // One that is stopped, deleted or refused answers every project alike: discovery asks it, once, and comes back.
        let standing = store.connectors().standing(connector.id, &organization).await?;
        if standing.is_some_and(|standing| !may_be_read(standing.access)) {
            return Ok(None);
        }
        let inventory = store.inventory();
        let Some(found) = inventory.organization_by_name(connector.id, &organization).await? else {
            return Err(not_in_inventory(&format!("organization {organization}")));
        };
        // Not listed any more: what it was asked for answers nothing, and no call need say so. Discovery brings it back.
        let project = ResourceKey::project(found.id, project_id).resource_id(connector.id);
        match inventory.get(project).await? {
            None => return Err(not_in_inventory(&format!("project {project_id} of {organization}"))),
            Some(project) if project.presence != Presence::Present => return Ok(None),
            Some(_) => (),
        }
        let credentials = store.credentials();
        let credential = credentials.get(connector.credential_id).await?;
        let secret = credentials.reveal(connector.credential_id).await?;
        let session = client.session_of(&credential, secret, job.caller());
        let organization_id = found.id;
        let readings = inventory.readings(connector.id, organization_id, Some(project_id)).await?;
        let known_readings =
            readings.into_iter().map(|(key, stored)| ((key.kind, key.subject), stored)).collect();
        let progress = match &job.progress {
            // Progress of an older binary that this one cannot read: the pass begins anew.
            Some(progress) => serde_json::from_value(progress.clone()).unwrap_or_default(),
            None => Progress::default(),
        };
        Ok(Some(Self {
            job,
            slice,
            connector,
            session,
            organization,
            organization_id,
            project_id,
            progress,
            changes: Changes::default(),
            relinked: Vec::new(),
            is_refused: false,
            known_readings,
        }))
    }

    /// Key of something in this project.
    pub(crate) fn key(&self, kind: ResourceKind, id: impl Into<String>) -> ResourceKey {
        ResourceKey::in_project(kind, self.organization_id, self.project_id, id)
    }

    /// Key of a reading of this project.
    pub(crate) fn reading_key(&self, read: Read, subject: impl Into<String>) -> ReadingKey {
        ReadingKey {
            connector_id: self.connector.id,
            organization_id: self.organization_id,
            project_id: Some(self.project_id),
            kind: ReadingKind::Read(read),
            subject: subject.into(),
        }
    }

    /// Notes a document that was read.
    pub(crate) fn document<T: Serialize>(
        &mut self,
        read: Read,
        subject: &str,
        document: &T,
        item_count: usize,
    ) {
        let outcome = Ok(ReadingDocument {
            // Documents are plain structs: they always serialise.
            document: serde_json::to_value(document).unwrap_or_default(),
            content_hash: ContentHash::of(document),
            item_count: u64::try_from(item_count).unwrap_or(u64::MAX),
        });
        self.reading(read, subject, outcome);
    }

    /// Notes that a read gave nothing; what depends on it becomes Unknown, and nothing that it lists is missing.
    pub(crate) fn unknown(&mut self, read: Read, reason: UnknownReason) {
        self.progress.listing = None;
        self.progress.protected.retain(|resource, _| listing_of(*resource) != Some(read));
        self.unknown_of(read, "", reason);
    }

    /// Notes that one resource could not be read.
    pub(crate) fn unknown_of(&mut self, read: Read, subject: &str, reason: UnknownReason) {
        self.reading(read, subject, Err(reason));
    }

    /// Subjects of the known readings of one kind about single resources, and when each was read.
    pub(crate) fn known_subjects(&self, kind: ReadingKind) -> Vec<(String, DateTime<Utc>)> {
        self.known_readings
            .iter()
            .filter(|((known, subject), _)| *known == kind && !subject.is_empty())
            .map(|((_, subject), stored)| (subject.clone(), stored.read_at))
            .collect()
    }

    /// The document of a read of the whole project as it was before this pass.
    pub(crate) fn known_document<T: DeserializeOwned>(&self, read: Read) -> Option<T> {
        let stored = self.known_readings.get(&(ReadingKind::Read(read), String::new()))?;
        let document = stored.outcome.as_ref().ok()?;
        T::deserialize(&document.document).ok()
    }

    fn reading(&mut self, read: Read, subject: &str, outcome: Result<ReadingDocument, UnknownReason>) {
        let before = self.known_readings.get(&(ReadingKind::Read(read), subject.to_owned()));
        let same = before.is_some_and(|before| match (&before.outcome, &outcome) {
            (Ok(before), Ok(now)) => before.content_hash == now.content_hash,
            (Err(before), Err(now)) => before == now,
            _ => false,
        });
        self.progress.changed |= !same;
        let key = self.reading_key(read, subject);
        self.changes.readings.push(ReadingWrite { key, outcome });
    }

    /// Notes a resource that was listed, where it differs from what is known; true where it does.
    pub(crate) fn resource(&mut self, known: &Known, resource: Resource) -> bool {
        let same = known.get(&resource.key.resource_id(self.connector.id)).is_some_and(|known| {
            known.presence == Presence::Present && known.hash == resource.content_hash()
        });
        if !same {
            self.progress.changed = true;
            self.changes.resources.push(ResourceWrite { connector_id: self.connector.id, resource });
        }
        !same
    }

    /// Notes a link between resources, or its end.
    pub(crate) fn link(&mut self, from: &ResourceKey, kind: RelationKind, to: ResourceKey, removed: bool) {
        let (connector_id, from) = (self.connector.id, from.clone());
        self.changes.relations.push(RelationWrite { connector_id, from, kind, to, removed });
    }

    /// Notes as missing what a complete listing did not hold.
    pub(crate) fn missing(&mut self, known: &Known, listed: &HashSet<ResourceId>) {
        for (resource_id, resource) in known {
            if resource.presence == Presence::Present && !listed.contains(resource_id) {
                self.progress.changed = true;
                let presence = Presence::Missing;
                self.changes.presence.push(PresenceWrite { resource_id: *resource_id, presence });
            }
        }
    }

    /// Notes that the organization is stopped, so that nobody asks for its other projects.
    pub(crate) fn note_stopped(&mut self, reason: String) {
        self.changes.organizations.push(OrganizationWrite::Stands {
            connector_id: self.connector.id,
            organization: self.organization.clone(),
            organization_id: Some(self.organization_id),
            access: OrganizationAccess::Stopped,
            reason: Some(reason),
        });
    }

    /// The reading that says that the project is listed and answers nothing.
    pub(crate) fn absence_key(&self) -> ReadingKey {
        self.reading_key(Read::Projects, "")
    }

    /// When the project first answered as if it were not there, if it did so last time.
    pub(crate) fn absent_since(&self) -> Option<DateTime<Utc>> {
        let stored = self.known_readings.get(&(ReadingKind::Read(Read::Projects), String::new()))?;
        stored.outcome.is_err().then_some(stored.read_at)
    }

    /// What is known of one kind of resource in this project.
    pub(crate) async fn known(&self, kind: ResourceKind) -> Result<Known, HandlerError> {
        let inventory = self.slice.store().inventory();
        Ok(inventory.known(self.connector.id, self.organization_id, kind, Some(self.project_id)).await?)
    }

    /// Commits what was read so far.
    pub(crate) async fn keep(&mut self) -> Result<(), HandlerError> {
        links::end_old(self).await?;
        let changes = std::mem::take(&mut self.changes);
        self.slice.commit_page(self.job, changes, self.progress_json()).await
    }

    /// Commits what was read so far, then fails: nothing that was paid for is read twice.
    pub(crate) async fn keep_and_fail(&mut self, failure: CallFailure) -> HandlerError {
        if let Err(error) = self.keep().await {
            return error;
        }
        match self.slice.store().now().await {
            Ok(now) => HandlerError::from_call(failure, now),
            Err(error) => error.into(),
        }
    }

    /// Gives way; the next slice goes on here.
    pub(crate) fn carry_on(self) -> Outcome {
        let progress = self.progress_json();
        Outcome::carry_on(self.changes, progress)
    }

    /// The pass is complete: the project is judged where something changed, or another catalogue judged it last.
    pub(crate) fn finish(mut self, catalogue: ContentHash) -> Outcome {
        if self.progress.changed || self.judged_by() != Some(catalogue) {
            let subject = self.job.subject.clone();
            let job = self.next_job(JobKind::ProjectRefresh, subject);
            self.changes.jobs.push(job);
        }
        Outcome::done(self.changes)
    }

    /// The catalogue by which the project was judged last.
    fn judged_by(&self) -> Option<ContentHash> {
        let stored = self.known_readings.get(&(ReadingKind::Refresh, String::new()))?;
        stored.outcome.as_ref().ok().map(|document| document.content_hash)
    }

    /// A job that follows from this one.
    pub(crate) fn next_job(&self, kind: JobKind, subject: JobSubject) -> NewJob {
        NewJob {
            kind,
            subject,
            credential_id: kind.spends_budget().then_some(self.connector.credential_id),
            delay: Duration::ZERO,
            priority: BACKGROUND_PRIORITY,
            cause: cause::of_job(self.job.lease.job_id),
            trace: self.job.trace.clone(),
        }
    }

    fn progress_json(&self) -> Value {
        // Plain structs with text keys always serialise.
        serde_json::to_value(&self.progress).unwrap_or_default()
    }
}

fn may_be_read(access: OrganizationAccess) -> bool {
    matches!(access, OrganizationAccess::Connected | OrganizationAccess::Pending)
}

fn not_in_inventory(what: &str) -> HandlerError {
    HandlerError::Gone { message: format!("{what} is not in the inventory") }
}
