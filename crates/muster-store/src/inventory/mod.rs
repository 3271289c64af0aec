//! The inventory: resources, what was read of them, who claims which organization.

mod browse;
mod by_organization;
mod counts;
mod detail;
mod document_hashes;
mod list_check;
mod readings;
pub(crate) mod row;
mod scope_counts;

pub use browse::{InventoryFilter, ResourcePage, ResourceSort, ResourceView};
pub use detail::{ReadingView, RelationEnd, RelationView, ResourceDetail};
pub use scope_counts::{CountFilter, CountLevel, ScopeCounts};

use crate::Store;
use crate::error::StoreError;
use crate::session::{places, values};
use chrono::{DateTime, Utc};
use muster_domain::resource::{ContentHash, Presence, Resource, ResourceKey, ResourceKind};
use muster_domain::{ConnectorId, OrganizationId, OrganizationName, ProjectId, ResourceId, TenantId};
use row::{COLUMNS, KNOWN_COLUMNS, known, stored};
use sea_orm::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// The inventory of a store.
#[derive(Clone, Debug)]
pub struct Inventory {
    pub(crate) store: Store,
}

/// What a handler compares a listing with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownResource {
    /// What names it.
    pub key: ResourceKey,
    /// Its name.
    pub name: String,
    /// Hash of all that is kept of it.
    pub hash: ContentHash,
    /// Whether it is still there.
    pub presence: Presence,
    /// Counts every change; the next change has the next number.
    pub change_sequence: i64,
}

/// A resource as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredResource {
    /// Its row.
    pub id: ResourceId,
    /// In whose inventory.
    pub connector_id: ConnectorId,
    /// The resource.
    pub resource: Resource,
    /// Whether it is still there.
    pub presence: Presence,
    /// Counts every change.
    pub change_sequence: i64,
    /// When it was seen first.
    pub first_seen_at: DateTime<Utc>,
    /// When it changed last.
    pub changed_at: DateTime<Utc>,
}

/// An organization of a connector.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownOrganization {
    /// Its immutable id.
    pub id: OrganizationId,
    /// Its present name.
    pub name: OrganizationName,
    /// Its row.
    pub stored: StoredResource,
}

impl From<StoredResource> for KnownOrganization {
    fn from(stored: StoredResource) -> Self {
        let name = OrganizationName::new(stored.resource.name.clone());
        Self { id: stored.resource.key.organization_id, name, stored }
    }
}

/// A project of an organization.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownProject {
    /// Its immutable id.
    pub id: ProjectId,
    /// Its present name.
    pub name: String,
    /// Its row.
    pub stored: StoredResource,
}

/// Which resources to list. Absent and empty conditions hold for all.
#[derive(Clone, Debug)]
pub struct ResourceFilter {
    /// Of this connector.
    pub connector: Option<ConnectorId>,
    /// Of these kinds.
    pub kinds: Vec<ResourceKind>,
    /// Of this organization.
    pub organization: Option<OrganizationId>,
    /// Of this project.
    pub project: Option<ProjectId>,
    /// Those that are gone too.
    pub include_gone: bool,
    /// Only after this row: the last one of the page before.
    pub after: Option<ResourceId>,
    /// At most so many.
    pub limit: u32,
}

/// Rows that are fetched at a time: as rows they take several times the memory of what is kept of them.
const KNOWN_AT_A_TIME: usize = 10_000;

/// Resources of a list where nothing else is said.
const DEFAULT_LIST_LIMIT: u32 = 1_000;

impl Default for ResourceFilter {
    fn default() -> Self {
        Self {
            connector: None,
            kinds: Vec::new(),
            organization: None,
            project: None,
            include_gone: false,
            after: None,
            limit: DEFAULT_LIST_LIMIT,
        }
    }
}

/// An organization in a connector's hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The organization.
    pub organization_id: OrganizationId,
    /// Who holds it.
    pub connector_id: ConnectorId,
    /// Its name when it was last seen.
    pub organization: OrganizationName,
    /// Its tenant.
    pub tenant_id: Option<TenantId>,
}

