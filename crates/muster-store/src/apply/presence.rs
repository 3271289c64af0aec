//! Resources that are not listed any more. What is gone loses its assessments and links; the history keeps them.

use super::Applied;
use super::endings::{self, Ended, Ending};
use super::told::{Happened, Seen, What, differences};
use crate::changes::PresenceWrite;
use crate::error::StoreError;
use crate::inventory::row::key;
use crate::session::{Session, id_list};
use muster_domain::resource::{Presence, ResourceKey};
use muster_domain::{ConnectorId, ResourceId};
use muster_messages::TraceContext;
use sea_orm::Value;
use std::collections::BTreeMap;

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
                happened.extend(close(session, applied, chunk, &before, trace_of).await?);
            }
            set(session, applied, chunk, presence).await?;
            happened.extend(before.iter().filter_map(|(id, before)| before.compared(presence, trace_of(id))));
        }
    }
    Ok(happened)
}

/// A row as it was.
pub(super) struct Before {
    connector_id: ConnectorId,
    key: ResourceKey,
    name: String,
    presence: Presence,
    change_sequence: i64,
}

impl Before {
    /// Something that happened to it, or to an assessment of it.
    pub(super) fn happened<'a>(
        &self,
        sequence: i64,
        what: What,
        trace: Option<&'a TraceContext>,
    ) -> Happened<'a> {
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
pub(super) async fn before(
    session: &Session,
    ids: &[ResourceId],
) -> Result<BTreeMap<ResourceId, Before>, StoreError> {
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
async fn close<'a>(
    session: &Session,
    applied: &Applied,
    ids: &[ResourceId],
    before: &BTreeMap<ResourceId, Before>,
    trace_of: impl Fn(&ResourceId) -> Option<&'a TraceContext>,
) -> Result<Vec<Happened<'a>>, StoreError> {
    let (list, parameters) = id_list(1, ids);
    let which = format!("resource_id IN ({list})");
    let ended = Ended { which: &which, parameters: parameters.clone(), ending: Ending::ResourceRemoved };
    let happened = endings::end(session, applied, ended, before, trace_of).await?;
    session
        .run(&format!("DELETE FROM relation WHERE from_id IN ({list}) OR to_id IN ({list})"), parameters)
        .await?;
    Ok(happened)
}
