//! The repositories of the whole organization, in one answer that is parsed while it arrives.

use super::Discovery;
use super::absent_repositories::{self, Listed};
use crate::inventory_difference::{Difference, Sighting};
use crate::step::StepError;
use muster_azdo::RepositoryItem;
use muster_domain::properties::Properties;
use muster_domain::read::{Read, UnknownReason};
use muster_domain::resource::{Resource, ResourceKey, ResourceKind};
use muster_runtime::HandlerError;
use muster_store::changes::Changes;

/// Lists the repositories and settles what became of those that are not listed; false where the slice is over before
/// the end, or the listing needs a second look.
pub(super) async fn list(discovery: &mut Discovery<'_>) -> Result<bool, StepError> {
    let mut batches = match discovery.work.session.repositories(&discovery.organization).await {
        Ok(batches) => batches,
        Err(error) if discovery.is_refused_alone(&error).await? => {
            tracing::info!(error = %error, "repositories may not be listed, what depends on them is unknown");
            return without_list(discovery).await;
        }
        Err(error) => return Err(error.into()),
    };
    let mut difference = discovery.difference(ResourceKind::Repository).await?;
    let mut listed = Listed::default();
    while let Some(batch) = batches.next_batch().await? {
        let mut changes = Changes::default();
        for item in batch {
            listed.insert(item.id);
            note(discovery, &mut difference, item, &mut changes)?;
        }
        // A batch is kept with the projects that it changed, because the listing begins anew after a crash and finds
        // the batch unchanged then.
        discovery.commit(changes).await?;
    }
    if difference.is_suspicious() && !discovery.progress.repositories.is_second_look {
        tracing::warn!(
            ado.organization = %discovery.organization,
            "the list of repositories lost more than half of what was known, it is read again before anything is missing"
        );
        discovery.progress.repositories.is_second_look = true;
        discovery.commit(Changes::default()).await?;
        return Ok(false);
    }
    // What was unknown is known again, even where nothing changed meanwhile.
    if discovery.last_reading(Read::Repositories).await?.is_some_and(|before| before.outcome.is_err()) {
        discovery.note_outcome_changed(Read::Repositories);
    }
    let mut changes = Changes::default();
    changes.readings.push(discovery.listing(Read::Repositories, difference.count())?);
    absent_repositories::settle_listed(discovery, &difference, &listed, changes).await
}

fn note(
    discovery: &mut Discovery<'_>,
    difference: &mut Difference,
    item: RepositoryItem,
    changes: &mut Changes,
) -> Result<(), HandlerError> {
    let (kind, organization_id) = (ResourceKind::Repository, discovery.organization_id()?);
    let resource = Resource {
        key: ResourceKey::in_project(kind, organization_id, item.project_id, item.id.to_string()),
        name: item.name,
        properties: Properties::Repository(item.properties),
    };
    let sighting = difference.listed(resource, changes);
    if sighting != Sighting::Same {
        discovery.note_changed(item.project_id);
    }
    // Policies may have come with it: a reading that is older than the repository says nothing of it.
    if sighting == Sighting::Appeared {
        discovery.note_unread(item.project_id);
    }
    Ok(())
}

/// The credential may not list repositories: nothing is missing, and nothing is known.
async fn without_list(discovery: &mut Discovery<'_>) -> Result<bool, StepError> {
    let gap = discovery.gap(Read::Repositories, UnknownReason::Forbidden).await?;
    discovery.progress.repositories.is_complete = true;
    discovery.progress.absent_repositories_settled = true;
    discovery.commit(Changes { readings: vec![gap], ..Changes::default() }).await?;
    Ok(!discovery.work.slice.is_over())
}
