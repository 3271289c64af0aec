//! Links that resources have by their properties.

use crate::pass::Pass;
use muster_domain::properties::Properties;
use muster_domain::resource::{Resource, ResourceKey, ResourceKind};
use muster_runtime::HandlerError;
use muster_store::changes::RelationKind;

/// The link that a resource has by its properties.
fn link_of(pass: &Pass<'_>, resource: &Resource) -> Option<(RelationKind, ResourceKey)> {
    match &resource.properties {
        // The repository may lie in another project; the relation is by its id, found in this organization.
        Properties::Pipeline(pipeline) => {
            let repository = pipeline.repository_id?.to_string();
            Some((RelationKind::Builds, pass.key(ResourceKind::Repository, repository)))
        }
        _ => None,
    }
}

/// Notes the link of a resource that is written now. `is_known`: it may have had another one.
pub(crate) fn begin_new(pass: &mut Pass<'_>, resource: &Resource, is_known: bool) {
    if let Some((kind, to)) = link_of(pass, resource) {
        pass.link(&resource.key, kind, to, false);
    }
    if is_known {
        pass.relinked.push(resource.key.clone());
    }
}

/// Ends the links that rewritten resources had and have no longer; to be called before they are committed.
pub(crate) async fn end_old(pass: &mut Pass<'_>) -> Result<(), HandlerError> {
    for key in std::mem::take(&mut pass.relinked) {
        let inventory = pass.slice.store().inventory();
        let Some(before) = inventory.get(key.resource_id(pass.connector.id)).await? else { continue };
        let Some((kind, to)) = link_of(pass, &before.resource) else { continue };
        let goes_on =
            pass.changes.relations.iter().any(|link| link.from == key && link.kind == kind && link.to == to);
        if !goes_on {
            pass.link(&key, kind, to, true);
        }
    }
    Ok(())
}
