//! How many assessments a filter lets through, by what a list is sorted and cut by.

use super::Assessments;
use super::list::{AssessmentFilter, JOINS, conditions};
use crate::error::StoreError;
use muster_domain::assessment::AssessmentState;
use muster_domain::{ConnectorId, OrganizationId, RecommendationKey};

/// How many assessments of a recommendation in an organization are in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssessmentGroup {
    /// Of which connector.
    pub connector_id: ConnectorId,
    /// Of which organization.
    pub organization_id: OrganizationId,
    /// Its name; empty while that is not known.
    pub organization: String,
    /// By which recommendation.
    pub recommendation: RecommendationKey,
    /// In which state.
    pub state: AssessmentState,
    /// How many.
    pub count: u64,
}

impl Assessments {
    /// How many assessments a filter lets through, whatever its offset and limit.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn groups(&self, filter: &AssessmentFilter) -> Result<Vec<AssessmentGroup>, StoreError> {
        let (conditions, parameters) = conditions(filter);
        let statement = format!(
            "SELECT a.connector_id, r.organization_id, o.name AS organization_name, a.recommendation, a.state, \
                count(*) AS assessments \
             FROM assessment a JOIN resource r ON r.id = a.resource_id {JOINS} WHERE {conditions} \
             GROUP BY a.connector_id, r.organization_id, o.name, a.recommendation, a.state \
             ORDER BY o.name, r.organization_id, a.connector_id, a.recommendation, a.state",
            conditions = conditions.join(" AND ")
        );
        let rows = self.store.reader().all("assessment", &statement, parameters).await?;
        rows.iter()
            .map(|row| {
                Ok(AssessmentGroup {
                    connector_id: row.id("connector_id")?,
                    organization_id: row.id("organization_id")?,
                    organization: row.get::<Option<String>>("organization_name")?.unwrap_or_default(),
                    recommendation: row.id("recommendation")?,
                    state: row.parse("state", AssessmentState::parse)?,
                    count: row.count("assessments")?,
                })
            })
            .collect()
    }
}
