//! How much there is in each organization or project, and how it is judged.

use super::Inventory;
use crate::error::StoreError;
use muster_domain::assessment::AssessmentState;
use muster_domain::resource::ResourceKind;
use muster_domain::{ConnectorId, OrganizationId, ProjectId};
use sea_orm::Value;
use std::collections::BTreeMap;

/// What to count. Absent conditions hold for all.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountFilter {
    /// Of this connector.
    pub connector: Option<ConnectorId>,
    /// In this organization.
    pub organization_id: Option<OrganizationId>,
    /// By what.
    pub level: CountLevel,
}

/// By what to count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CountLevel {
    /// A number for each organization; what its projects share counts once.
    #[default]
    Organization,
    /// A number for each project, and one for what lies beside projects.
    Project,
}

/// What there is in an organization or a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeCounts {
    /// In whose inventory.
    pub connector_id: ConnectorId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The project; absent for a whole organization, and for what lies beside projects.
    pub project_id: Option<ProjectId>,
    /// Resources that are not gone, by kind.
    pub resources: BTreeMap<ResourceKind, u64>,
    /// Assessments by state.
    pub assessments: BTreeMap<AssessmentState, u64>,
}

type Scope = (ConnectorId, OrganizationId, Option<ProjectId>);

impl Inventory {
    /// How much there is in each organization or project, and how it is judged: two queries, however many there are.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn scope_counts(&self, filter: &CountFilter) -> Result<Vec<ScopeCounts>, StoreError> {
        let mut scopes: BTreeMap<Scope, ScopeCounts> = BTreeMap::new();
        let (conditions, parameters) = conditions(filter);
        let (columns, counted) = match filter.level {
            CountLevel::Organization => {
                ("r.connector_id, r.organization_id", "count(DISTINCT r.external_id)")
            }
            CountLevel::Project => ("r.connector_id, r.organization_id, r.project_id", "count(*)"),
        };
        let statement = format!(
            "SELECT {columns}, r.kind, {counted} AS counted FROM resource r \
             WHERE {conditions} AND r.presence <> 'gone' GROUP BY {columns}, r.kind"
        );
        let session = self.store.reader();
        for row in session.all("resource", &statement, parameters.clone()).await? {
            let kind = row.parse("kind", ResourceKind::parse)?;
            let counted = row.count("counted")?;
            counts_of(&mut scopes, scope(&row, filter.level)?).resources.insert(kind, counted);
        }
        let statement = format!(
            "SELECT {columns}, a.state, count(*) AS counted \
             FROM assessment a JOIN resource r ON r.id = a.resource_id WHERE {conditions} GROUP BY {columns}, a.state"
        );
        for row in session.all("assessment", &statement, parameters).await? {
            let state = row.parse("state", AssessmentState::parse)?;
            let counted = row.count("counted")?;
            counts_of(&mut scopes, scope(&row, filter.level)?).assessments.insert(state, counted);
        }
        Ok(scopes.into_values().collect())
    }
}

fn conditions(filter: &CountFilter) -> (String, Vec<Value>) {
    let mut conditions = vec!["1 = 1".to_owned()];
    let mut parameters: Vec<Value> = Vec::new();
    let mut add = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            parameters.push(value);
            conditions.push(format!("{condition} ${}", parameters.len()));
        }
    };
    add("r.connector_id =", filter.connector.map(|id| id.0.into()));
    add("r.organization_id =", filter.organization_id.map(|id| id.0.into()));
    (conditions.join(" AND "), parameters)
}

fn scope(row: &crate::session::Row, level: CountLevel) -> Result<Scope, StoreError> {
    let project_id = match level {
        CountLevel::Organization => None,
        CountLevel::Project => row.optional_id("project_id")?,
    };
    Ok((row.id("connector_id")?, row.id("organization_id")?, project_id))
}

fn counts_of(scopes: &mut BTreeMap<Scope, ScopeCounts>, scope: Scope) -> &mut ScopeCounts {
    let (connector_id, organization_id, project_id) = scope;
    scopes.entry(scope).or_insert_with(|| ScopeCounts {
        connector_id,
        organization_id,
        project_id,
        resources: BTreeMap::new(),
        assessments: BTreeMap::new(),
    })
}
