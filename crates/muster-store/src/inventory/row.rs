//! Rows of the inventory to domain values.

use super::{KnownResource, StoredResource};
use crate::changes::{ReadingDocument, ReadingKey, ReadingKind, StoredReading};
use crate::error::StoreError;
use crate::session::Row;
use muster_domain::ResourceId;
use muster_domain::read::UnknownReason;
use muster_domain::resource::{ContentHash, Presence, Resource, ResourceKey, ResourceKind};

/// Columns that [`known`] reads.
pub(super) const KNOWN_COLUMNS: &str =
    "id, kind, organization_id, project_id, external_id, name, content_hash, presence, change_sequence";

/// Columns that [`stored`] reads.
pub(crate) const COLUMNS: &str = "id, connector_id, kind, organization_id, project_id, external_id, name, \
     properties, presence, change_sequence, first_seen_ms, changed_at_ms";

/// Columns that [`reading`] reads.
pub(crate) const READING_COLUMNS: &str = "id, connector_id, organization_id, project_id, kind, subject, \
     document, content_hash, item_count, unknown_reason, read_at_ms, changed_at_ms";

pub(crate) fn key(row: &Row) -> Result<ResourceKey, StoreError> {
    Ok(ResourceKey {
        kind: row.parse("kind", ResourceKind::parse)?,
        organization_id: row.id("organization_id")?,
        project_id: row.optional_id("project_id")?,
        external_id: row.get("external_id")?,
    })
}

pub(super) fn known(row: &Row) -> Result<(ResourceId, KnownResource), StoreError> {
    let hash: Vec<u8> = row.get("content_hash")?;
    let known = KnownResource {
        key: key(row)?,
        name: row.get("name")?,
        hash: content_hash(row, &hash)?,
        presence: row.parse("presence", Presence::parse)?,
        change_sequence: row.get("change_sequence")?,
    };
    Ok((row.id("id")?, known))
}

pub(crate) fn stored(row: &Row) -> Result<StoredResource, StoreError> {
    Ok(StoredResource {
        id: row.id("id")?,
        connector_id: row.id("connector_id")?,
        resource: Resource { key: key(row)?, name: row.get("name")?, properties: row.json("properties")? },
        presence: row.parse("presence", Presence::parse)?,
        change_sequence: row.get("change_sequence")?,
        first_seen_at: row.time("first_seen_ms")?,
        changed_at: row.time("changed_at_ms")?,
    })
}

pub(super) fn reading_key(row: &Row) -> Result<ReadingKey, StoreError> {
    Ok(ReadingKey {
        connector_id: row.id("connector_id")?,
        organization_id: row.id("organization_id")?,
        project_id: row.optional_id("project_id")?,
        kind: row.parse("kind", ReadingKind::parse)?,
        subject: row.get("subject")?,
    })
}

pub(crate) fn reading(row: &Row) -> Result<(ReadingKey, StoredReading), StoreError> {
    let key = reading_key(row)?;
    let outcome = match row.parse_optional("unknown_reason", UnknownReason::parse)? {
        Some(reason) => Err(reason),
        None => {
            let hash: Vec<u8> = row.get("content_hash")?;
            Ok(ReadingDocument {
                document: row.get::<Option<serde_json::Value>>("document")?.unwrap_or_default(),
                content_hash: content_hash(row, &hash)?,
                item_count: row.count("item_count")?,
            })
        }
    };
    let stored =
        StoredReading { outcome, read_at: row.time("read_at_ms")?, changed_at: row.time("changed_at_ms")? };
    Ok((key, stored))
}

pub(super) fn content_hash(row: &Row, bytes: &[u8]) -> Result<ContentHash, StoreError> {
    bytes
        .try_into()
        .map(ContentHash)
        .map_err(|_| row.broken("content_hash", format!("{} bytes are no hash", bytes.len())))
}
