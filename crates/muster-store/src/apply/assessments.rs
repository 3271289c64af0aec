//! Verdicts, and the history of each. An older run never overwrites what a newer one said.

use super::Applied;
use crate::changes::AssessmentWrite;
use crate::entity::{assessment, assessment_history, upsert};
use crate::error::StoreError;
use crate::session::Session;
use muster_domain::{RecommendationKey, ResourceId};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use std::collections::BTreeMap;
use uuid::Uuid;

pub(super) async fn write(
    session: &Session,
    applied: &Applied,
    writes: impl Iterator<Item = &AssessmentWrite>,
) -> Result<(), StoreError> {
    let mut last: BTreeMap<(ResourceId, RecommendationKey), &AssessmentWrite> = BTreeMap::new();
    let mut history = Vec::new();
    for write in writes {
        last.insert((write.assessment.resource_id, write.assessment.recommendation), write);
        history.push(history_row(applied, write));
    }
    let newer = OnConflict::columns([assessment::Column::ResourceId, assessment::Column::Recommendation])
        .update_columns([
            assessment::Column::State,
            assessment::Column::Cause,
            assessment::Column::Observed,
            assessment::Column::Expected,
            assessment::Column::Link,
            assessment::Column::SinceMs,
            assessment::Column::ChangeSequence,
        ])
        .action_and_where(Expr::cust("\"excluded\".\"change_sequence\" > \"assessment\".\"change_sequence\""))
        .to_owned();
    let rows = last.into_values().map(row).collect();
    upsert(session, rows, newer).await?;
    let once = OnConflict::column(assessment_history::Column::Id).do_nothing().to_owned();
    upsert(session, history, once).await?;
    Ok(())
}

fn row(write: &AssessmentWrite) -> assessment::ActiveModel {
    let assessment = &write.assessment;
    let verdict = &assessment.verdict;
    assessment::ActiveModel {
        resource_id: Set(assessment.resource_id.0),
        recommendation: Set(assessment.recommendation.0),
        connector_id: Set(write.connector_id.0),
        state: Set(verdict.state.as_str().to_owned()),
        cause: Set(verdict.cause.clone()),
        observed: Set(verdict.observed.clone()),
        expected: Set(verdict.expected.clone()),
        link: Set(verdict.link.clone()),
        first_evaluated_at_ms: Set(assessment.first_evaluated_at.timestamp_millis()),
        since_ms: Set(assessment.since.timestamp_millis()),
        change_sequence: Set(assessment.change_sequence),
    }
}

fn history_row(applied: &Applied, write: &AssessmentWrite) -> assessment_history::ActiveModel {
    let assessment = &write.assessment;
    let verdict = &assessment.verdict;
    assessment_history::ActiveModel {
        id: Set(Uuid::now_v7()),
        resource_id: Set(assessment.resource_id.0),
        recommendation: Set(assessment.recommendation.0),
        connector_id: Set(write.connector_id.0),
        from_state: Set(write.from.map(|state| state.as_str().to_owned())),
        to_state: Set(verdict.state.as_str().to_owned()),
        cause: Set(verdict.cause.clone()),
        observed: Set(verdict.observed.clone()),
        expected: Set(verdict.expected.clone()),
        change_sequence: Set(assessment.change_sequence),
        at_ms: Set(applied.now_ms),
    }
}
