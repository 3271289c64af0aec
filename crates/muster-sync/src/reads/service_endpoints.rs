//! Service connections of the project.

use super::ReadError;
use crate::pass::Pass;
use muster_domain::properties::Properties;
use muster_domain::read::Read;
use muster_domain::resource::{Resource, ResourceKey, ResourceKind};
use std::collections::HashSet;

pub(super) async fn read(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    let items = pass.session.service_endpoints(&pass.organization, pass.project_id).await?;
    let known = pass.known(ResourceKind::ServiceConnection).await?;
    let mut listed = HashSet::with_capacity(items.len());
    pass.progress.endpoints = items.iter().map(|item| item.id.clone()).collect();
    let count = items.len();
    for item in items {
        let kind = ResourceKind::ServiceConnection;
        let key = ResourceKey::in_project(kind, pass.organization_id, pass.project_id, item.id);
        // An item that a listing holds twice is one resource.
        if listed.insert(key.resource_id(pass.connector.id)) {
            let properties = Properties::ServiceConnection(item.properties);
            pass.resource(&known, Resource { key, name: item.name, properties });
        }
    }
    pass.missing(&known, &listed);
    pass.document(Read::ServiceEndpoints, "", &(), count);
    Ok(())
}
