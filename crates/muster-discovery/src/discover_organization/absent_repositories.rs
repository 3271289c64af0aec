//! Repositories that are not listed any more: gone where they lie in another project now or the recycle bin of their
//! project holds them, otherwise missing, for they may be hidden.

use super::Discovery;
use super::absent_projects::confirms_nothing;
use crate::inventory_difference::Difference;
use crate::step::StepError;
use muster_domain::resource::{Presence, ResourceKind};
use muster_domain::{ProjectId, RepositoryId, ResourceId};
use muster_runtime::HandlerError;
use muster_store::changes::{Changes, PresenceWrite};
use muster_store::inventory::KnownResource;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Ids of the repositories of a listing, wherever they lie.
pub(super) type Listed = HashSet<RepositoryId>;

/// A repository that is not listed.
struct Absent {
    row: ResourceId,
    id: RepositoryId,
    is_present: bool,
}

/// By the project that they lay in.
type AbsentByProject = BTreeMap<ProjectId, Vec<Absent>>;

/// Right after a listing: what it left out. False where the slice is over before the end.
pub(super) async fn settle_listed(
    discovery: &mut Discovery<'_>,
    difference: &Difference,
    listed: &Listed,
    mut changes: Changes,
) -> Result<bool, StepError> {
    let mut absent = AbsentByProject::new();
    for (row, known) in difference.unlisted() {
        let Some((project, repository)) = absent_of(row, known) else { continue };
        if listed.contains(&repository.id) {
            changes.presence.push(PresenceWrite { resource_id: row, presence: Presence::Gone });
            note_change(discovery, project);
        } else {
            absent.entry(project).or_default().push(repository);
        }
    }
    if absent.is_empty() {
        discovery.progress.repositories.is_complete = true;
    }
    discovery.commit(changes).await?;
    confirm(discovery, absent).await
}

/// Goes on after a pause: what is left is missing by now.
pub(super) async fn settle(discovery: &mut Discovery<'_>) -> Result<bool, StepError> {
    let inventory = discovery.work.slice.store().inventory();
    let (connector, organization) = (discovery.work.connector.id, discovery.organization_id()?);
    let known = inventory.known(connector, organization, ResourceKind::Repository, None).await?;
    let mut absent = AbsentByProject::new();
    for (row, known) in known.iter().filter(|(_, known)| known.presence == Presence::Missing) {
        if let Some((project, repository)) = absent_of(*row, known) {
            absent.entry(project).or_default().push(repository);
        }
    }
    confirm(discovery, absent).await
}

fn absent_of(row: ResourceId, known: &KnownResource) -> Option<(ProjectId, Absent)> {
    let id = known.key.external_id.parse().ok()?;
    let is_present = known.presence == Presence::Present;
    Some((known.key.project_id?, Absent { row, id, is_present }))
}

/// Asks the recycle bin of each project that has any, once in a discovery.
async fn confirm(discovery: &mut Discovery<'_>, mut rest: AbsentByProject) -> Result<bool, StepError> {
    while let Some((project, absent)) = rest.pop_first() {
        let deleted = match deleted_in(discovery, project).await {
            Ok(deleted) => deleted,
            Err(error) => {
                rest.insert(project, absent);
                leave_missing(discovery, &rest).await?;
                return Err(error);
            }
        };
        let mut changes = Changes::default();
        for repository in &absent {
            let is_gone = deleted.contains(&repository.id);
            write(discovery, project, repository, is_gone, &mut changes);
        }
        discovery.progress.bins_asked.insert(project);
        if !changes.is_empty() || !rest.is_empty() {
            discovery.commit(changes).await?;
        }
        if discovery.work.slice.is_over() {
            leave_missing(discovery, &rest).await?;
            return Ok(false);
        }
    }
    discovery.progress.repositories.is_complete = true;
    discovery.progress.absent_repositories_settled = true;
    discovery.commit(Changes::default()).await?;
    Ok(!discovery.work.slice.is_over())
}

/// What the recycle bin of a project holds; nothing where it was asked already, or the project is not listed itself.
async fn deleted_in(
    discovery: &Discovery<'_>,
    project: ProjectId,
) -> Result<BTreeSet<RepositoryId>, StepError> {
    let progress = &discovery.progress;
    if progress.bins_asked.contains(&project) || !progress.projects.listed.contains(&project) {
        return Ok(BTreeSet::new());
    }
    match discovery.work.session.deleted_repositories(&discovery.organization, project).await {
        Ok(items) => Ok(items.into_iter().map(|item| item.id).collect()),
        Err(error) if confirms_nothing(&error, discovery.work.job.attempt) => {
            tracing::info!(error = %error, "a recycle bin cannot be read, what is not listed is missing");
            Ok(BTreeSet::new())
        }
        Err(error) => Err(error.into()),
    }
}

fn write(
    discovery: &mut Discovery<'_>,
    project: ProjectId,
    repository: &Absent,
    is_gone: bool,
    changes: &mut Changes,
) {
    let presence = if is_gone { Presence::Gone } else { Presence::Missing };
    if is_gone || repository.is_present {
        changes.presence.push(PresenceWrite { resource_id: repository.row, presence });
        note_change(discovery, project);
    }
}

fn note_change(discovery: &mut Discovery<'_>, project: ProjectId) {
    if discovery.progress.projects.listed.contains(&project) {
        discovery.note_changed(project);
    }
}

/// The job pauses: what is not confirmed is missing until it goes on, and the listing is not read again.
async fn leave_missing(discovery: &mut Discovery<'_>, rest: &AbsentByProject) -> Result<(), HandlerError> {
    let mut changes = Changes::default();
    for (project, absent) in rest {
        for repository in absent {
            write(discovery, *project, repository, false, &mut changes);
        }
    }
    discovery.progress.repositories.is_complete = true;
    discovery.commit(changes).await
}
