//! Resources that are not listed any more. What is gone loses its assessments and links; the history keeps them.

use super::Applied;
use super::told::{Happened, REMOVED_CAUSE, REMOVED_OBSERVATION, Seen, What, differences};
use crate::changes::PresenceWrite;
use crate::entity::{assessment_history, upsert};
use crate::error::StoreError;
use crate::inventory::row::key;
use crate::session::{Row, Session, padded, places};
use muster_domain::assessment::AssessmentState;
use muster_domain::resource::{Presence, ResourceKey};
use muster_domain::{ConnectorId, ResourceId};
use muster_messages::TraceContext;
use sea_orm::ActiveValue::Set;
use sea_orm::Value;
use sea_orm::sea_query::OnConflict;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What the history says in place of a state when the resource of an assessment is gone.
pub(crate) const REMOVED: &str = "removed";
/// Rows of one statement.
const ROWS_PER_STATEMENT: usize = 500;

/// Writes what is there and what is not; what happened to the resources and their assessments.
pub(super) async fn write<'a>(
    session: &Session,
    applied: &Applied,
    writes: impl Iterator<Item = (&'a PresenceWrite, Option<&'a TraceContext>)>,
) -> Result<Vec<Happened<'a>>, StoreError> {
    let mut last: BTreeMap<ResourceId, (Presence, Option<&'a TraceContext>)> = BTreeMap::new();
    for (write, trace) in writes {
        last.insert(write.resource_id, (write.presence, trace));
    }
    let mut happened = Vec::new();
    for presence in [Presence::Present, Presence::Missing, Presence::Gone] {
        let ids: Vec<ResourceId> =
            last.iter().filter(|(_, (wanted, _))| *wanted == presence).map(|(id, _)| *id).collect();
        for chunk in ids.chunks(ROWS_PER_STATEMENT) {
            let before = before(session, chunk).await?;
            let trace_of = |id: &ResourceId| last.get(id).and_then(|(_, trace)| *trace);
            if presence == Presence::Gone {
                happened.extend(close_assessments(session, applied, chunk, &before, trace_of).await?);
            }
            set(session, applied, chunk, presence).await?;
            happened.extend(before.iter().filter_map(|(id, before)| before.compared(presence, trace_of(id))));
        }
    }
    Ok(happened)
}

/// A row as it was.
struct Before {
    connector_id: ConnectorId,
    key: ResourceKey,
    name: String,
    presence: Presence,
    change_sequence: i64,
}

impl Before {
    fn happened<'a>(&self, sequence: i64, what: What, trace: Option<&'a TraceContext>) -> Happened<'a> {
        let (connector_id, key, name) = (self.connector_id, self.key.clone(), self.name.clone());
        Happened { connector_id, key, name, sequence, what, trace }
    }

    /// What another presence means for subscribers.
    fn compared<'a>(&self, presence: Presence, trace: Option<&'a TraceContext>) -> Option<Happened<'a>> {
        let what = match (self.presence, presence) {
            (before, after) if before == after => return None,
            (_, Presence::Gone) => What::Removed,
            (Presence::Gone, Presence::Present) => What::Discovered,
            // What is gone is not known to be missing; it was told already.
            (Presence::Gone, _) => return None,
            (before, after) => {
                let seen = |presence| Seen { name: &self.name, presence, properties: None };
                What::Changed(differences(&seen(before), &seen(after)))
            }
        };
        Some(self.happened(self.change_sequence + 1, what, trace))
    }
}

