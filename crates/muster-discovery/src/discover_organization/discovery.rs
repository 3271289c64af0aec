//! One discovery of an organization: what is known, what is written, how it ends.

use super::departed;
use super::progress::Progress;
use crate::inventory_difference::Difference;
use crate::organization_access::is_known_elsewhere;
use crate::step::StepError;
use crate::work::Work;
use chrono::{DateTime, Utc};
use muster_azdo::{CallError, UnauthorizedReason};
use muster_domain::read::{Read, UnknownReason};
use muster_domain::resource::{ContentHash, ResourceKind};
use muster_domain::{OrganizationId, OrganizationName, ProjectId};
use muster_runtime::{HandlerError, Outcome};
use muster_store::changes::{Changes, ReadingDocument, ReadingKey, ReadingKind, ReadingWrite, StoredReading};
use std::collections::HashMap;

/// One discovery of an organization.
pub(crate) struct Discovery<'a> {
    pub(crate) work: Work<'a>,
    pub(crate) organization: OrganizationName,
    pub(crate) progress: Progress,
    /// When projects were read, as far as they ever were.
    pub(super) last_read: HashMap<ProjectId, DateTime<Utc>>,
    /// The organization itself refused the credential in this run.
    is_refused: bool,
}

/// A page where an answer should be, of a read that must not fail in passing.
fn is_page(error: &CallError) -> bool {
    let is_page = matches!(error, CallError::Unauthorized { reason: UnauthorizedReason::SignInPage, .. });
    is_page && error.call().read.is_documented()
}

/// The read by which it is told when a project was read.
const TELLS_FRESHNESS: Read = Read::ServiceEndpoints;

impl<'a> Discovery<'a> {
    /// Goes on where the last slice stopped. Progress of an older binary that this one cannot read begins anew.
    pub(super) fn new(work: Work<'a>, organization: OrganizationName) -> Self {
        let progress = work.job.progress.clone().and_then(|progress| serde_json::from_value(progress).ok());
        let progress = progress.unwrap_or_default();
        Self { work, organization, progress, last_read: HashMap::new(), is_refused: false }
    }

    /// Learns when projects were read: what was never read is read and judged whatever changes.
    pub(super) async fn learn_freshness(&mut self) -> Result<(), HandlerError> {
        let inventory = self.work.slice.store().inventory();
        let (connector, organization) = (self.work.connector.id, self.organization_id()?);
        self.last_read = inventory.last_read(connector, organization, TELLS_FRESHNESS).await?;
        Ok(())
    }

    /// Something changed in a project.
    pub(crate) fn note_changed(&mut self, project: ProjectId) {
        if self.last_read.contains_key(&project) {
            self.progress.changed_projects.insert(project);
        }
    }

    /// A project came back, or something in it appeared of which an earlier reading says nothing.
    pub(super) fn note_unread(&mut self, project: ProjectId) {
        if self.last_read.contains_key(&project) {
            self.progress.unread_projects.insert(project);
        }
    }

    /// True where a call refused the credential, and nothing else does: what depends on the call is Unknown. False
    /// where the credential is refused altogether, or the call failed otherwise. Asked once in a discovery.
    pub(crate) async fn is_refused_alone(&mut self, error: &CallError) -> Result<bool, StepError> {
        match error {
            CallError::Forbidden { .. } => Ok(true),
            CallError::Unauthorized { .. } if self.progress.admitted_after_refusal => Ok(true),
            CallError::Unauthorized { .. } if self.is_refused => Ok(false),
            // A token without the scope of one call is answered like one that is lost.
            CallError::Unauthorized { .. } => {
                match self.work.session.connection_data(&self.organization).await {
                    // A page is no answer of this read, and may have come from something on the way, once.
                    Ok(_) if is_page(error) && self.work.job.attempt == 1 => {
                        let message = error.to_string();
                        Err(HandlerError::Retry { class: "sign_in_page", message }.into())
                    }
                    Ok(_) => {
                        self.progress.admitted_after_refusal = true;
                        Ok(true)
                    }
                    Err(CallError::Unauthorized { .. }) => {
                        self.is_refused = true;
                        Ok(false)
                    }
                    Err(error) => Err(error.into()),
                }
            }
            CallError::Throttled { .. }
            | CallError::NotFound { .. }
            | CallError::OrganizationStopped { .. }
            | CallError::Transient { .. }
            | CallError::HostUnavailable { .. }
            | CallError::CertificateRefused { .. }
            | CallError::Unexpected { .. }
            | CallError::GateUnavailable { .. } => Ok(false),
        }
    }

    /// The organization, which every step after the first knows.
    pub(crate) fn organization_id(&self) -> Result<OrganizationId, HandlerError> {
        self.progress.organization_id.ok_or_else(|| HandlerError::Reject {
            class: "malformed_progress",
            message: "the progress of the job names no organization".to_owned(),
        })
    }

    /// A comparison with everything that is known of a kind.
    pub(crate) async fn difference(&self, kind: ResourceKind) -> Result<Difference, HandlerError> {
        let inventory = self.work.slice.store().inventory();
        let connector = self.work.connector.id;
        let known = inventory.known(connector, self.organization_id()?, kind, None).await?;
        Ok(Difference::new(connector, known))
    }

