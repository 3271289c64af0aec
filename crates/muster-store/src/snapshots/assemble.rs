//! Rows of a project become what rules judge. What was not read stays unknown, with the reason.

use super::ProjectReference;
use super::load::{OrganizationPart, ProjectPart};
use crate::apply::reading_id;
use crate::changes::{
    ListCheckDocument, PipelineAccessDocument, ReadingKey, ReadingKind, StoredReading, permission_of_subject,
};
use crate::error::StoreError;
use crate::inventory::StoredResource;
use muster_domain::OrganizationName;
use muster_domain::properties::{ProjectProperties, Properties};
use muster_domain::protected::ProtectedResource;
use muster_domain::read::{Read, Reading, UnknownReason};
use muster_domain::snapshot::{
    AdvancedSecurityEnablement, AuthorizedResources, ListCheck, OrganizationView, PipelineAccess,
    PipelineView, ProjectSnapshot, RepositoryView, ResourceView, SecureFileView, ServiceConnectionView,
    VariableGroupView,
};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

type Readings = [(ReadingKey, StoredReading)];

/// The snapshot of a project; `None` where it, or its organization, is not known.
pub(super) fn put_together(
    reference: &ProjectReference,
    part: ProjectPart,
    organization: Option<&OrganizationPart>,
) -> Result<Option<ProjectSnapshot>, StoreError> {
    let Some(organization) = organization else { return Ok(None) };
    let Some(view) = organization_view(organization) else { return Ok(None) };
    let resources = sorted(part.resources)?;
    let Some((project_name, project)) = resources.project else { return Ok(None) };
    let readings = &part.readings;
    let mut gaps = gaps(readings);
    gaps.extend(self::gaps(&organization.readings));
    Ok(Some(ProjectSnapshot {
        organization: view,
        project_id: reference.project_id,
        project_name,
        project,
        repositories: resources.repositories,
        service_connections: resources.service_connections,
        pipelines: resources.pipelines,
        variable_groups: resources.variable_groups,
        secure_files: resources.secure_files,
        gaps,
        advanced_security: advanced_security(&organization.readings, readings)?,
        policies: read_of(readings, Read::PolicyConfigurations)?,
        general_settings: read_of(readings, Read::GeneralSettings)?,
        authorized_resources: AuthorizedResources {
            list: read_of(readings, Read::AuthorizedResources)?,
            checks: list_checks(&organization.readings)?,
            single: single_answers(readings)?,
        },
    }))
}

fn organization_view(part: &OrganizationPart) -> Option<OrganizationView> {
    let stored = part.resource.as_ref()?;
    let Properties::Organization(properties) = &stored.resource.properties else { return None };
    Some(OrganizationView {
        id: stored.resource.key.organization_id,
        name: OrganizationName::new(stored.resource.name.clone()),
        web_url: properties.web_url.clone(),
    })
}

/// Resources of a project, by kind.
#[derive(Default)]
struct Sorted {
    project: Option<(String, ProjectProperties)>,
    repositories: Vec<RepositoryView>,
    pipelines: Vec<PipelineView>,
    service_connections: Vec<ServiceConnectionView>,
    variable_groups: Vec<VariableGroupView>,
    secure_files: Vec<SecureFileView>,
}

fn sorted(resources: Vec<StoredResource>) -> Result<Sorted, StoreError> {
    let mut sorted = Sorted::default();
    for stored in resources {
        let row = stored.id;
        let (id, name) = (stored.resource.key.external_id, stored.resource.name);
        match stored.resource.properties {
            Properties::Project(properties) => sorted.project = Some((name, properties)),
            Properties::Repository(properties) => {
                let id = id.parse().map_err(|error| StoreError::Inconsistent {
                    table: "resource",
                    column: "external_id".to_owned(),
                    row: row.to_string(),
                    detail: format!("{error}"),
                })?;
                sorted.repositories.push(RepositoryView { id, name, properties });
            }
            Properties::Pipeline(properties) => {
                sorted.pipelines.push(ResourceView { id, name, properties });
            }
            Properties::ServiceConnection(properties) => {
                sorted.service_connections.push(ResourceView { id, name, properties });
            }
            Properties::VariableGroup(properties) => {
                sorted.variable_groups.push(ResourceView { id, name, properties });
            }
            Properties::SecureFile(properties) => {
                sorted.secure_files.push(ResourceView { id, name, properties });
            }
            Properties::Organization(_)
            | Properties::AgentPool(_)
            | Properties::Environment(_)
            | Properties::Extension(_) => {}
        }
    }
    Ok(sorted)
}

/// Listings whose last attempt gave nothing.
fn gaps(readings: &Readings) -> BTreeMap<Read, UnknownReason> {
    let found = readings.iter().filter_map(|(key, stored)| match (key.kind, &stored.outcome) {
        (ReadingKind::Read(read), Err(reason)) if read.lists_resources() && key.subject.is_empty() => {
            Some((read, *reason))
        }
        _ => None,
    });
    found.collect()
}

/// One answer covers all projects of an organization, and each project that it speaks of keeps its own part: where
/// there is an answer and no part, it spoke of none of the project's repositories.
fn advanced_security(
    organization: &Readings,
    project: &Readings,
) -> Result<Reading<AdvancedSecurityEnablement>, StoreError> {
    const READ: Read = Read::AdvancedSecurityEnablement;
    match find(organization, READ).map(|(_, stored)| &stored.outcome) {
        None => Ok(Reading::Unknown(UnknownReason::NotReadYet)),
        Some(Err(reason)) => Ok(Reading::Unknown(*reason)),
        Some(Ok(_)) if find(project, READ).is_none() => {
            Ok(Reading::Known(AdvancedSecurityEnablement::default()))
        }
        Some(Ok(_)) => read_of(project, READ),
    }
}

fn list_checks(organization: &Readings) -> Result<BTreeMap<ProtectedResource, ListCheck>, StoreError> {
    let found = organization.iter().find(|(key, _)| key.kind == ReadingKind::ListCheck);
    let Some((key, stored)) = found else { return Ok(BTreeMap::new()) };
    let check: Reading<ListCheckDocument> = typed(key, stored)?;
    Ok(check.known().map(ListCheckDocument::checks).unwrap_or_default())
}

/// Answers for single resources; those that could not be read leave the word to the list.
fn single_answers(
    readings: &Readings,
) -> Result<BTreeMap<(ProtectedResource, String), PipelineAccess>, StoreError> {
    let mut single = BTreeMap::new();
    for (key, stored) in readings {
        if key.kind != ReadingKind::Read(Read::PipelinePermissions) {
            continue;
        }
        let Some((resource, id)) = permission_of_subject(&key.subject) else { continue };
        let answer: Reading<PipelineAccessDocument> = typed(key, stored)?;
        if let Reading::Known(document) = answer {
            single.insert((resource, id.to_owned()), document.access);
        }
    }
    Ok(single)
}

/// The document of a read of the whole project.
fn read_of<T: DeserializeOwned>(readings: &Readings, read: Read) -> Result<Reading<T>, StoreError> {
    match find(readings, read) {
        Some((key, stored)) => typed(key, stored),
        None => Ok(Reading::Unknown(UnknownReason::NotReadYet)),
    }
}

fn find(readings: &Readings, read: Read) -> Option<&(ReadingKey, StoredReading)> {
    readings.iter().find(|(key, _)| key.kind == ReadingKind::Read(read) && key.subject.is_empty())
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
