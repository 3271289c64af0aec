//! Assessments: what rules compare with, what people list, what was before.

mod groups;
mod list;
mod row;

pub use groups::AssessmentGroup;
pub use list::{AssessmentFilter, AssessmentOrder, AssessmentPage, AssessmentView};

use crate::Store;
use crate::changes::AssessmentId;
use crate::error::StoreError;
use crate::session::values;
use chrono::{DateTime, Utc};
use muster_domain::assessment::{Assessment, AssessmentState};
use muster_domain::{ConnectorId, OrganizationId, ProjectId, RecommendationKey, ResourceId};
use row::{COLUMNS, assessment, history};
use std::collections::HashMap;

/// The assessments of a store.
#[derive(Clone, Debug)]
pub struct Assessments {
    pub(crate) store: Store,
}

/// How many assessments of a recommendation are in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssessmentCount {
    /// Of which connector.
    pub connector_id: ConnectorId,
    /// The recommendation.
    pub recommendation: RecommendationKey,
    /// The state.
    pub state: AssessmentState,
    /// How many.
    pub count: u64,
}

/// One change in the history of an assessment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssessmentHistory {
    /// The resource.
    pub resource_id: ResourceId,
    /// The recommendation.
    pub recommendation: RecommendationKey,
    /// The state before; absent for a first verdict.
    pub from: Option<AssessmentState>,
    /// The state after; absent when the assessment ended.
    pub to: Option<AssessmentState>,
    /// Why.
    pub cause: String,
    /// What was seen.
    pub observed: String,
    /// What was asked for.
    pub expected: String,
    /// Which change it was.
    pub change_sequence: i64,
    /// When.
    pub at: DateTime<Utc>,
}

impl Assessments {
    /// Every assessment of a project and of what lies in it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn of_project(
        &self,
        connector: ConnectorId,
        organization_id: OrganizationId,
        project_id: ProjectId,
    ) -> Result<HashMap<AssessmentId, Assessment>, StoreError> {
        let statement = format!(
            "SELECT {COLUMNS} FROM assessment a JOIN resource r ON r.id = a.resource_id \
             WHERE r.connector_id = $1 AND r.organization_id = $2 AND r.project_id = $3"
        );
        let parameters = values![connector.0, organization_id.0, project_id.0];
        self.store.reader().all("assessment", &statement, parameters).await?.iter().map(assessment).collect()
    }

    /// Every assessment of an organization and of what lies in it beside its projects.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn of_organization(
        &self,
        connector: ConnectorId,
        organization_id: OrganizationId,
    ) -> Result<HashMap<AssessmentId, Assessment>, StoreError> {
        let statement = format!(
            "SELECT {COLUMNS} FROM assessment a JOIN resource r ON r.id = a.resource_id \
             WHERE r.connector_id = $1 AND r.organization_id = $2 AND r.project_id IS NULL"
        );
        let parameters = values![connector.0, organization_id.0];
        self.store.reader().all("assessment", &statement, parameters).await?.iter().map(assessment).collect()
    }

    /// How many assessments are in which state, by connector and recommendation.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn summary(&self) -> Result<Vec<AssessmentCount>, StoreError> {
        let rows = self
            .store
            .reader()
            .all(
                "assessment",
                "SELECT connector_id, recommendation, state, count(*) AS assessments FROM assessment \
                 GROUP BY connector_id, recommendation, state ORDER BY connector_id, recommendation, state",
                values![],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(AssessmentCount {
                    connector_id: row.id("connector_id")?,
                    recommendation: row.id("recommendation")?,
                    state: row.parse("state", AssessmentState::parse)?,
                    count: row.count("assessments")?,
                })
            })
            .collect()
    }

    /// What an assessment was before, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn history(&self, id: AssessmentId) -> Result<Vec<AssessmentHistory>, StoreError> {
        let rows = self
            .store
            .reader()
            .all(
                "assessment_history",
                "SELECT id, resource_id, recommendation, from_state, to_state, cause, observed, expected, \
                 change_sequence, at_ms FROM assessment_history \
                 WHERE resource_id = $1 AND recommendation = $2 ORDER BY at_ms, change_sequence, id",
                values![id.resource_id.0, id.recommendation.0],
            )
            .await?;
        rows.iter().map(history).collect()
    }
}
