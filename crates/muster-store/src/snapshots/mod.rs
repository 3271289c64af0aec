//! What rules judge, put together from rows: few queries for many projects.

use crate::Store;
use crate::apply::reading_id;
use crate::changes::{
    ListCheckDocument, PipelineAccessDocument, ReadingKey, ReadingKind, StoredReading, permission_of_subject,
};
use crate::error::StoreError;
use crate::inventory::StoredResource;
use crate::inventory::row::{COLUMNS, READING_COLUMNS, reading, stored};
use crate::session::{Session, padded, places, rows_of_places, values};
use muster_domain::properties::Properties;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::{Read, Reading, UnknownReason};
use muster_domain::resource::{ResourceKey, ResourceKind};
use muster_domain::snapshot::{
    AuthorizedResources, ListCheck, OrganizationView, PipelineAccess, ProjectSnapshot, RepositoryView,
    ServiceConnectionView,
};
use muster_domain::{ConnectorId, OrganizationId, OrganizationName, ProjectId};
use sea_orm::Value;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// The snapshots of a store.
#[derive(Clone, Debug)]
pub struct Snapshots {
    pub(crate) store: Store,
}

/// Names a project in a connector's inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectReference {
    /// In whose inventory.
    pub connector_id: ConnectorId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The project.
    pub project_id: ProjectId,
}

/// Projects of one query: three values each.
const PROJECTS_PER_STATEMENT: usize = 256;

impl Snapshots {
    /// Everything known of one project; `None` where it, or its organization, is not known or gone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn project(
        &self,
        connector_id: ConnectorId,
        organization_id: OrganizationId,
        project_id: ProjectId,
    ) -> Result<Option<ProjectSnapshot>, StoreError> {
        let reference = ProjectReference { connector_id, organization_id, project_id };
        Ok(self.projects_by_id(&[reference]).await?.remove(&reference))
    }

    /// Everything known of many projects, named as jobs name them. Those that are not known, or gone, are missing
    /// in the answer.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn projects(
        &self,
        projects: &[(ConnectorId, OrganizationName, ProjectId)],
    ) -> Result<HashMap<(ConnectorId, OrganizationName, ProjectId), ProjectSnapshot>, StoreError> {
        let connectors: BTreeSet<ConnectorId> = projects.iter().map(|(connector, _, _)| *connector).collect();
        let mut organizations = HashMap::new();
        for connector in connectors {
            let mut known = self.store.inventory().organizations(connector).await?;
            // The youngest is the last to say what its name means.
            known.sort_by_key(|organization| organization.stored.first_seen_at);
            organizations.extend(known.into_iter().map(|known| ((connector, known.name), known.id)));
        }
        let mut wanted = HashMap::new();
        for (connector_id, name, project_id) in projects {
            if let Some(organization_id) = organizations.get(&(*connector_id, name.clone())) {
                let reference = ProjectReference {
                    connector_id: *connector_id,
                    organization_id: *organization_id,
                    project_id: *project_id,
                };
                wanted.insert(reference, (*connector_id, name.clone(), *project_id));
            }
        }
        let references: Vec<ProjectReference> = wanted.keys().copied().collect();
        let snapshots = self.projects_by_id(&references).await?;
        Ok(snapshots
            .into_iter()
            .filter_map(|(reference, snapshot)| Some((wanted.remove(&reference)?, snapshot)))
            .collect())
    }

    /// Everything known of many projects. Those that are not known, or gone, are missing in the answer.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn projects_by_id(
        &self,
        projects: &[ProjectReference],
    ) -> Result<HashMap<ProjectReference, ProjectSnapshot>, StoreError> {
        let distinct: Vec<ProjectReference> =
            projects.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let mut snapshots = HashMap::new();
        for chunk in distinct.chunks(PROJECTS_PER_STATEMENT) {
            let parts = load(&self.store.reader(), chunk).await?;
            for (reference, part) in parts.projects {
                let organization = parts.organizations.get(&organization_of(&reference));
                if let Some(snapshot) = put_together(&reference, part, organization)? {
                    snapshots.insert(reference, snapshot);
                }
            }
        }
        Ok(snapshots)
    }
}

/// Rows of a group of projects.
struct Parts {
    projects: HashMap<ProjectReference, ProjectPart>,
    organizations: HashMap<(ConnectorId, OrganizationId), OrganizationPart>,
}

#[derive(Default)]
struct ProjectPart {
    resources: Vec<StoredResource>,
    readings: Vec<(ReadingKey, StoredReading)>,
}

#[derive(Default)]
struct OrganizationPart {
    resource: Option<StoredResource>,
    list_checks: BTreeMap<ProtectedResource, ListCheck>,
}

