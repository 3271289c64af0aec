//! Assessments that end: with their resource, or because no rule makes them any more. The history keeps them.

use super::Applied;
use super::presence::{self, Before};
use super::told::{Happened, What};
use crate::changes::AssessmentId;
use crate::entity::{assessment_history, upsert};
use crate::error::StoreError;
use crate::session::{Row, Session, id_list};
use muster_domain::assessment::AssessmentState;
use muster_domain::{RecommendationKey, ResourceId};
use muster_messages::TraceContext;
use sea_orm::ActiveValue::Set;
use sea_orm::Value;
use sea_orm::sea_query::OnConflict;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What the history says in place of a state when an assessment ended.
pub(crate) const REMOVED: &str = "removed";
/// Rows of one statement.
const ROWS_PER_STATEMENT: usize = 500;

/// Why an assessment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its resource is gone.
    ResourceRemoved,
    /// The catalogue has the recommendation no more.
    RecommendationWithdrawn,
}

impl Ending {
    /// As a stable code.
    pub(super) fn cause(self) -> &'static str {
        match self {
            Self::ResourceRemoved => "ResourceRemoved",
            Self::RecommendationWithdrawn => "RecommendationWithdrawn",
        }
    }

    /// For people.
    pub(super) fn observation(self) -> &'static str {
        match self {
            Self::ResourceRemoved => "the resource is gone",
            Self::RecommendationWithdrawn => "the recommendation is not in the catalogue any more",
        }
    }
}

/// Ends assessments that no rule makes any more; what happened to them. Resources that were renamed in the same
/// transaction have their names already.
pub(super) async fn withdraw<'a>(
    session: &Session,
    applied: &Applied,
    withdrawn: impl Iterator<Item = (&'a AssessmentId, Option<&'a TraceContext>)>,
) -> Result<Vec<Happened<'a>>, StoreError> {
    let mut by_recommendation: BTreeMap<RecommendationKey, BTreeMap<ResourceId, Option<&TraceContext>>> =
        BTreeMap::new();
    for (id, trace) in withdrawn {
        by_recommendation.entry(id.recommendation).or_default().insert(id.resource_id, trace);
    }
    let mut happened = Vec::new();
    for (recommendation, traces) in by_recommendation {
        let ids: Vec<ResourceId> = traces.keys().copied().collect();
        for chunk in ids.chunks(ROWS_PER_STATEMENT) {
            let resources = presence::before(session, chunk).await?;
            let (list, mut parameters) = id_list(2, chunk);
            parameters.insert(0, Value::from(recommendation.0));
            let which = format!("recommendation = $1 AND resource_id IN ({list})");
            let ended = Ended { which: &which, parameters, ending: Ending::RecommendationWithdrawn };
            let trace_of = |id: &ResourceId| traces.get(id).copied().flatten();
            happened.extend(end(session, applied, ended, &resources, trace_of).await?);
        }
    }
    Ok(happened)
}

/// Assessments that end together.
pub(super) struct Ended<'a> {
    /// Which: a condition of the table.
    pub(super) which: &'a str,
    /// Its values.
    pub(super) parameters: Vec<Value>,
    /// Why.
    pub(super) ending: Ending,
}

/// Ends assessments of `resources`.
pub(super) async fn end<'a>(
    session: &Session,
    applied: &Applied,
    ended: Ended<'_>,
    resources: &BTreeMap<ResourceId, Before>,
    trace_of: impl Fn(&ResourceId) -> Option<&'a TraceContext>,
) -> Result<Vec<Happened<'a>>, StoreError> {
    let statement = format!("DELETE FROM assessment WHERE {} RETURNING {COLUMNS}", ended.which);
    let rows = session.all("assessment", &statement, ended.parameters).await?;
    let mut happened = Vec::with_capacity(rows.len());
    let mut history = Vec::with_capacity(rows.len());
    for row in &rows {
        let resource_id: ResourceId = row.id("resource_id")?;
        let from = row.parse("state", AssessmentState::parse)?;
        let sequence: i64 = row.get::<i64>("change_sequence")? + 1;
        history.push(history_row(applied, row, from, sequence, ended.ending)?);
        if let Some(resource) = resources.get(&resource_id) {
            let (recommendation, expected) = (row.id("recommendation")?, row.get("expected")?);
            let what = What::AssessmentEnded { recommendation, from, expected, ending: ended.ending };
            happened.push(resource.happened(sequence, what, trace_of(&resource_id)));
        }
    }
    let once = OnConflict::column(assessment_history::Column::Id).do_nothing().to_owned();
    upsert(session, history, once).await?;
    Ok(happened)
}

const COLUMNS: &str = "resource_id, recommendation, connector_id, state, expected, change_sequence";

fn history_row(
    applied: &Applied,
    row: &Row,
    from: AssessmentState,
    sequence: i64,
    ending: Ending,
) -> Result<assessment_history::ActiveModel, StoreError> {
    Ok(assessment_history::ActiveModel {
        id: Set(Uuid::now_v7()),
        resource_id: Set(row.get("resource_id")?),
        recommendation: Set(row.get("recommendation")?),
        connector_id: Set(row.get("connector_id")?),
        from_state: Set(Some(from.as_str().to_owned())),
        to_state: Set(REMOVED.to_owned()),
        cause: Set(ending.cause().to_owned()),
        observed: Set(ending.observation().to_owned()),
        expected: Set(row.get("expected")?),
        change_sequence: Set(sequence),
        at_ms: Set(applied.now_ms),
    })
}
