//! What every resource of the inventory says of itself.

use chrono::{DateTime, Utc};
use muster_domain::resource::{Presence, ResourceKind};
use muster_domain::{ConnectorId, OrganizationId, ProjectId, ResourceId};
use muster_store::inventory::ResourceView;
use serde::Serialize;

/// Where a resource lies, and since when it is known.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Identity {
    pub(crate) kind: ResourceKind,
    pub(crate) name: String,
    /// Azure DevOps' id.
    pub(crate) id: String,
    /// The row in the inventory.
    pub(crate) resource_id: ResourceId,
    pub(crate) connector: String,
    pub(crate) connector_id: ConnectorId,
    pub(crate) organization: String,
    pub(crate) organization_id: OrganizationId,
    pub(crate) project: Option<String>,
    pub(crate) project_id: Option<ProjectId>,
    pub(crate) presence: Presence,
    pub(crate) first_seen_at: DateTime<Utc>,
    pub(crate) changed_at: DateTime<Utc>,
}

impl From<&ResourceView> for Identity {
    fn from(view: &ResourceView) -> Self {
        let stored = &view.stored;
        let key = &stored.resource.key;
        Self {
            kind: key.kind,
            name: stored.resource.name.clone(),
            id: key.external_id.clone(),
            resource_id: stored.id,
            connector: view.connector.clone(),
            connector_id: stored.connector_id,
            organization: view.organization.clone(),
            organization_id: key.organization_id,
            project: view.project.clone(),
            project_id: key.project_id,
            presence: stored.presence,
            first_seen_at: stored.first_seen_at,
            changed_at: stored.changed_at,
        }
    }
}
