//! Resources that are not listed any more. What is gone loses its assessments and links; the history keeps them.

use super::Applied;
use crate::changes::PresenceWrite;
use crate::error::StoreError;
use crate::session::{Session, padded, places};
use muster_domain::ResourceId;
use muster_domain::resource::Presence;
use sea_orm::Value;
use std::collections::BTreeMap;

/// What the history says in place of a state when the resource of an assessment is gone.
pub(crate) const REMOVED: &str = "removed";
/// Rows of one statement.
const ROWS_PER_STATEMENT: usize = 500;

pub(super) async fn write(
    session: &Session,
    applied: &Applied,
    writes: impl Iterator<Item = &PresenceWrite>,
) -> Result<(), StoreError> {
    let mut last: BTreeMap<ResourceId, Presence> = BTreeMap::new();
    for write in writes {
        last.insert(write.resource_id, write.presence);
    }
    for presence in [Presence::Present, Presence::Missing, Presence::Gone] {
        let ids: Vec<ResourceId> =
            last.iter().filter(|(_, wanted)| **wanted == presence).map(|(id, _)| *id).collect();
        for chunk in ids.chunks(ROWS_PER_STATEMENT) {
            if presence == Presence::Gone {
                close_assessments(session, applied, chunk).await?;
            }
            set(session, applied, chunk, presence).await?;
        }
    }
    Ok(())
}

async fn set(
    session: &Session,
    applied: &Applied,
    ids: &[ResourceId],
    presence: Presence,
) -> Result<(), StoreError> {
    let (list, mut parameters) = id_list(2, ids);
    parameters.insert(0, Value::from(presence.as_str()));
    let statement = format!(
        "UPDATE resource SET presence = $1, change_sequence = change_sequence + 1, changed_at_ms = {} \
         WHERE id IN ({list}) AND presence <> $1",
        applied.now_ms
    );
    session.run(&statement, parameters).await?;
    Ok(())
}

async fn close_assessments(
    session: &Session,
    applied: &Applied,
    ids: &[ResourceId],
) -> Result<(), StoreError> {
    let (list, parameters) = id_list(1, ids);
    let statement = format!(
        "INSERT INTO assessment_history (id, resource_id, recommendation, connector_id, from_state, to_state, \
         cause, observed, expected, change_sequence, at_ms) \
         SELECT {{random_uuid}}, resource_id, recommendation, connector_id, state, '{REMOVED}', cause, observed, \
         expected, change_sequence + 1, {} FROM assessment WHERE resource_id IN ({list})",
        applied.now_ms
    );
    session.run(&statement, parameters.clone()).await?;
    session.run(&format!("DELETE FROM assessment WHERE resource_id IN ({list})"), parameters.clone()).await?;
    session
        .run(&format!("DELETE FROM relation WHERE from_id IN ({list}) OR to_id IN ({list})"), parameters)
        .await?;
    Ok(())
}

fn id_list(first: usize, ids: &[ResourceId]) -> (String, Vec<Value>) {
    let ids = padded(ids);
    (places(first, ids.len()), ids.iter().map(|id| Value::from(id.0)).collect())
}