async fn load(session: &Session, projects: &[ProjectReference]) -> Result<Parts, StoreError> {
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
    let mut parts: HashMap<ProjectReference, ProjectPart> = HashMap::new();
    let statement = format!(
        "SELECT {COLUMNS} FROM resource WHERE {of_given} AND presence <> 'gone' \
         AND kind IN ('project', 'repository', 'serviceConnection') ORDER BY name, id"
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
    let checks = organizations.iter().map(|(connector, organization)| {
        reading_id(&ReadingKey {
            connector_id: *connector,
            organization_id: *organization,
            project_id: None,
            kind: ReadingKind::ListCheck,
            subject: String::new(),
        })
    });
    let (list, parameters) = rows_of(checks.collect());
    let statement = format!("SELECT {READING_COLUMNS} FROM reading WHERE id IN ({list})");
    for row in session.all("reading", &statement, parameters).await? {
        let (key, outcome) = reading(&row)?;
        let check: Reading<ListCheckDocument> = typed(&key, &outcome)?;
        let part = parts.entry((key.connector_id, key.organization_id)).or_default();
        part.list_checks = check.known().map(ListCheckDocument::checks).unwrap_or_default();
    }
    Ok(parts)
}

fn organization_of(project: &ProjectReference) -> (ConnectorId, OrganizationId) {
    (project.connector_id, project.organization_id)
}

fn reference(connector_id: ConnectorId, key: &ResourceKey) -> Option<ProjectReference> {
    let organization_id = key.organization_id;
    key.project_id.map(|project_id| ProjectReference { connector_id, organization_id, project_id })
}

fn put_together(
    reference: &ProjectReference,
    part: ProjectPart,
    organization: Option<&OrganizationPart>,
) -> Result<Option<ProjectSnapshot>, StoreError> {
    let Some((organization, checks)) = organization.and_then(organization_view) else { return Ok(None) };
    let mut project = None;
    let mut repositories = Vec::new();
    let mut service_connections = Vec::new();
    for stored in part.resources {
        let StoredResource { resource, .. } = stored;
        match resource.properties {
            Properties::Project(properties) => project = Some((resource.name, properties)),
            Properties::Repository(properties) => {
                let id = resource.key.external_id.parse().map_err(|error| StoreError::Inconsistent {
                    table: "resource",
                    column: "external_id".to_owned(),
                    row: stored.id.to_string(),
                    detail: format!("{error}"),
                })?;
                repositories.push(RepositoryView { id, name: resource.name, properties });
            }
            Properties::ServiceConnection(properties) => service_connections.push(ServiceConnectionView {
                id: resource.key.external_id,
                name: resource.name,
                properties,
            }),
            _ => {}
        }
    }
    let Some((project_name, project)) = project else { return Ok(None) };
    Ok(Some(ProjectSnapshot {
        organization,
        project_id: reference.project_id,
        project_name,
        project,
        repositories,
        service_connections,
        pipelines: Vec::new(),
        variable_groups: Vec::new(),
        secure_files: Vec::new(),
        gaps: BTreeMap::new(),
        advanced_security: Reading::Unknown(UnknownReason::NotReadYet),
        policies: read_of(&part.readings, Read::PolicyConfigurations)?,
        general_settings: read_of(&part.readings, Read::GeneralSettings)?,
        authorized_resources: AuthorizedResources {
            list: read_of(&part.readings, Read::AuthorizedResources)?,
            checks,
            single: single_answers(&part.readings)?,
        },
    }))
}

fn organization_view(
    part: &OrganizationPart,
) -> Option<(OrganizationView, BTreeMap<ProtectedResource, ListCheck>)> {
    let stored = part.resource.as_ref()?;
    let Properties::Organization(properties) = &stored.resource.properties else { return None };
    let view = OrganizationView {
        id: stored.resource.key.organization_id,
        name: OrganizationName::new(stored.resource.name.clone()),
        web_url: properties.web_url.clone(),
    };
    debug_assert_eq!(stored.resource.key.kind, ResourceKind::Organization);
    Some((view, part.list_checks.clone()))
}

/// The document of a read of the whole project.
fn read_of<T: DeserializeOwned>(
    readings: &[(ReadingKey, StoredReading)],
    read: Read,
) -> Result<Reading<T>, StoreError> {
    let found =
        readings.iter().find(|(key, _)| key.kind == ReadingKind::Read(read) && key.subject.is_empty());
    match found {
        Some((key, stored)) => typed(key, stored),
        None => Ok(Reading::Unknown(UnknownReason::NotReadYet)),
    }
}

/// Answers for single resources; those that could not be read leave the word to the list.
fn single_answers(
    readings: &[(ReadingKey, StoredReading)],
) -> Result<BTreeMap<(ProtectedResource, String), PipelineAccess>, StoreError> {
    let mut single = BTreeMap::new();
    for (key, stored) in readings {
        if key.kind == ReadingKind::Read(Read::PipelinePermissions) && !key.subject.is_empty() {
            let answer: Reading<PipelineAccessDocument> = typed(key, stored)?;
            if let Reading::Known(document) = answer {
                if let Some((resource, id)) = permission_of_subject(&key.subject) {
                    single.insert((resource, id.to_owned()), document.access);
                }
            }
        }
    }
    Ok(single)
}

fn typed<T: DeserializeOwned>(key: &ReadingKey, stored: &StoredReading) -> Result<Reading<T>, StoreError> {
    match &stored.outcome {
        Err(reason) => Ok(Reading::Unknown(*reason)),
        Ok(document) => {
            T::deserialize(&document.document).map(Reading::Known).map_err(|error| StoreError::Inconsistent {
                table: "reading",
                column: "document".to_owned(),
                row: reading_id(key).to_string(),
                detail: error.to_string(),
            })
        }
    }
}
