//! What rules judge, put together from rows: few queries for many projects.

mod assemble;
mod load;

use crate::Store;
use crate::error::StoreError;
use assemble::put_together;
use load::{load, organization_of};
use muster_domain::snapshot::ProjectSnapshot;
use muster_domain::{ConnectorId, OrganizationId, OrganizationName, ProjectId};
use std::collections::{BTreeSet, HashMap};

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
