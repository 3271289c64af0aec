//! Which processes are alive. For people: nothing is decided by it.

use crate::Store;
use crate::error::StoreError;
use crate::session::{milliseconds, values};
use chrono::{DateTime, Utc};
use std::time::Duration;

/// The heartbeats of a store.
#[derive(Clone, Debug)]
pub struct Heartbeats {
    pub(crate) store: Store,
}

/// A sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The process, unique while it lives.
    pub instance: String,
    /// What it does.
    pub role: String,
    /// Its release.
    pub version: String,
    /// Jobs that it can run at a time.
    pub slots: u32,
    /// Jobs that it runs.
    pub busy: u32,
}

/// A process as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownInstance {
    /// Its last sign of life.
    pub heartbeat: Heartbeat,
    /// When it gave the first.
    pub started_at: DateTime<Utc>,
    /// When it gave the last.
    pub beat_at: DateTime<Utc>,
}

impl Heartbeats {
    /// Gives a sign of life.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn beat(&self, heartbeat: &Heartbeat) -> Result<(), StoreError> {
        self.store
            .transaction(|session| async move {
                session
                    .run(
                        "INSERT INTO heartbeat (instance, role, version, slots, busy, started_at_ms, beat_at_ms) \
                         VALUES ($1, $2, $3, $4, $5, {now}, {now}) \
                         ON CONFLICT (instance) DO UPDATE SET role = excluded.role, version = excluded.version, \
                         slots = excluded.slots, busy = excluded.busy, beat_at_ms = excluded.beat_at_ms",
                        values![
                            heartbeat.instance.as_str(),
                            heartbeat.role.as_str(),
                            heartbeat.version.as_str(),
                            i64::from(heartbeat.slots),
                            i64::from(heartbeat.busy)
                        ],
                    )
                    .await
            })
            .await?;
        Ok(())
    }

    /// Processes that gave a sign of life within that time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn list(&self, within: Duration) -> Result<Vec<KnownInstance>, StoreError> {
        let rows = self
            .store
            .reader()
            .all(
                "heartbeat",
                "SELECT instance, role, version, slots, busy, started_at_ms, beat_at_ms FROM heartbeat \
                 WHERE beat_at_ms >= {now} - $1 ORDER BY role, instance",
                values![milliseconds(within)],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(KnownInstance {
                    heartbeat: Heartbeat {
                        instance: row.get("instance")?,
                        role: row.get("role")?,
                        version: row.get("version")?,
                        slots: row.count("slots")?,
                        busy: row.count("busy")?,
                    },
                    started_at: row.time("started_at_ms")?,
                    beat_at: row.time("beat_at_ms")?,
                })
            })
            .collect()
    }

    /// Forgets processes that were silent for longer than that, and one that says goodbye.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn forget(&self, instance: &str, silent_for: Duration) -> Result<(), StoreError> {
        self.store
            .transaction(|session| async move {
                session
                    .run(
                        "DELETE FROM heartbeat WHERE instance = $1 OR beat_at_ms < {now} - $2",
                        values![instance, milliseconds(silent_for)],
                    )
                    .await
            })
            .await?;
        Ok(())
    }
}
