//! Leases and tickets that nobody will give back, and the gauges of the ledger.

use crate::lifecycle::Shutdown;
use crate::metrics::Metrics;
use muster_queue::TicketTransport;
use muster_store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// Time between two looks; half of it is jitter, so that many schedulers do not look together.
const INTERVAL: Duration = Duration::from_secs(10);
/// Leases taken back in one transaction.
const BATCH: u32 = 100;
/// A ticket that was not claimed for this long is taken as lost with its broker.
const TICKET_LOST_AFTER: Duration = Duration::from_secs(2 * 60);

/// Takes back what was lost.
pub struct Reclaimer {
    /// The truth.
    pub store: Store,
    /// Whose reconnects mean lost tickets.
    pub transport: Arc<dyn TicketTransport>,
    /// Instruments.
    pub metrics: Metrics,
    /// Stops.
    pub shutdown: Shutdown,
    /// Times that a job may take its worker with it.
    pub crash_limit: u32,
}

impl Reclaimer {
    /// Starts it; it ends with the soft stop.
    pub fn start(self) {
        let shutdown = self.shutdown.clone();
        shutdown.spawn("reclaimer", self.run());
    }

    async fn run(self) {
        let soft = self.shutdown.soft().clone();
        let mut generation = self.transport.health().generation;
        loop {
            let wait = INTERVAL.mul_f64(0.5 + 0.5 * rand::random::<f64>());
            tokio::select! {
                () = soft.cancelled() => return,
                () = tokio::time::sleep(wait) => (),
            }
            let present = self.transport.health().generation;
            let reconnected = present != generation;
            match self.round(reconnected).await {
                Ok(()) => generation = present,
                Err(error) => tracing::warn!(error = %error, "lost work cannot be taken back now"),
            }
        }
    }

    /// Takes back once what was lost.
    ///
    /// # Errors
    /// [`StoreError`] when the ledger cannot be reached.
    pub async fn round(&self, reconnected: bool) -> Result<(), StoreError> {
        let ledger = self.store.ledger();
        let expired = ledger.reclaim_expired(BATCH, self.crash_limit).await?;
        if expired.retried + expired.dead > 0 {
            tracing::warn!(
                retried = expired.retried,
                dead = expired.dead,
                "leases ran out: nobody renewed them"
            );
            let count = expired.retried.saturating_add(expired.dead);
            self.metrics.leases_expired(usize::try_from(count).unwrap_or(usize::MAX));
        }
        let lost = if reconnected {
            ledger.redispatch_all_dispatched().await?
        } else {
            ledger.redispatch_lost(TICKET_LOST_AFTER).await?
        };
        if lost > 0 {
            tracing::warn!(count = lost, reconnected, "tickets were lost, their jobs are dispatched again");
            self.metrics.tickets_redispatched(usize::try_from(lost).unwrap_or(usize::MAX));
        }
        let newer = ledger.park_unknown_kinds().await?;
        if newer > 0 {
            tracing::warn!(jobs = newer, "jobs of kinds that this binary does not know wait for a newer one");
        }
        for count in ledger.counts().await? {
            let reason = count.waiting_reason.map_or("", muster_domain::job::WaitingReason::as_str);
            self.metrics.job_count(count.role, count.state.as_str(), reason, count.jobs);
        }
        crate::dead_letters::watch(&self.store, &self.metrics).await?;
        for role in muster_domain::job::Role::ALL {
            let age = ledger.oldest_due_age(role).await?.unwrap_or_default();
            self.metrics.due_age(role, age);
        }
        Ok(())
    }
}
