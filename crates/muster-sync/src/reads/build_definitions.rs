//! Build definitions of the project, and which repository each builds.

use super::ReadError;
use crate::pass::{Listing, Pass};
use muster_azdo::{PageGuard, PageRequest, PipelineItem};
use muster_domain::properties::Properties;
use muster_domain::read::Read;
use muster_domain::resource::{Resource, ResourceKey, ResourceKind};
use muster_domain::{ConnectorId, ResourceId};
use muster_store::changes::{RelationKind, RelationWrite};
use muster_store::inventory::KnownResource;
use serde_json::Value;
use std::collections::{HashMap, HashSet};

pub(super) async fn read(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    let known = pass.known(ResourceKind::Pipeline).await?;
    let mut listing = pass.progress.listing.take().unwrap_or_default();
    let mut guard = PageGuard::in_project(Read::BuildDefinitions, &pass.organization, pass.project_id);
    let mut request = PageRequest { continuation: listing.continuation.take() };
    if let Some(token) = &request.continuation {
        guard.admit(token)?;
    }
    loop {
        let answer =
            pass.session.build_definitions(&pass.organization, pass.project_id, request.clone()).await;
        let page = match answer {
            Ok(page) => page,
            Err(error) => {
                // What was paid for is kept: the next run goes on at this page.
                pass.progress.listing = Some(Listing { continuation: request.continuation, ..listing });
                return Err(error.into());
            }
        };
        let next = guard.next(&page)?;
        for item in page.items {
            listing.items.push(Value::from(item.id));
            note(pass, &known, item);
        }
        match next {
            Some(next) => request = next,
            None => break,
        }
        pass.progress.listing =
            Some(Listing { continuation: request.continuation.clone(), items: listing.items.clone() });
        pass.keep().await?;
    }
    pass.progress.listing = None;
    let listed = resource_ids(pass, &listing.items);
    pass.missing(&known, &listed);
    pass.document(Read::BuildDefinitions, "", &(), listed.len());
    Ok(())
}

fn key(pass: &Pass<'_>, id: i64) -> ResourceKey {
    ResourceKey::in_project(ResourceKind::Pipeline, pass.organization_id, pass.project_id, id.to_string())
}

fn resource_ids(pass: &Pass<'_>, items: &[Value]) -> HashSet<ResourceId> {
    let connector: ConnectorId = pass.connector.id;
    items.iter().filter_map(Value::as_i64).map(|id| key(pass, id).resource_id(connector)).collect()
}

fn note(pass: &mut Pass<'_>, known: &HashMap<ResourceId, KnownResource>, item: PipelineItem) {
    let from = key(pass, item.id);
    let repository_id = item.properties.repository_id;
    let written = pass.changes.resources.len();
    let properties = Properties::Pipeline(item.properties);
    pass.resource(known, Resource { key: from.clone(), name: item.name, properties });
    let changed = pass.changes.resources.len() > written;
    if let (true, Some(repository_id)) = (changed, repository_id) {
        let kind = ResourceKind::Repository;
        // The repository may lie in another project; the relation is by its id, found in this organization.
        let to =
            ResourceKey::in_project(kind, pass.organization_id, pass.project_id, repository_id.to_string());
        let connector_id = pass.connector.id;
        let kind = RelationKind::Builds;
        pass.changes.relations.push(RelationWrite { connector_id, from, kind, to, removed: false });
    }
}
