//! The projects of the organization, page by page.

use super::Discovery;
use super::progress::ProjectListing;
use crate::inventory_difference::{Difference, Sighting};
use crate::step::StepError;
use muster_azdo::{PageGuard, PageRequest, ProjectItem};
use muster_domain::properties::Properties;
use muster_domain::read::Read;
use muster_domain::resource::{Resource, ResourceKey, ResourceKind};
use muster_runtime::HandlerError;
use muster_store::changes::Changes;

/// Lists the projects; false where the slice is over before the last page, or the listing needs a second look.
pub(super) async fn list(discovery: &mut Discovery<'_>) -> Result<bool, StepError> {
    let mut difference = begin(discovery).await?;
    let mut request = PageRequest { continuation: discovery.progress.projects.continuation.clone() };
    let mut guard = PageGuard::in_organization(Read::Projects, &discovery.organization)
        .going_on(discovery.progress.projects.pages, request.continuation.as_deref())?;
    loop {
        let page = discovery.work.session.projects(&discovery.organization, request).await?;
        let next = guard.next(&page)?;
        let mut changes = Changes::default();
        for item in page.items {
            note(discovery, &mut difference, item, &mut changes)?;
        }
        let Some(next) = next else { return end(discovery, &difference, changes).await };
        discovery.progress.projects.continuation.clone_from(&next.continuation);
        discovery.progress.projects.pages = guard.pages();
        discovery.commit(changes).await?;
        if discovery.work.slice.is_over() {
            return Ok(false);
        }
        request = next;
    }
}

/// A comparison that knows what earlier slices listed.
async fn begin(discovery: &Discovery<'_>) -> Result<Difference, HandlerError> {
    let mut difference = discovery.difference(ResourceKind::Project).await?;
    let (organization_id, connector) = (discovery.organization_id()?, discovery.work.connector.id);
    let before = discovery.progress.projects.listed.iter();
    difference
        .listed_before(before.map(|id| ResourceKey::project(organization_id, *id).resource_id(connector)));
    Ok(difference)
}

fn note(
    discovery: &mut Discovery<'_>,
    difference: &mut Difference,
    item: ProjectItem,
    changes: &mut Changes,
) -> Result<(), HandlerError> {
    let resource = Resource {
        key: ResourceKey::project(discovery.organization_id()?, item.id),
        name: item.name,
        properties: Properties::Project(item.properties),
    };
    let sighting = difference.listed(resource, changes);
    if sighting != Sighting::Same {
        discovery.note_changed(item.id);
    }
    if sighting == Sighting::Appeared {
        discovery.note_unread(item.id);
    }
    discovery.progress.projects.listed.insert(item.id);
    Ok(())
}

/// After the last page. What became of projects that were not listed is the next step's matter.
async fn end(
    discovery: &mut Discovery<'_>,
    difference: &Difference,
    mut changes: Changes,
) -> Result<bool, StepError> {
    if difference.is_suspicious() && !discovery.progress.projects.is_second_look {
        tracing::warn!(
            ado.organization = %discovery.organization,
            "the list of projects lost more than half of what was known, it is read again before anything is missing"
        );
        discovery.progress.projects = ProjectListing { is_second_look: true, ..ProjectListing::default() };
        discovery.commit(changes).await?;
        return Ok(false);
    }
    changes.readings.push(discovery.listing(Read::Projects, difference.count())?);
    discovery.progress.projects.continuation = None;
    discovery.progress.projects.is_complete = true;
    discovery.commit(changes).await?;
    Ok(!discovery.work.slice.is_over())
}