    /// Where a reading of the organization belongs, or of one of its projects.
    pub(crate) fn reading_key(
        &self,
        read: Read,
        project_id: Option<ProjectId>,
    ) -> Result<ReadingKey, HandlerError> {
        Ok(ReadingKey {
            connector_id: self.work.connector.id,
            organization_id: self.organization_id()?,
            project_id,
            kind: ReadingKind::Read(read),
            subject: String::new(),
        })
    }

    /// The reading of a listing whose items are resources.
    pub(crate) fn listing(&self, read: Read, item_count: u64) -> Result<ReadingWrite, HandlerError> {
        let outcome = Ok(ReadingDocument {
            document: serde_json::Value::Null,
            content_hash: ContentHash::of(&item_count),
            item_count,
        });
        Ok(ReadingWrite { key: self.reading_key(read, None)?, outcome })
    }

    /// What an earlier pass read.
    pub(crate) async fn last_reading(&self, read: Read) -> Result<Option<StoredReading>, HandlerError> {
        let key = self.reading_key(read, None)?;
        Ok(self.work.slice.store().inventory().reading(&key).await?)
    }

    /// A read gave nothing, for this reason. Where it gave something before, everything that rests on it changes.
    pub(crate) async fn gap(
        &mut self,
        read: Read,
        reason: UnknownReason,
    ) -> Result<ReadingWrite, HandlerError> {
        let before = self.last_reading(read).await?;
        if before.is_none_or(|before| before.outcome.err() != Some(reason)) {
            self.note_outcome_changed(read);
        }
        Ok(ReadingWrite { key: self.reading_key(read, None)?, outcome: Err(reason) })
    }

    /// What came of a read of the whole organization is another than before: the organization is judged anew, and
    /// every project where the verdicts of projects rest on the read.
    pub(crate) fn note_outcome_changed(&mut self, read: Read) {
        self.progress.organization_changed = true;
        if matches!(read, Read::Repositories | Read::AdvancedSecurityEnablement) {
            for project in self.progress.projects.listed.clone() {
                self.note_changed(project);
            }
        }
    }

    /// Commits one page with where to go on after it.
    pub(crate) async fn commit(&self, changes: Changes) -> Result<(), HandlerError> {
        self.work.slice.commit_page(self.work.job, changes, self.progress_json()).await
    }

    /// The credential was refused by what all else rests on: by the organization alone, or everywhere.
    async fn end_unauthorized(mut self, error: CallError, refused: Changes) -> Result<Outcome, HandlerError> {
        let is_refused_here = if self.progress.organization_id.is_some() {
            // The organization said who the credential is, before.
            self.is_refused_alone(&error).await
        } else {
            Ok(false)
        };
        let is_known = match is_refused_here {
            Ok(true) => Ok(true),
            Ok(false) => is_known_elsewhere(&self.work, std::slice::from_ref(&self.organization)).await,
            Err(error) => Err(error),
        };
        match is_known {
            Ok(true) => Ok(Outcome::done(refused)),
            Ok(false) => Err(self.work.fail(error).await),
            Err(error) => Err(self.work.give_up(error).await),
        }
    }

    /// The id that the organization had when it was last read.
    async fn known_id(&self) -> Result<Option<OrganizationId>, HandlerError> {
        if let Some(id) = self.progress.organization_id {
            return Ok(Some(id));
        }
        let connectors = self.work.slice.store().connectors();
        let standing = connectors.standing(self.work.connector.id, &self.organization).await?;
        Ok(standing.and_then(|standing| standing.organization_id))
    }

    /// Gives way; the next slice goes on here.
    pub(super) fn carry_on(&self) -> Outcome {
        Outcome::carry_on(Changes::default(), self.progress_json())
    }

    /// The end of a discovery in which a call failed that all else rests on.
    pub(super) async fn end_with(mut self, error: CallError) -> Result<Outcome, HandlerError> {
        if matches!(error, CallError::NotFound { .. })
            && let Some(id) = self.known_id().await?
        {
            return departed::settle(self, id, error).await;
        }
        let id = self.progress.organization_id;
        let Some(access) = error.organization_access() else { return Err(self.work.fail(error).await) };
        let reason = Some(error.to_string());
        let organizations = vec![self.work.stands(&self.organization, id, access, reason)];
        let changes = Changes { organizations, ..Changes::default() };
        match error {
            // One organization may refuse what others admit: it says so, the others go on.
            CallError::Forbidden { .. } | CallError::NotFound { .. } => Ok(Outcome::done(changes)),
            CallError::Unauthorized { .. } => self.end_unauthorized(error, changes).await,
            CallError::OrganizationStopped { .. } => {
                // The probe begins anew: whatever was read before is old by then.
                self.progress = Progress::default();
                self.commit(changes).await?;
                Err(self.work.fail(error).await)
            }
            error => Err(self.work.fail(error).await),
        }
    }

    pub(crate) fn progress_json(&self) -> serde_json::Value {
        // Plain structs with text keys always serialise.
        serde_json::to_value(&self.progress).unwrap_or_default()
    }
}
