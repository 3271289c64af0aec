//! What came of reads. An unchanged reading moves its freshness only.

use super::Applied;
use crate::changes::{ReadingKey, ReadingKind, ReadingWrite};
use crate::entity::{reading, upsert};
use crate::error::StoreError;
use crate::session::{Session, padded, places};
use sea_orm::ActiveValue::Set;
use sea_orm::Value;
use sea_orm::sea_query::{Expr, OnConflict};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The row of a reading: a version 5 UUID of its natural key.
pub(crate) fn reading_id(key: &ReadingKey) -> Uuid {
    let project = key.project_id.map(|id| id.to_string()).unwrap_or_default();
    let name = format!("{}/{project}/{}/{}", key.organization_id, key.kind.as_str(), key.subject);
    Uuid::new_v5(&key.connector_id.0, name.as_bytes())
}

/// The name of a kind of reading that is not a call.
const LIST_CHECK: &str = "listCheck";
/// The same.
const REFRESH: &str = "refresh";

impl ReadingKind {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read(read) => read.as_str(),
            Self::ListCheck => LIST_CHECK,
            Self::Refresh => REFRESH,
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            LIST_CHECK => Some(Self::ListCheck),
            REFRESH => Some(Self::Refresh),
            name => muster_domain::read::Read::parse(name).map(Self::Read),
        }
    }
}

const DIFFERS: &str = "\"reading\".\"content_hash\" IS DISTINCT FROM \"excluded\".\"content_hash\" \
     OR \"reading\".\"unknown_reason\" IS DISTINCT FROM \"excluded\".\"unknown_reason\"";

pub(super) async fn write(
    session: &Session,
    applied: &Applied,
    writes: impl Iterator<Item = &ReadingWrite>,
) -> Result<(), StoreError> {
    let mut rows: BTreeMap<Uuid, reading::ActiveModel> = BTreeMap::new();
    for write in writes {
        let id = reading_id(&write.key);
        rows.insert(id, row(applied, id, write));
    }
    let where_it_differs = |column: &str| {
        Expr::cust(format!(
            "CASE WHEN {DIFFERS} THEN \"excluded\".\"{column}\" ELSE \"reading\".\"{column}\" END"
        ))
    };
    let on_conflict = OnConflict::column(reading::Column::Id)
        .update_columns([reading::Column::ReadAtMs, reading::Column::ItemCount])
        // A large document that did not change stays where it is.
        .value(reading::Column::Document, where_it_differs("document"))
        .value(reading::Column::ContentHash, where_it_differs("content_hash"))
        .value(reading::Column::UnknownReason, where_it_differs("unknown_reason"))
        .value(reading::Column::ChangedAtMs, where_it_differs("changed_at_ms"))
        .to_owned();
    upsert(session, rows.into_values().collect(), on_conflict).await?;
    Ok(())
}

/// Rows of one statement.
const ROWS_PER_STATEMENT: usize = 500;

/// Forgets readings by their keys.
pub(super) async fn forget(
    session: &Session,
    keys: impl Iterator<Item = &ReadingKey>,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = keys.map(reading_id).collect::<BTreeSet<_>>().into_iter().collect();
    for chunk in ids.chunks(ROWS_PER_STATEMENT) {
        let chunk = padded(chunk);
        let statement = format!("DELETE FROM reading WHERE id IN ({})", places(1, chunk.len()));
        session.run(&statement, chunk.into_iter().map(Value::from).collect()).await?;
    }
    Ok(())
}

fn row(applied: &Applied, id: Uuid, write: &ReadingWrite) -> reading::ActiveModel {
    let document = write.outcome.as_ref().ok();
    reading::ActiveModel {
        id: Set(id),
        connector_id: Set(write.key.connector_id.0),
        organization_id: Set(write.key.organization_id.0),
        project_id: Set(write.key.project_id.map(|id| id.0)),
        kind: Set(write.key.kind.as_str().to_owned()),
        subject: Set(write.key.subject.clone()),
        document: Set(document.map(|document| document.document.clone())),
        content_hash: Set(document.map(|document| document.content_hash.0.to_vec())),
        item_count: Set(document.map(|document| i64::try_from(document.item_count).unwrap_or(i64::MAX))),
        unknown_reason: Set(write.outcome.as_ref().err().map(|reason| reason.cause().to_owned())),
        read_at_ms: Set(applied.now_ms),
        changed_at_ms: Set(applied.now_ms),
    }
}
