//! Build definitions of the project, and which repository each builds.

use super::ReadError;
use super::paged::read_pages;
use crate::pass::Pass;
use muster_azdo::PipelineItem;
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
    let ids = read_pages(
        pass,
        Read::BuildDefinitions,
        |session, organization, project, page| async move {
            session.build_definitions(&organization, project, page).await
        },
        |pass, item| {
            let id = item.id;
            note(pass, &known, item);
            Some(Value::from(id))
        },
    )
    .await?;
    let listed = resource_ids(pass, &ids);
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
