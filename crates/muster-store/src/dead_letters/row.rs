//! Rows to letters.

use super::{DeadLetter, LetterStatus, NewDeadLetter};
use crate::error::StoreError;
use crate::ledger::row::trace;
use crate::session::Row;

/// Columns that [`dead_letter`] reads.
pub(super) const COLUMNS: &str = "id, origin, routing_key, raw, original_bytes, headers, reason_class, reason, job_id, \
     job_kind, connector_id, attempts, first_error, last_error, traceparent, tracestate, seen_at_ms, replayed_at_ms, \
     replayed_by, replay_outcome, discarded_at_ms, discarded_by, discard_reason";

pub(super) fn dead_letter(row: &Row) -> Result<DeadLetter, StoreError> {
    let replayed_at = row.optional_time("replayed_at_ms")?;
    let discarded_at = row.optional_time("discarded_at_ms")?;
    Ok(DeadLetter {
        id: row.get("id")?,
        letter: NewDeadLetter {
            origin: row.get("origin")?,
            routing_key: row.get("routing_key")?,
            raw: row.get("raw")?,
            headers: row.get::<Option<serde_json::Value>>("headers")?.unwrap_or_default(),
            reason_class: row.get("reason_class")?,
            reason: row.get("reason")?,
            job_id: row.optional_id("job_id")?,
            trace: trace(row)?,
            job_kind: row.get("job_kind")?,
            connector_id: row.optional_id("connector_id")?,
        },
        original_bytes: row.count("original_bytes")?,
        seen_at: row.time("seen_at_ms")?,
        status: match (replayed_at, discarded_at) {
            (Some(_), _) => LetterStatus::Replayed,
            (None, Some(_)) => LetterStatus::Discarded,
            (None, None) => LetterStatus::Open,
        },
        attempts: row.count("attempts")?,
        first_error: row.get("first_error")?,
        last_error: row.get("last_error")?,
        replayed_at,
        replayed_by: row.get("replayed_by")?,
        replay_outcome: row.get("replay_outcome")?,
        discarded_at,
        discarded_by: row.get("discarded_by")?,
        discard_reason: row.get("discard_reason")?,
    })
}