impl Inventory {
    /// Everything known of one kind in an organization, or in one of its projects, gone resources too.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn known(
        &self,
        connector: ConnectorId,
        organization_id: OrganizationId,
        kind: ResourceKind,
        project: Option<ProjectId>,
    ) -> Result<HashMap<ResourceId, KnownResource>, StoreError> {
        let in_project = if project.is_some() { "AND project_id = $5" } else { "" };
        let statement = format!(
            "SELECT {KNOWN_COLUMNS} FROM resource \
             WHERE connector_id = $1 AND organization_id = $2 AND kind = $3 AND id > $4 {in_project} \
             ORDER BY id LIMIT {KNOWN_AT_A_TIME}"
        );
        let mut all = HashMap::new();
        let mut last = Uuid::nil();
        loop {
            let mut parameters = values![connector.0, organization_id.0, kind.as_str(), last];
            parameters.extend(project.map(|project| Value::from(project.0)));
            let rows = self.store.reader().all("resource", &statement, parameters).await?;
            let is_last = rows.len() < KNOWN_AT_A_TIME;
            for row in &rows {
                let (id, resource) = known(row)?;
                last = last.max(id.0);
                all.insert(id, resource);
            }
            if is_last {
                return Ok(all);
            }
        }
    }

    /// Projects of an organization that are not gone, by name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn projects(
        &self,
        connector: ConnectorId,
        organization_id: OrganizationId,
    ) -> Result<Vec<KnownProject>, StoreError> {
        let conditions =
            "connector_id = $1 AND organization_id = $2 AND kind = 'project' AND presence <> 'gone'";
        let projects = self.select(conditions, values![connector.0, organization_id.0]).await?;
        Ok(projects
            .into_iter()
            .filter_map(|stored| {
                let id = stored.resource.key.project_id?;
                Some(KnownProject { id, name: stored.resource.name.clone(), stored })
            })
            .collect())
    }

    /// Organizations of a connector that are not gone, by name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn organizations(&self, connector: ConnectorId) -> Result<Vec<KnownOrganization>, StoreError> {
        let conditions = "connector_id = $1 AND kind = 'organization' AND presence <> 'gone'";
        let organizations = self.select(conditions, values![connector.0]).await?;
        Ok(organizations.into_iter().map(KnownOrganization::from).collect())
    }

    /// The organization of that name, which jobs carry; compared without case. The youngest where a name was used
    /// again.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn organization_by_name(
        &self,
        connector: ConnectorId,
        name: &OrganizationName,
    ) -> Result<Option<KnownOrganization>, StoreError> {
        let organizations = self.organizations(connector).await?;
        Ok(organizations
            .into_iter()
            .filter(|known| known.name == *name)
            .max_by_key(|known| known.stored.first_seen_at))
    }

    /// Up to `limit` resources of a connector that are not gone, whatever their kind.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn not_gone(&self, connector: ConnectorId, limit: u32) -> Result<Vec<ResourceId>, StoreError> {
        let rows = self
            .store
            .reader()
            .all(
                "resource",
                "SELECT id FROM resource WHERE connector_id = $1 AND presence <> 'gone' LIMIT $2",
                values![connector.0, i64::from(limit)],
            )
            .await?;
        rows.iter().map(|row| row.id("id")).collect()
    }

    /// One resource, whatever its presence.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn get(&self, id: ResourceId) -> Result<Option<StoredResource>, StoreError> {
        Ok(self.select("id = $1", values![id.0]).await?.pop())
    }

    /// Resources in the order of their ids: ask for the next page with the last one in `after`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn list(&self, filter: &ResourceFilter) -> Result<Vec<StoredResource>, StoreError> {
        let mut conditions = vec!["1 = 1".to_owned()];
        let mut parameters: Vec<Value> = Vec::new();
        let mut add = |condition: &str, value: Value| {
            parameters.push(value);
            conditions.push(format!("{condition} ${}", parameters.len()));
        };
        if let Some(connector) = filter.connector {
            add("connector_id =", connector.0.into());
        }
        if let Some(organization) = filter.organization {
            add("organization_id =", organization.0.into());
        }
        if let Some(project) = filter.project {
            add("project_id =", project.0.into());
        }
        if let Some(after) = filter.after {
            add("id >", after.0.into());
        }
        if !filter.include_gone {
            conditions.push("presence <> 'gone'".to_owned());
        }
        if !filter.kinds.is_empty() {
            conditions.push(format!("kind IN ({})", places(parameters.len() + 1, filter.kinds.len())));
            parameters.extend(filter.kinds.iter().map(|kind| Value::from(kind.as_str())));
        }
        parameters.push(Value::from(i64::from(filter.limit)));
        let statement = format!(
            "SELECT {COLUMNS} FROM resource WHERE {} ORDER BY id LIMIT ${}",
            conditions.join(" AND "),
            parameters.len()
        );
        self.store.reader().all("resource", &statement, parameters).await?.iter().map(stored).collect()
    }

    /// The connector that holds an organization.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn claimed_by(
        &self,
        organization_id: OrganizationId,
    ) -> Result<Option<ConnectorId>, StoreError> {
        let row = self
            .store
            .reader()
            .one(
                "organization_claim",
                "SELECT connector_id FROM organization_claim WHERE organization_id = $1",
                values![organization_id.0],
            )
            .await?;
        row.map(|row| row.id("connector_id")).transpose()
    }

    /// Organizations that a connector holds, by name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn claims(&self, connector: ConnectorId) -> Result<Vec<Claim>, StoreError> {
        let rows = self
            .store
            .reader()
            .all(
                "organization_claim",
                "SELECT organization_id AS id, connector_id, organization, tenant_id FROM organization_claim \
                 WHERE connector_id = $1 ORDER BY organization",
                values![connector.0],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Claim {
                    organization_id: row.id("id")?,
                    connector_id: row.id("connector_id")?,
                    organization: OrganizationName::new(row.get::<String>("organization")?),
                    tenant_id: row.optional_id("tenant_id")?,
                })
            })
            .collect()
    }

    async fn select(
        &self,
        conditions: &str,
        parameters: Vec<Value>,
    ) -> Result<Vec<StoredResource>, StoreError> {
        let statement = format!("SELECT {COLUMNS} FROM resource WHERE {conditions} ORDER BY name, id");
        self.store.reader().all("resource", &statement, parameters).await?.iter().map(stored).collect()
    }
}
