//! Rows of many projects and of their organizations: four queries, however many there are.

use super::ProjectReference;
use crate::apply::reading_id;
use crate::changes::{ReadingKey, ReadingKind, StoredReading};
use crate::error::StoreError;
use crate::inventory::StoredResource;
use crate::inventory::row::{COLUMNS, READING_COLUMNS, reading, stored};
use crate::session::{Session, padded, places, rows_of_places, values};
use muster_domain::read::{Read, ReadScope};
use muster_domain::resource::{ResourceKey, ResourceKind};
use muster_domain::{ConnectorId, OrganizationId};
use sea_orm::Value;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Kinds of resources that snapshots hold.
const KINDS: [ResourceKind; 6] = [
    ResourceKind::Project,
    ResourceKind::Repository,
    ResourceKind::Pipeline,
    ResourceKind::ServiceConnection,
    ResourceKind::VariableGroup,
    ResourceKind::SecureFile,
];

/// Rows of a group of projects.
pub(super) struct Parts {
    pub(super) projects: HashMap<ProjectReference, ProjectPart>,
    pub(super) organizations: HashMap<(ConnectorId, OrganizationId), OrganizationPart>,
}

/// Rows of one project.
#[derive(Default)]
pub(super) struct ProjectPart {
    pub(super) resources: Vec<StoredResource>,
    pub(super) readings: Vec<(ReadingKey, StoredReading)>,
}

/// Rows of one organization that its projects need.
#[derive(Default)]
pub(super) struct OrganizationPart {
    pub(super) resource: Option<StoredResource>,
    pub(super) readings: Vec<(ReadingKey, StoredReading)>,
}

pub(super) fn organization_of(project: &ProjectReference) -> (ConnectorId, OrganizationId) {
    (project.connector_id, project.organization_id)
}

pub(super) async fn load(session: &Session, projects: &[ProjectReference]) -> Result<Parts, StoreError> {
    const COLUMNS_OF_A_PROJECT: usize = 3;
    let asked = padded(projects);
    let given = format!("(VALUES {}) AS given", rows_of_places(1, asked.len(), COLUMNS_OF_A_PROJECT));
    let parameters: Vec<Value> = asked
        .iter()
        .flat_map(|project| values![project.connector_id.0, project.organization_id.0, project.project_id.0])
        .collect();
    let of_given = format!(
        "(connector_id, organization_id, project_id) IN (SELECT column1, column2, column3 FROM {given})"
    );
    let kinds = KINDS.map(|kind| format!("'{kind}'")).join(", ");
    let mut parts: HashMap<ProjectReference, ProjectPart> = HashMap::new();
    let statement = format!(
        "SELECT {COLUMNS} FROM resource WHERE {of_given} AND presence <> 'gone' \
         AND kind IN ({kinds}) ORDER BY name, id"
    );
    for row in session.all("resource", &statement, parameters.clone()).await? {
        let resource = stored(&row)?;
        if let Some(reference) = reference(resource.connector_id, &resource.resource.key) {
            parts.entry(reference).or_default().resources.push(resource);
        }
    }
    let statement = format!("SELECT {READING_COLUMNS} FROM reading WHERE {of_given}");
    for row in session.all("reading", &statement, parameters).await? {
        let (key, outcome) = reading(&row)?;
        let project = key.project_id.map(|project_id| ProjectReference {
            connector_id: key.connector_id,
            organization_id: key.organization_id,
            project_id,
        });
        if let Some(part) = project.and_then(|project| parts.get_mut(&project)) {
            part.readings.push((key, outcome));
        }
    }
    let organizations: BTreeSet<_> = projects.iter().map(organization_of).collect();
    Ok(Parts { projects: parts, organizations: load_organizations(session, &organizations).await? })
}

fn reference(connector_id: ConnectorId, key: &ResourceKey) -> Option<ProjectReference> {
    let organization_id = key.organization_id;
    key.project_id.map(|project_id| ProjectReference { connector_id, organization_id, project_id })
}

async fn load_organizations(
    session: &Session,
    organizations: &BTreeSet<(ConnectorId, OrganizationId)>,
) -> Result<HashMap<(ConnectorId, OrganizationId), OrganizationPart>, StoreError> {
    let mut parts: HashMap<(ConnectorId, OrganizationId), OrganizationPart> = HashMap::new();
    let rows_of = |ids: Vec<Uuid>| {
        let ids = padded(&ids);
        (places(1, ids.len()), ids.into_iter().map(Value::from).collect::<Vec<_>>())
    };
    let resources = organizations
        .iter()
        .map(|(connector, organization)| ResourceKey::organization(*organization).resource_id(*connector).0);
    let (list, parameters) = rows_of(resources.collect());
    let statement = format!("SELECT {COLUMNS} FROM resource WHERE id IN ({list}) AND presence <> 'gone'");
    for row in session.all("resource", &statement, parameters).await? {
        let resource = stored(&row)?;
        let key = (resource.connector_id, resource.resource.key.organization_id);
        parts.entry(key).or_default().resource = Some(resource);
    }
    let kinds = kinds_of_organizations();
    let ids = organizations.iter().flat_map(|(connector_id, organization_id)| {
        kinds.iter().map(|kind| {
            reading_id(&ReadingKey {
                connector_id: *connector_id,
                organization_id: *organization_id,
                project_id: None,
                kind: *kind,
                subject: String::new(),
            })
        })
    });
    let (list, parameters) = rows_of(ids.collect());
    let statement = format!("SELECT {READING_COLUMNS} FROM reading WHERE id IN ({list})");
    for row in session.all("reading", &statement, parameters).await? {
        let (key, outcome) = reading(&row)?;
        let part = parts.entry((key.connector_id, key.organization_id)).or_default();
        part.readings.push((key, outcome));
    }
    Ok(parts)
}

/// Readings of an organization that its projects are judged by.
fn kinds_of_organizations() -> Vec<ReadingKind> {
    let listings = Read::ALL
        .into_iter()
        .filter(|read| read.lists_resources() && read.scope() == ReadScope::Organization)
        .map(ReadingKind::Read);
    listings.chain([ReadingKind::ListCheck, ReadingKind::Read(Read::AdvancedSecurityEnablement)]).collect()
}
