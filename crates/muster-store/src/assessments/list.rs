//! Assessments with the names of what they are about, in one query.

use super::Assessments;
use super::row::{COLUMNS, assessment};
use crate::changes::AssessmentId;
use crate::clock::Backend;
use crate::error::StoreError;
use crate::inventory::row::key;
use crate::paging::{Cursor, Direction, PageOrder, SortColumn};
use crate::session::{Row, places};
use chrono::{DateTime, Utc};
use muster_domain::assessment::{Assessment, AssessmentState};
use muster_domain::resource::{ResourceKey, ResourceKind};
use muster_domain::{
    ConnectorId, OrganizationId, OrganizationName, ProjectId, RecommendationKey, ResourceId,
};
use sea_orm::Value;

/// Which assessments to list. Absent and empty conditions hold for all.
#[derive(Clone, Debug)]
pub struct AssessmentFilter {
    /// By these recommendations.
    pub recommendations: Vec<RecommendationKey>,
    /// In these states.
    pub states: Vec<AssessmentState>,
    /// Of this connector.
    pub connector: Option<ConnectorId>,
    /// Of this organization.
    pub organization_id: Option<OrganizationId>,
    /// Of the organization of this name, compared without case.
    pub organization: Option<OrganizationName>,
    /// Of this project and what lies in it.
    pub project_id: Option<ProjectId>,
    /// Of the project of this name, compared without case.
    pub project: Option<String>,
    /// Of this resource.
    pub resource_id: Option<ResourceId>,
    /// Of resources of this name, compared without case, or of this id of Azure DevOps.
    pub resource: Option<String>,
    /// Of resources of these kinds.
    pub kinds: Vec<ResourceKind>,
    /// For one of these causes.
    pub causes: Vec<String>,
    /// In their state since this moment, or later.
    pub since_after: Option<DateTime<Utc>>,
    /// Ranks of recommendations for [`AssessmentOrder::Severity`], the most severe 0; those without come last.
    pub severities: Vec<(RecommendationKey, u8)>,
    /// In which order they come.
    pub order: AssessmentOrder,
    /// Which way the order runs.
    pub direction: Direction,
    /// Only beyond this: where the page before ended.
    pub cursor: Option<Cursor>,
    /// Only after this one in the order of ids: the last one of the page before.
    pub after: Option<AssessmentId>,
    /// Skip so many.
    pub offset: u64,
    /// At most so many; absent: all.
    pub limit: Option<u32>,
}

impl Default for AssessmentFilter {
    fn default() -> Self {
        Self {
            recommendations: Vec::new(),
            states: Vec::new(),
            connector: None,
            organization_id: None,
            organization: None,
            project_id: None,
            project: None,
            resource_id: None,
            resource: None,
            kinds: Vec::new(),
            causes: Vec::new(),
            since_after: None,
            severities: Vec::new(),
            order: AssessmentOrder::Names,
            direction: Direction::Ascending,
            cursor: None,
            after: None,
            offset: 0,
            limit: None,
        }
    }
}

/// In which order assessments come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssessmentOrder {
    /// By organization, project, resource and recommendation: for people. Every page sorts all.
    #[default]
    Names,
    /// By the ids of resource and recommendation: pages of a long list, each as fast as the first; with
    /// [`AssessmentFilter::after`] none is left out or given twice while others write.
    Ids,
    /// By the ranks of [`AssessmentFilter::severities`], then by the name of the resource.
    Severity,
    /// By the moment since which they are in their state.
    Since,
}

/// Rank of what has none.
const NO_RANK: u8 = u8::MAX;

