//! Views of resources for tests.

use chrono::DateTime;
use muster_domain::properties::Properties;
use muster_domain::resource::{Presence, Resource, ResourceKey};
use muster_domain::{ConnectorId, OrganizationId, ProjectId};
use muster_store::inventory::{ResourceView, StoredResource};
use uuid::Uuid;

/// A resource of that name in a project called Shop.
pub(crate) fn view(name: &str, properties: Properties) -> ResourceView {
    let connector_id = ConnectorId(Uuid::nil());
    let key = ResourceKey::in_project(
        properties.kind(),
        OrganizationId(Uuid::nil()),
        ProjectId(Uuid::from_u128(2)),
        Uuid::new_v5(&Uuid::nil(), name.as_bytes()).to_string(),
    );
    ResourceView {
        stored: StoredResource {
            id: key.resource_id(connector_id),
            connector_id,
            resource: Resource { key, name: name.to_owned(), properties },
            presence: Presence::Present,
            change_sequence: 1,
            first_seen_at: DateTime::UNIX_EPOCH,
            changed_at: DateTime::UNIX_EPOCH,
        },
        connector: "contoso".to_owned(),
        organization: "contoso".to_owned(),
        project: Some("Shop".to_owned()),
    }
}
