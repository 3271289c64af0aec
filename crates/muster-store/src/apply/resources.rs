//! Resources and their relations. An unchanged resource is not written.

use super::Applied;
use super::told::{Happened, Seen, What, differences};
use crate::changes::{RelationWrite, ResourceWrite};
use crate::entity::{relation, resource, upsert};
use crate::error::StoreError;
use crate::session::{Session, padded, places, values};
use muster_domain::ResourceId;
use muster_domain::properties::Properties;
use muster_domain::resource::Presence;
use muster_messages::TraceContext;
use sea_orm::ActiveValue::Set;
use sea_orm::Value;
use sea_orm::sea_query::{Expr, OnConflict};
use std::collections::{BTreeMap, HashMap};

/// Rows of one statement.
const ROWS_PER_STATEMENT: usize = 1_000;

/// A write with the trace of its job.
type Traced<'a> = (&'a ResourceWrite, Option<&'a TraceContext>);

/// Writes resources; what happened to them.
pub(super) async fn write<'a>(
    session: &Session,
    applied: &Applied,
    writes: impl Iterator<Item = Traced<'a>>,
) -> Result<Vec<Happened<'a>>, StoreError> {
    // Sorted by id: groups that meet lock their common rows in the same order.
    let mut last: BTreeMap<ResourceId, Traced<'a>> = BTreeMap::new();
    for (write, trace) in writes {
        last.insert(write.resource.key.resource_id(write.connector_id), (write, trace));
    }
    let all: Vec<(ResourceId, Traced<'a>)> = last.into_iter().collect();
    let mut happened = Vec::new();
    for chunk in all.chunks(ROWS_PER_STATEMENT) {
        let before = before(session, chunk).await?;
        let mut rows = Vec::with_capacity(chunk.len());
        for (id, (write, trace)) in chunk {
            rows.push(row(applied, *id, write)?);
            happened.extend(compared(before.get(id), write, *trace));
        }
        upsert(session, rows, where_it_differs()).await?;
    }
    Ok(happened)
}

fn where_it_differs() -> OnConflict {
    OnConflict::column(resource::Column::Id)
        .update_columns([
            resource::Column::Name,
            resource::Column::Properties,
            resource::Column::ContentHash,
            resource::Column::Presence,
            resource::Column::ChangedAtMs,
        ])
        .value(resource::Column::ChangeSequence, Expr::cust("\"resource\".\"change_sequence\" + 1"))
        .action_and_where(Expr::cust(
            "\"resource\".\"content_hash\" <> \"excluded\".\"content_hash\" OR \"resource\".\"presence\" <> 'present'",
        ))
        .to_owned()
}

/// A row as it was.
struct Before {
    name: String,
    properties: Option<Properties>,
    content_hash: Vec<u8>,
    presence: Presence,
    change_sequence: i64,
}

/// Locks the rows that exist.
async fn before(
    session: &Session,
    chunk: &[(ResourceId, Traced<'_>)],
) -> Result<HashMap<ResourceId, Before>, StoreError> {
    let ids = padded(&chunk.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    let statement = format!(
        "SELECT id, name, properties, content_hash, presence, change_sequence FROM resource \
         WHERE id IN ({}) ORDER BY id {{for_update}}",
        places(1, ids.len())
    );
    let parameters = ids.iter().map(|id| Value::from(id.0)).collect();
    let rows = session.all("resource", &statement, parameters).await?;
    rows.iter()
        .map(|row| {
            let before = Before {
                name: row.get("name")?,
                // What is not understood is written anew, and so healed.
                properties: row.json("properties").ok(),
                content_hash: row.get("content_hash")?,
                presence: row.parse("presence", Presence::parse)?,
                change_sequence: row.get("change_sequence")?,
            };
            Ok((row.id("id")?, before))
        })
        .collect()
}

/// What a write does to a row, as subscribers see it. A resource that comes back goes on counting: its facts have ids
/// of their own.
fn compared<'a>(
    before: Option<&Before>,
    write: &'a ResourceWrite,
    trace: Option<&'a TraceContext>,
) -> Option<Happened<'a>> {
    let resource = &write.resource;
    let (sequence, what) = match before {
        None => (1, What::Discovered),
        Some(before) => {
            let is_same = before.content_hash == resource.content_hash().0;
            let what = match before.presence {
                Presence::Present if is_same => return None,
                Presence::Gone => What::Discovered,
                Presence::Present | Presence::Missing => {
                    let was = Seen {
                        name: &before.name,
                        presence: before.presence,
                        properties: before.properties.as_ref(),
                    };
                    let is = Seen {
                        name: &resource.name,
                        presence: Presence::Present,
                        properties: Some(&resource.properties),
                    };
                    What::Changed(differences(&was, &is))
                }
            };
            (before.change_sequence + 1, what)
        }
    };
    let tells_nothing = matches!(&what, What::Changed(changes) if changes.is_empty());
    (!tells_nothing).then(|| Happened {
        connector_id: write.connector_id,
        key: resource.key.clone(),
        name: resource.name.clone(),
        sequence,
        what,
        trace,
    })
}

fn row(
    applied: &Applied,
    id: ResourceId,
    write: &ResourceWrite,
) -> Result<resource::ActiveModel, StoreError> {
    let resource = &write.resource;
    let properties = serde_json::to_value(&resource.properties)
        .map_err(|error| StoreError::Invalid(format!("properties of {id}: {error}")))?;
    Ok(resource::ActiveModel {
        id: Set(id.0),
        connector_id: Set(write.connector_id.0),
        kind: Set(resource.key.kind.as_str().to_owned()),
        organization_id: Set(resource.key.organization_id.0),
        project_id: Set(resource.key.project_id.map(|id| id.0)),
        external_id: Set(resource.key.external_id.clone()),
        name: Set(resource.name.clone()),
        properties: Set(properties),
        content_hash: Set(resource.content_hash().0.to_vec()),
        presence: Set(Presence::Present.as_str().to_owned()),
        change_sequence: Set(1),
        first_seen_ms: Set(applied.now_ms),
        changed_at_ms: Set(applied.now_ms),
    })
}

pub(super) async fn write_relations(
    session: &Session,
    writes: impl Iterator<Item = &RelationWrite>,
) -> Result<(), StoreError> {
    // The last word on a link counts.
    let mut last: BTreeMap<(ResourceId, &'static str, ResourceId), &RelationWrite> = BTreeMap::new();
    for write in writes {
        let from = write.from.resource_id(write.connector_id);
        let to = write.to.resource_id(write.connector_id);
        last.insert((from, write.kind.as_str(), to), write);
    }
    let mut rows = Vec::new();
    for ((from, kind, to), write) in last {
        if write.removed {
            session
                .run(
                    "DELETE FROM relation WHERE from_id = $1 AND kind = $2 AND to_id = $3",
                    values![from.0, kind, to.0],
                )
                .await?;
        } else {
            rows.push(relation::ActiveModel {
                from_id: Set(from.0),
                kind: Set(kind.to_owned()),
                to_id: Set(to.0),
                connector_id: Set(write.connector_id.0),
            });
        }
    }
    let keep =
        OnConflict::columns([relation::Column::FromId, relation::Column::Kind, relation::Column::ToId])
            .do_nothing()
            .to_owned();
    upsert(session, rows, keep).await?;
    Ok(())
}
