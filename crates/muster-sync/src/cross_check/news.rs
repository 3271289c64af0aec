//! Telling other projects that the verdict on a type changed.

use super::verdict::{News, note_told};
use crate::pass::Pass;
use crate::reads::{ReadError, listing_of};
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::properties::Properties;
use muster_domain::protected::ProtectedResource;
use muster_domain::{ProjectId, ResourceId};
use muster_runtime::HandlerError;
use muster_store::inventory::{ResourceFilter, StoredResource};
use std::collections::BTreeSet;

/// Has every other project that holds resources of the types read, or judged, anew. The jobs are committed before the
/// document says that they were told: a crash in between tells them twice.
pub(super) async fn tell(pass: &mut Pass<'_>, news: &[News]) -> Result<(), ReadError> {
    // This project is read on and judged at the end of this pass.
    pass.progress.changed = true;
    for one in news {
        tracing::info!(
            ado.organization = %pass.organization, resource = %one.resource, check = one.now.as_str(),
            "the cross-check of the authorized resources came to another result"
        );
        let kind = if one.asks_for_reading() { JobKind::ProjectSync } else { JobKind::ProjectRefresh };
        for project_id in projects_with(pass, one.resource).await? {
            if project_id != pass.project_id {
                let subject = JobSubject::project(pass.connector.id, pass.organization.clone(), project_id);
                let job = pass.next_job(kind, subject);
                pass.changes.jobs.push(job);
            }
        }
    }
    pass.keep().await?;
    let inventory = pass.slice.store().inventory();
    inventory
        .update_list_check(pass.connector.id, pass.organization_id, |document| note_told(document, news))
        .await
        .map_err(HandlerError::from)?;
    Ok(())
}

/// Projects in which the verdict on a type decides anything.
async fn projects_with(
    pass: &Pass<'_>,
    resource: ProtectedResource,
) -> Result<BTreeSet<ProjectId>, HandlerError> {
    let inventory = pass.slice.store().inventory();
    let Some(kind) = resource.resource_kind() else {
        // Queues are no resources of their own: every project whose queues were read may hold one.
        let Some(read) = listing_of(resource) else { return Ok(BTreeSet::new()) };
        let last_read = inventory.last_read(pass.connector.id, pass.organization_id, read).await?;
        return Ok(last_read.into_keys().collect());
    };
    let mut projects = BTreeSet::new();
    let mut after: Option<ResourceId> = None;
    loop {
        let filter = ResourceFilter {
            connector: Some(pass.connector.id),
            organization: Some(pass.organization_id),
            kinds: vec![kind],
            after,
            ..ResourceFilter::default()
        };
        let page = inventory.list(&filter).await?;
        let Some(last) = page.last() else { return Ok(projects) };
        after = Some(last.id);
        projects.extend(page.iter().filter(|stored| matters(stored)).filter_map(project_of));
    }
}

fn project_of(stored: &StoredResource) -> Option<ProjectId> {
    stored.resource.key.project_id
}

fn matters(stored: &StoredResource) -> bool {
    match &stored.resource.properties {
        Properties::VariableGroup(group) => group.has_secrets(),
        _ => true,
    }
}
