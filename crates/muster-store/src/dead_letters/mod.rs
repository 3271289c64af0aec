//! What could not be read or done, kept as it came, for a person.

use crate::Store;
use crate::error::StoreError;
use crate::session::{Row, milliseconds, values};
use chrono::{DateTime, Utc};
use muster_domain::JobId;
use std::time::Duration;
use uuid::Uuid;

/// The dead letters of a store.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    pub(crate) store: Store,
}

/// Bytes that are kept of a message: the size at which ingress refuses one.
pub const LONGEST_KEPT_BYTES: usize = 1024 * 1024;
/// Letters that are kept; the oldest make room.
pub const MOST_KEPT: i64 = 10_000;

/// Something that could not be read or done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewDeadLetter {
    /// The queue or door it came from.
    pub origin: String,
    /// Its routing key.
    pub routing_key: Option<String>,
    /// Its body, byte for byte.
    pub raw: Vec<u8>,
    /// Its headers.
    pub headers: serde_json::Value,
    /// Stable name of what is wrong.
    pub reason_class: String,
    /// What is wrong, for people.
    pub reason: String,
    /// The job it belongs to.
    pub job_id: Option<JobId>,
}

/// A dead letter as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Its row.
    pub id: Uuid,
    /// What it is.
    pub letter: NewDeadLetter,
    /// Bytes that it had; more than are kept where it was cut.
    pub original_bytes: u64,
    /// When it was put here.
    pub seen_at: DateTime<Utc>,
    /// When it was replayed.
    pub replayed_at: Option<DateTime<Utc>>,
    /// By whom.
    pub replayed_by: Option<String>,
}

const COLUMNS: &str = "id, origin, routing_key, raw, original_bytes, headers, reason_class, reason, job_id, \
     seen_at_ms, replayed_at_ms, replayed_by";

impl DeadLetters {
    /// Keeps a letter; an overlong body is cut. Beyond the most that are kept, the oldest are forgotten.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn put(&self, letter: &NewDeadLetter) -> Result<Uuid, StoreError> {
        let id = Uuid::now_v7();
        self.store
            .transaction(|session| async move {
                let kept = letter.raw.len().min(LONGEST_KEPT_BYTES);
                session
                    .run(
                        "INSERT INTO dead_letter (id, origin, routing_key, raw, original_bytes, headers, \
                         reason_class, reason, job_id, seen_at_ms) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, {now})",
                        values![
                            id,
                            letter.origin.as_str(),
                            letter.routing_key.clone(),
                            letter.raw[..kept].to_vec(),
                            i64::try_from(letter.raw.len()).unwrap_or(i64::MAX),
                            letter.headers.clone(),
                            letter.reason_class.as_str(),
                            letter.reason.as_str(),
                            letter.job_id.map(|job| job.0)
                        ],
                    )
                    .await?;
                session
                    .run(
                        "DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter \
                         ORDER BY seen_at_ms DESC, id DESC LIMIT 1000 OFFSET $1)",
                        values![MOST_KEPT],
                    )
                    .await?;
                Ok(id)
            })
            .await
    }

    /// Letters, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn list(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        let statement =
            format!("SELECT {COLUMNS} FROM dead_letter ORDER BY seen_at_ms DESC, id DESC LIMIT $1");
        let rows = self.store.reader().all("dead_letter", &statement, values![i64::from(limit)]).await?;
        rows.iter().map(dead_letter).collect()
    }

    /// One letter.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn get(&self, id: Uuid) -> Result<Option<DeadLetter>, StoreError> {
        let statement = format!("SELECT {COLUMNS} FROM dead_letter WHERE id = $1");
        self.store
            .reader()
            .one("dead_letter", &statement, values![id])
            .await?
            .as_ref()
            .map(dead_letter)
            .transpose()
    }

    /// How many letters wait for a person.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn count(&self) -> Result<u64, StoreError> {
        let statement = "SELECT count(*) AS letters FROM dead_letter WHERE replayed_at_ms IS NULL";
        let row = self.store.reader().one("dead_letter", statement, values![]).await?;
        row.map_or(Ok(0), |row| row.count("letters"))
    }

    /// Notes that a letter was replayed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn mark_replayed(&self, id: Uuid, by: &str) -> Result<(), StoreError> {
        let touched = self
            .store
            .transaction(|session| async move {
                session
                    .run(
                        "UPDATE dead_letter SET replayed_at_ms = {now}, replayed_by = $2 WHERE id = $1",
                        values![id, by],
                    )
                    .await
            })
            .await?;
        if touched == 0 { Err(StoreError::not_found("dead letter", &id)) } else { Ok(()) }
    }

    /// Forgets letters older than that.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn prune(&self, older_than: Duration) -> Result<u64, StoreError> {
        self.store
            .transaction(|session| async move {
                session
                    .run(
                        "DELETE FROM dead_letter WHERE seen_at_ms < {now} - $1",
                        values![milliseconds(older_than)],
                    )
                    .await
            })
            .await
    }
}

fn dead_letter(row: &Row) -> Result<DeadLetter, StoreError> {
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
        },
        original_bytes: row.count("original_bytes")?,
        seen_at: row.time("seen_at_ms")?,
        replayed_at: row.optional_time("replayed_at_ms")?,
        replayed_by: row.get("replayed_by")?,
    })
}