/// Locks the rows that exist.
async fn before(session: &Session, ids: &[ResourceId]) -> Result<BTreeMap<ResourceId, Before>, StoreError> {
    let (list, parameters) = id_list(1, ids);
    let statement = format!(
        "SELECT id, connector_id, kind, organization_id, project_id, external_id, name, presence, change_sequence \
         FROM resource WHERE id IN ({list}) ORDER BY id {{for_update}}"
    );
    let rows = session.all("resource", &statement, parameters).await?;
    rows.iter()
        .map(|row| {
            let before = Before {
                connector_id: row.id("connector_id")?,
                key: key(row)?,
                name: row.get("name")?,
                presence: row.parse("presence", Presence::parse)?,
                change_sequence: row.get("change_sequence")?,
            };
            Ok((row.id("id")?, before))
        })
        .collect()
}

async fn set(
    session: &Session,
    applied: &Applied,
    ids: &[ResourceId],
    presence: Presence,
) -> Result<(), StoreError> {
    let (list, mut parameters) = id_list(2, ids);
    parameters.insert(0, Value::from(presence.as_str()));
    // What is confirmed to be gone is not missing again.
    let statement = format!(
        "UPDATE resource SET presence = $1, change_sequence = change_sequence + 1, changed_at_ms = {} \
         WHERE id IN ({list}) AND presence <> $1 AND NOT (presence = 'gone' AND $1 = 'missing')",
        applied.now_ms
    );
    session.run(&statement, parameters).await?;
    Ok(())
}

/// Ends the assessments of what is gone, and cuts its links.
async fn close_assessments<'a>(
    session: &Session,
    applied: &Applied,
    ids: &[ResourceId],
    before: &BTreeMap<ResourceId, Before>,
    trace_of: impl Fn(&ResourceId) -> Option<&'a TraceContext>,
) -> Result<Vec<Happened<'a>>, StoreError> {
    let (list, parameters) = id_list(1, ids);
    let ended = format!("DELETE FROM assessment WHERE resource_id IN ({list}) RETURNING {ENDED_COLUMNS}");
    let rows = session.all("assessment", &ended, parameters.clone()).await?;
    let mut happened = Vec::with_capacity(rows.len());
    let mut history = Vec::with_capacity(rows.len());
    for row in &rows {
        let resource_id: ResourceId = row.id("resource_id")?;
        let from = row.parse("state", AssessmentState::parse)?;
        let sequence: i64 = row.get::<i64>("change_sequence")? + 1;
        history.push(ended_row(applied, row, from, sequence)?);
        if let Some(before) = before.get(&resource_id) {
            let recommendation = row.id("recommendation")?;
            let what = What::AssessmentEnded { recommendation, from, expected: row.get("expected")? };
            happened.push(before.happened(sequence, what, trace_of(&resource_id)));
        }
    }
    let once = OnConflict::column(assessment_history::Column::Id).do_nothing().to_owned();
    upsert(session, history, once).await?;
    session
        .run(&format!("DELETE FROM relation WHERE from_id IN ({list}) OR to_id IN ({list})"), parameters)
        .await?;
    Ok(happened)
}

const ENDED_COLUMNS: &str = "resource_id, recommendation, connector_id, state, expected, change_sequence";

fn ended_row(
    applied: &Applied,
    row: &Row,
    from: AssessmentState,
    sequence: i64,
) -> Result<assessment_history::ActiveModel, StoreError> {
    Ok(assessment_history::ActiveModel {
        id: Set(Uuid::now_v7()),
        resource_id: Set(row.get("resource_id")?),
        recommendation: Set(row.get("recommendation")?),
        connector_id: Set(row.get("connector_id")?),
        from_state: Set(Some(from.as_str().to_owned())),
        to_state: Set(REMOVED.to_owned()),
        cause: Set(REMOVED_CAUSE.to_owned()),
        observed: Set(REMOVED_OBSERVATION.to_owned()),
        expected: Set(row.get("expected")?),
        change_sequence: Set(sequence),
        at_ms: Set(applied.now_ms),
    })
}

fn id_list(first: usize, ids: &[ResourceId]) -> (String, Vec<Value>) {
    let ids = padded(ids);
    (places(first, ids.len()), ids.iter().map(|id| Value::from(id.0)).collect())
}
