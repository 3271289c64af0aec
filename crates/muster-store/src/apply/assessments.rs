//! Verdicts, and the history of each. An older run never overwrites what a newer one said.

use super::naming::Names;
use super::{Applied, REMOVED};
use crate::changes::AssessmentWrite;
use crate::entity::{assessment, assessment_history, upsert};
use crate::error::StoreError;
use crate::inventory::StoredResource;
use crate::inventory::row::{COLUMNS, stored};
use crate::session::{Session, id_list};
use muster_domain::{RecommendationKey, ResourceId, arm};
use muster_messages::fact::FactPayload;
use muster_messages::{Fact, TraceContext};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// Rows of one statement.
const ROWS_PER_STATEMENT: usize = 1_000;

/// By how much the sequences of first verdicts are raised.
pub(super) type Raised = BTreeMap<(ResourceId, RecommendationKey), i64>;

/// Writes verdicts. One on a resource that was gone goes on counting where the last one ended: its facts have ids of
/// their own. What was raised so, is returned.
pub(super) async fn write(
    session: &Session,
    applied: &Applied,
    writes: impl Iterator<Item = &AssessmentWrite>,
) -> Result<Raised, StoreError> {
    let writes: Vec<&AssessmentWrite> = writes.collect();
    let raised = ended_before(session, &writes).await?;
    let mut last: BTreeMap<(ResourceId, RecommendationKey), assessment::ActiveModel> = BTreeMap::new();
    let mut history = Vec::new();
    for write in writes {
        let id = id_of(write);
        let is_first = write.from.is_none();
        let raise = raised.get(&id).copied().filter(|_| is_first).unwrap_or_default();
        let sequence = write.assessment.change_sequence + raise;
        last.insert(id, row(write, sequence));
        history.push(history_row(applied, write, sequence));
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
    upsert(session, last.into_values().collect(), newer).await?;
    let once = OnConflict::column(assessment_history::Column::Id).do_nothing().to_owned();
    upsert(session, history, once).await?;
    Ok(raised)
}

fn id_of(write: &AssessmentWrite) -> (ResourceId, RecommendationKey) {
    (write.assessment.resource_id, write.assessment.recommendation)
}

/// The last sequence of assessments that ended with their resource, for those that are judged for the first time.
async fn ended_before(session: &Session, writes: &[&AssessmentWrite]) -> Result<Raised, StoreError> {
    let first: BTreeSet<(ResourceId, RecommendationKey)> =
        writes.iter().filter(|write| write.from.is_none()).map(|write| id_of(write)).collect();
    let resources: BTreeSet<ResourceId> = first.iter().map(|(resource, _)| *resource).collect();
    let resources: Vec<ResourceId> = resources.into_iter().collect();
    let mut raised = Raised::new();
    for chunk in resources.chunks(ROWS_PER_STATEMENT) {
        let (list, parameters) = id_list(1, chunk);
        let statement = format!(
            "SELECT resource_id, recommendation, max(change_sequence) AS change_sequence FROM assessment_history \
             WHERE resource_id IN ({list}) AND to_state = '{REMOVED}' GROUP BY resource_id, recommendation"
        );
        for row in session.all("assessment_history", &statement, parameters).await? {
            let id = (row.id("resource_id")?, row.id("recommendation")?);
            if first.contains(&id) {
                raised.insert(id, row.get("change_sequence")?);
            }
        }
    }
    Ok(raised)
}

/// Raises the sequences in facts, as they were raised in rows.
pub(super) async fn raise_facts(
    session: &Session,
    raised: &Raised,
    facts: &mut [(Fact, Option<&TraceContext>)],
) -> Result<(), StoreError> {
    let ids: BTreeSet<ResourceId> = raised.keys().map(|(resource, _)| *resource).collect();
    let ids: Vec<ResourceId> = ids.into_iter().collect();
    let mut by_subject: HashMap<String, i64> = HashMap::new();
    for chunk in ids.chunks(ROWS_PER_STATEMENT) {
        let (list, parameters) = id_list(1, chunk);
        let statement = format!("SELECT {COLUMNS} FROM resource WHERE id IN ({list})");
        let rows = session.all("resource", &statement, parameters).await?;
        let resources: Vec<StoredResource> = rows.iter().map(stored).collect::<Result<_, _>>()?;
        let keys = resources.iter().map(|stored| (stored.connector_id, &stored.resource.key));
        let names = Names::load(session, keys).await?;
        for stored in &resources {
            let named = names.name(stored.connector_id, &stored.resource.key, &stored.resource.name);
            let Some(named) = named else { continue };
            let range =
                (stored.id, RecommendationKey(Uuid::nil()))..=(stored.id, RecommendationKey(Uuid::max()));
            for ((_, recommendation), raise) in raised.range(range) {
                by_subject.insert(arm::assessment_id(&named.subject, *recommendation), *raise);
            }
        }
    }
    for (fact, _) in facts {
        let is_first =
            matches!(&fact.payload, FactPayload::AssessmentChanged(changed) if changed.from.is_none());
        if let Some(raise) = by_subject.get(&fact.subject).filter(|_| is_first) {
            fact.sequence += raise;
        }
    }
    Ok(())
}

fn row(write: &AssessmentWrite, sequence: i64) -> assessment::ActiveModel {
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
        change_sequence: Set(sequence),
    }
}

fn history_row(applied: &Applied, write: &AssessmentWrite, sequence: i64) -> assessment_history::ActiveModel {
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
        change_sequence: Set(sequence),
        at_ms: Set(applied.now_ms),
    }
}