impl AssessmentFilter {
    fn page_order(&self, backend: Backend) -> PageOrder {
        let resource = || SortColumn::Id("a.resource_id".to_owned());
        let recommendation = || SortColumn::Id("a.recommendation".to_owned());
        let name = |expression: &str| SortColumn::Text(expression.to_owned());
        let mut columns = match self.order {
            AssessmentOrder::Names => {
                vec![name("COALESCE(o.name, '')"), name("COALESCE(p.name, '')"), name("r.name")]
            }
            AssessmentOrder::Ids => Vec::new(),
            AssessmentOrder::Severity => vec![SortColumn::Number(self.rank(backend)), name("r.name")],
            AssessmentOrder::Since => vec![SortColumn::Number("a.since_ms".to_owned())],
        };
        columns.extend([resource(), recommendation()]);
        PageOrder { columns, direction: self.direction }
    }

    /// Keys and ranks are identifiers and numbers of ours: they stand in the statement as they are, which holds them in
    /// several places.
    fn rank(&self, backend: Backend) -> String {
        let literal = |key: &RecommendationKey| match backend {
            Backend::Postgres => format!("'{key}'"),
            // SQLite keeps UUIDs as blobs of 16 bytes.
            Backend::Sqlite => format!("X'{}'", key.0.simple()),
        };
        let ranks = self.severities.iter();
        let whens: String = ranks.map(|(key, rank)| format!("WHEN {} THEN {rank} ", literal(key))).collect();
        if whens.is_empty() {
            return format!("CAST({NO_RANK} AS bigint)");
        }
        format!("CAST(CASE a.recommendation {whens}ELSE {NO_RANK} END AS bigint)")
    }
}

impl AssessmentOrder {
    /// An index on the connector would find all rows of a connector and sort them for every page anew; hidden from
    /// it, the column leaves only the primary key, which has them in order.
    fn connector_condition(self) -> &'static str {
        match self {
            Self::Names | Self::Severity | Self::Since => "a.connector_id =",
            Self::Ids => "COALESCE(a.connector_id, a.connector_id) =",
        }
    }
}

/// An assessment with the names of what it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct AssessmentView {
    /// The assessment.
    pub assessment: Assessment,
    /// The connector.
    pub connector_id: ConnectorId,
    /// Key of the resource.
    pub key: ResourceKey,
    /// Name of the resource.
    pub resource_name: String,
    /// Name of its project, where it lies in one.
    pub project_name: Option<String>,
    /// Name of its organization; empty while that is not known.
    pub organization_name: String,
}

/// A page of assessments.
#[derive(Clone, Debug, PartialEq)]
pub struct AssessmentPage {
    /// In the order that was asked for.
    pub assessments: Vec<AssessmentView>,
    /// Where the next page begins; absent after the last one.
    pub next: Option<Cursor>,
}

impl Assessments {
    /// Assessments with the names of what they are about.
    ///
    /// # Errors
    /// As [`Assessments::page`].
    pub async fn list(&self, filter: &AssessmentFilter) -> Result<Vec<AssessmentView>, StoreError> {
        Ok(self.page(filter).await?.assessments)
    }

    /// A page of assessments with the names of what they are about.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a cursor of another order; [`StoreError::Unavailable`],
    /// [`StoreError::Inconsistent`].
    pub async fn page(&self, filter: &AssessmentFilter) -> Result<AssessmentPage, StoreError> {
        let order = filter.page_order(self.store.backend());
        let (mut conditions, mut parameters) = conditions(filter);
        if let Some(cursor) = &filter.cursor {
            conditions.push(order.beyond(cursor, &mut parameters)?);
        }
        parameters.push(Value::from(filter.limit.map_or(i64::MAX, i64::from)));
        parameters.push(Value::from(i64::try_from(filter.offset).unwrap_or(i64::MAX)));
        let statement = format!(
            "SELECT {COLUMNS}, r.connector_id, r.kind, r.organization_id, r.project_id, r.external_id, \
                r.name AS resource_name, p.name AS project_name, o.name AS organization_name, {} \
             FROM assessment a JOIN resource r ON r.id = a.resource_id {JOINS} WHERE {} \
             ORDER BY {} LIMIT ${} OFFSET ${}",
            order.selected(),
            conditions.join(" AND "),
            order.order_by(),
            parameters.len() - 1,
            parameters.len()
        );
        let rows = self.store.reader().all("assessment", &statement, parameters).await?;
        let next = match filter.limit {
            Some(limit) => order.next(&rows, limit)?,
            None => None,
        };
        Ok(AssessmentPage { assessments: rows.iter().map(view).collect::<Result<_, _>>()?, next })
    }
}

