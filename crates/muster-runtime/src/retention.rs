//! Clears away what has served: every turn goes on until nothing is due, in batches that nobody waits for.

use crate::lifecycle::Shutdown;
use crate::metrics::Metrics;
use muster_store::audit::AuditEntry;
use muster_store::retention::{Expired, KeepFor, MOST_ROWS_PER_BATCH};
use muster_store::{Store, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Facts that wait for longer than this are told again and again: nobody takes them, and they are not kept for ever.
const FACTS_ARE_OVERDUE_AFTER: Duration = Duration::from_secs(60 * 60);
/// Longest rest between two batches.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// Who clears away, in the audit.
const ACTOR: &str = "retention";

/// Clears away what has served.
pub struct Retention {
    /// The truth.
    pub store: Store,
    /// Instruments.
    pub metrics: Metrics,
    /// Stops.
    pub shutdown: Shutdown,
    /// How long things are kept.
    pub keep: KeepFor,
    /// Rows of one batch.
    pub batch: u32,
    at_work: AtomicBool,
}

impl Retention {
    /// With batches of the usual size.
    pub fn new(store: Store, metrics: Metrics, shutdown: Shutdown, keep: KeepFor) -> Self {
        Self { store, metrics, shutdown, keep, batch: MOST_ROWS_PER_BATCH, at_work: AtomicBool::new(false) }
    }

    /// Begins a turn beside everything else, where none is under way.
    pub fn begin(self: &Arc<Self>) {
        if self.at_work.swap(true, Ordering::SeqCst) {
            tracing::debug!("the turn before still clears away");
            return;
        }
        let retention = Arc::clone(self);
        self.shutdown.spawn("retention", async move {
            if let Err(error) = retention.turn().await {
                tracing::warn!(error = %error, "not everything that has served could be cleared away, the next turn goes on");
            }
            retention.at_work.store(false, Ordering::SeqCst);
        });
    }

    /// Clears away everything that is due; the rows by table. Ends early with the soft stop.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be reached.
    pub async fn turn(&self) -> Result<BTreeMap<&'static str, u64>, StoreError> {
        self.tell_overdue_facts().await?;
        let mut forgotten: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut failure = None;
        for what in Expired::ALL {
            let rows = match self.clear(what).await {
                Ok(rows) => rows,
                // One table must not keep the others from being cleared.
                Err(error) => {
                    tracing::warn!(table = what.table(), error = %error, "rows that have served cannot be forgotten now");
                    failure = Some(error);
                    continue;
                }
            };
            *forgotten.entry(what.table()).or_default() += rows;
            if what == Expired::UnpublishedFacts && rows > 0 {
                self.keep_who_forgot_facts(rows).await?;
            }
        }
        forgotten.retain(|_, rows| *rows > 0);
        if !forgotten.is_empty() {
            tracing::info!(rows = ?forgotten, "what has served was cleared away");
        }
        failure.map_or(Ok(forgotten), Err)
    }

    async fn clear(&self, what: Expired) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        while !self.shutdown.has_begun() {
            let began = Instant::now();
            let rows = self.store.retention().forget(what, &self.keep, self.batch).await?;
            forgotten += rows;
            self.metrics.rows_forgotten(what.table(), rows);
            if rows < u64::from(self.batch) {
                break;
            }
            // Work has as much time as clearing away takes.
            tokio::select! {
                () = self.shutdown.soft().cancelled() => break,
                () = tokio::time::sleep(began.elapsed().min(LONGEST_REST)) => (),
            }
        }
        Ok(forgotten)
    }

    async fn tell_overdue_facts(&self) -> Result<(), StoreError> {
        let backlog = self.store.outbox().backlog().await?;
        let age = backlog.oldest_age.unwrap_or_default();
        self.metrics.outbox(backlog.pending, age);
        if age > FACTS_ARE_OVERDUE_AFTER {
            tracing::error!(
                facts = backlog.pending,
                oldest_hours = age.as_secs() / FACTS_ARE_OVERDUE_AFTER.as_secs(),
                forgotten_after_hours =
                    self.keep.unpublished_facts.as_secs() / FACTS_ARE_OVERDUE_AFTER.as_secs(),
                "facts wait and no broker takes them; see to the broker before they are forgotten"
            );
        }
        Ok(())
    }

    /// Nothing is lost silently.
    async fn keep_who_forgot_facts(&self, facts: u64) -> Result<(), StoreError> {
        let kept_hours = self.keep.unpublished_facts.as_secs() / FACTS_ARE_OVERDUE_AFTER.as_secs();
        tracing::error!(facts, kept_hours, "facts that no broker took were forgotten: subscribers lack them");
        let entry = AuditEntry {
            actor: ACTOR.to_owned(),
            action: "fact.forget".to_owned(),
            target: "event_outbox".to_owned(),
            detail: serde_json::json!({ "facts": facts, "keptHours": kept_hours }),
        };
        self.store.audit().record(&entry).await
    }
}
