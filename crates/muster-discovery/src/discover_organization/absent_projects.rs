//! Projects that are not listed any more: gone where the list of deleted projects holds them, otherwise missing. What
//! lies in them goes with them.

use super::Discovery;
use crate::absence::{Part, set_presence};
use crate::step::StepError;
use muster_azdo::{CallError, PageGuard, PageRequest};
use muster_domain::ProjectId;
use muster_domain::read::Read;
use muster_domain::resource::{Presence, ResourceKind};
use muster_store::changes::Changes;
use std::collections::BTreeSet;

/// Writes what became of them; false where the slice is over before the end.
pub(super) async fn settle(discovery: &mut Discovery<'_>) -> Result<bool, StepError> {
    let absent = absent(discovery).await?;
    if !absent.is_empty() {
        if !discovery.progress.deleted_projects.is_complete {
            list_deleted(discovery, &absent).await?;
        }
        for project in absent {
            let is_deleted = discovery.progress.deleted_projects.found.contains(&project);
            let presence = if is_deleted { Presence::Gone } else { Presence::Missing };
            let part = Part {
                connector: discovery.work.connector.id,
                organization: Some(discovery.organization_id()?),
                project: Some(project),
            };
            let progress = discovery.progress_json();
            let (slice, job) = (discovery.work.slice, discovery.work.job);
            if !set_presence(slice, job, part, presence, &progress).await? {
                return Ok(false);
            }
        }
    }
    discovery.progress.absent_projects_settled = true;
    Ok(true)
}

/// Projects that are known, not gone, and not listed.
async fn absent(discovery: &Discovery<'_>) -> Result<BTreeSet<ProjectId>, StepError> {
    let inventory = discovery.work.slice.store().inventory();
    let (connector, organization) = (discovery.work.connector.id, discovery.organization_id()?);
    let known = inventory.known(connector, organization, ResourceKind::Project, None).await?;
    let not_gone = known.into_values().filter(|known| known.presence != Presence::Gone);
    let listed = &discovery.progress.projects.listed;
    Ok(not_gone.filter_map(|known| known.key.project_id).filter(|id| !listed.contains(id)).collect())
}

/// Lists the deleted projects and keeps those that the inventory misses. A credential that may not list them confirms
/// nothing.
async fn list_deleted(discovery: &mut Discovery<'_>, absent: &BTreeSet<ProjectId>) -> Result<(), StepError> {
    let mut request = PageRequest { continuation: discovery.progress.deleted_projects.continuation.clone() };
    let mut guard = PageGuard::in_organization(Read::Projects, &discovery.organization)
        .going_on(discovery.progress.deleted_projects.pages, request.continuation.as_deref())?;
    loop {
        let page = match discovery.work.session.deleted_projects(&discovery.organization, request).await {
            Ok(page) => page,
            Err(error) if confirms_nothing(&error, discovery.work.job.attempt) => {
                tracing::info!(error = %error, "deleted projects cannot be listed, what is not listed is missing");
                break;
            }
            Err(error) => return Err(error.into()),
        };
        let next = guard.next(&page)?;
        let found = page.items.into_iter().map(|item| item.id).filter(|id| absent.contains(id));
        discovery.progress.deleted_projects.found.extend(found);
        let Some(next) = next else { break };
        discovery.progress.deleted_projects.continuation.clone_from(&next.continuation);
        discovery.progress.deleted_projects.pages = guard.pages();
        discovery.commit(Changes::default()).await?;
        request = next;
    }
    discovery.progress.deleted_projects.is_complete = true;
    discovery.commit(Changes::default()).await?;
    Ok(())
}

/// True where a look for what was deleted came to nothing for good: what is not listed stays missing.
pub(super) fn confirms_nothing(error: &CallError, attempt: u32) -> bool {
    match error {
        CallError::Forbidden { .. } | CallError::NotFound { .. } => true,
        // Once may be an accident.
        CallError::Unexpected { .. } => attempt > 1,
        CallError::Throttled { .. }
        | CallError::Unauthorized { .. }
        | CallError::OrganizationStopped { .. }
        | CallError::Transient { .. }
        | CallError::HostUnavailable { .. }
        | CallError::CertificateRefused { .. }
        | CallError::GateUnavailable { .. } => false,
    }
}
