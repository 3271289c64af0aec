//! How subscribers are told of resources: by ARM id and present names, loaded for a whole batch at once.

use crate::connectors;
use crate::error::StoreError;
use crate::session::{Session, id_list};
use muster_domain::arm::{self, ResourcePath};
use muster_domain::connector::Connector;
use muster_domain::resource::{ResourceKey, ResourceKind};
use muster_domain::{ConnectorId, ResourceId};
use muster_messages::fact::ResourceReference;
use std::collections::{BTreeSet, HashMap};

/// Rows of one statement.
const ROWS_PER_STATEMENT: usize = 1_000;

/// Connectors of a batch, and the names of its organizations and projects.
pub(super) struct Names {
    connectors: HashMap<ConnectorId, Connector>,
    names: HashMap<ResourceId, String>,
}

/// A resource as facts name it.
pub(super) struct Named {
    pub(super) subject: String,
    pub(super) reference: ResourceReference,
}

impl Names {
    /// What is needed to name resources; call it after the batch is written, so that present names are told.
    pub(super) async fn load(
        session: &Session,
        resources: impl Iterator<Item = (ConnectorId, &ResourceKey)>,
    ) -> Result<Self, StoreError> {
        let mut connectors: BTreeSet<ConnectorId> = BTreeSet::new();
        let mut along_the_path: BTreeSet<ResourceId> = BTreeSet::new();
        for (connector_id, key) in resources {
            connectors.insert(connector_id);
            along_the_path.extend(path_of(connector_id, key).into_iter().flatten());
        }
        let connectors: Vec<ConnectorId> = connectors.into_iter().collect();
        let connectors = connectors::get_many(session, &connectors).await?;
        let along_the_path: Vec<ResourceId> = along_the_path.into_iter().collect();
        let mut names = HashMap::new();
        for chunk in along_the_path.chunks(ROWS_PER_STATEMENT) {
            let (list, parameters) = id_list(1, chunk);
            let statement = format!("SELECT id, name FROM resource WHERE id IN ({list})");
            for row in session.all("resource", &statement, parameters).await? {
                names.insert(row.id("id")?, row.get("name")?);
            }
        }
        Ok(Self { connectors, names })
    }

    /// A resource with its present name; `None` where its connector does not exist, so that it has no id.
    pub(super) fn name(&self, connector_id: ConnectorId, key: &ResourceKey, name: &str) -> Option<Named> {
        let connector = self.connectors.get(&connector_id)?;
        let [organization, project] = path_of(connector_id, key).map(|id| {
            let id = id?;
            self.names.get(&id).map(String::as_str)
        });
        let without_name = key.organization_id.to_string();
        let organization = match key.kind {
            ResourceKind::Organization => name,
            _ => organization.unwrap_or(&without_name),
        };
        let without_name = key.project_id.map(|id| id.to_string());
        let path = ResourcePath { organization, project: project.or(without_name.as_deref()), name };
        Some(Named {
            subject: arm::resource_id(connector, key, path),
            reference: ResourceReference {
                kind: key.kind,
                organization: organization.to_owned(),
                project_id: key.project_id,
                id: key.external_id.clone(),
                name: name.to_owned(),
            },
        })
    }
}

/// The rows of the organization and of the project that a resource lies in.
fn path_of(connector_id: ConnectorId, key: &ResourceKey) -> [Option<ResourceId>; 2] {
    let organization = ResourceKey::organization(key.organization_id).resource_id(connector_id);
    let project =
        key.project_id.map(|id| ResourceKey::project(key.organization_id, id).resource_id(connector_id));
    [Some(organization), project]
}
