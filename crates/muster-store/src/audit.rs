//! Who changed what.

use crate::Store;
use crate::error::StoreError;
use crate::session::{Session, values};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The audit trail of a store.
#[derive(Clone, Debug)]
pub struct Audit {
    pub(crate) store: Store,
}

/// One deed.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// Who did it.
    pub actor: String,
    /// What was done (`connector.create`, …).
    pub action: String,
    /// To what.
    pub target: String,
    /// More about it, nothing secret.
    pub detail: serde_json::Value,
}

/// A deed as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditRecord {
    /// Its row.
    pub id: Uuid,
    /// The deed.
    pub entry: AuditEntry,
    /// When it was done.
    pub at: DateTime<Utc>,
}

impl Audit {
    /// Keeps a deed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn record(&self, entry: &AuditEntry) -> Result<(), StoreError> {
        self.store.transaction(|session| async move { write(&session, entry).await }).await?;
        Ok(())
    }

    /// Deeds, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn list(&self, limit: u32) -> Result<Vec<AuditRecord>, StoreError> {
        let rows = self
            .store
            .reader()
            .all(
                "audit",
                "SELECT id, at_ms, actor, action, target, detail FROM audit ORDER BY at_ms DESC, id DESC LIMIT $1",
                values![i64::from(limit)],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(AuditRecord {
                    id: row.get("id")?,
                    entry: AuditEntry {
                        actor: row.get("actor")?,
                        action: row.get("action")?,
                        target: row.get("target")?,
                        detail: row.get::<Option<serde_json::Value>>("detail")?.unwrap_or_default(),
                    },
                    at: row.time("at_ms")?,
                })
            })
            .collect()
    }
}

/// Keeps a deed in the transaction that does it.
pub(crate) async fn write(session: &Session, entry: &AuditEntry) -> Result<(), StoreError> {
    session
        .run(
            "INSERT INTO audit (id, at_ms, actor, action, target, detail) VALUES ($1, {now}, $2, $3, $4, $5)",
            values![
                Uuid::now_v7(),
                entry.actor.as_str(),
                entry.action.as_str(),
                entry.target.as_str(),
                entry.detail.clone()
            ],
        )
        .await?;
    Ok(())
}