/// The organization and the project of a resource `r`.
pub(super) const JOINS: &str = "
    LEFT JOIN resource o ON o.connector_id = r.connector_id AND o.organization_id = r.organization_id
        AND o.kind = 'organization'
    LEFT JOIN resource p ON p.connector_id = r.connector_id AND p.organization_id = r.organization_id
        AND p.kind = 'project' AND p.project_id = r.project_id";

pub(super) fn conditions(filter: &AssessmentFilter) -> (Vec<String>, Vec<Value>) {
    let mut conditions = vec!["1 = 1".to_owned()];
    let mut parameters: Vec<Value> = Vec::new();
    if !filter.recommendations.is_empty() {
        conditions.push(format!("a.recommendation IN ({})", places(1, filter.recommendations.len())));
        parameters.extend(filter.recommendations.iter().map(|key| Value::from(key.0)));
    }
    if !filter.states.is_empty() {
        let names: Vec<String> = filter.states.iter().map(|state| format!("'{state}'")).collect();
        conditions.push(format!("a.state IN ({})", names.join(", ")));
    }
    if !filter.kinds.is_empty() {
        let names: Vec<String> = filter.kinds.iter().map(|kind| format!("'{kind}'")).collect();
        conditions.push(format!("r.kind IN ({})", names.join(", ")));
    }
    if !filter.causes.is_empty() {
        conditions.push(format!("a.cause IN ({})", places(parameters.len() + 1, filter.causes.len())));
        parameters.extend(filter.causes.iter().map(|cause| Value::from(cause.as_str())));
    }
    if let Some(name) = &filter.resource {
        parameters.push(Value::from(name.as_str()));
        let place = parameters.len();
        conditions.push(format!("(lower(r.name) = lower(${place}) OR r.external_id = ${place})"));
    }
    let mut add = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            parameters.push(value);
            conditions.push(format!("{condition} ${}", parameters.len()));
        }
    };
    add(filter.order.connector_condition(), filter.connector.map(|id| id.0.into()));
    add("r.organization_id =", filter.organization_id.map(|id| id.0.into()));
    add("lower(o.name) =", filter.organization.as_ref().map(|name| name.folded().into()));
    add("r.project_id =", filter.project_id.map(|id| id.0.into()));
    add("a.since_ms >=", filter.since_after.map(|time| time.timestamp_millis().into()));
    add("a.resource_id =", filter.resource_id.map(|id| id.0.into()));
    if let Some(name) = &filter.project {
        parameters.push(Value::from(name.as_str()));
        conditions.push(format!("lower(p.name) = lower(${})", parameters.len()));
    }
    if let Some(after) = filter.after {
        parameters.extend([Value::from(after.resource_id.0), Value::from(after.recommendation.0)]);
        let (resource, recommendation) = (parameters.len() - 1, parameters.len());
        conditions.push(format!("(a.resource_id, a.recommendation) > (${resource}, ${recommendation})"));
    }
    (conditions, parameters)
}

fn view(row: &Row) -> Result<AssessmentView, StoreError> {
    let (_, assessment) = assessment(row)?;
    Ok(AssessmentView {
        assessment,
        connector_id: row.id("connector_id")?,
        key: key(row)?,
        resource_name: row.get("resource_name")?,
        project_name: row.get("project_name")?,
        organization_name: row.get::<Option<String>>("organization_name")?.unwrap_or_default(),
    })
}
