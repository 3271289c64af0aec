//! The dispatcher: due jobs to tickets, fair by organization, held back while an identity is blocked.
//!
//! Any number of dispatchers may run: each takes rows that no other holds. What cannot be published for certain goes
//! back to pending at once; a ticket that arrives all the same is stale and claims nothing.

use crate::crash_point::{self, CrashPoint};
use crate::lifecycle::Shutdown;
use crate::metrics::Metrics;
use muster_domain::JobId;
use muster_domain::backoff::Schedule;
use muster_domain::job::Role;
use muster_messages::ticket::TracedTicket;
use muster_queue::{PublishOutcome, TicketTransport};
use muster_store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How long the dispatcher waits after it found nothing due; half of it is jitter.
const IDLE_WAIT: Duration = Duration::from_millis(250);
/// Tickets made in one transaction.
const BATCH: u32 = 500;
/// Tickets of one role that may be on their way: enough to keep every worker busy, few enough that an urgent job
/// does not queue behind thousands.
const WINDOW: u32 = 2_000;

/// Makes tickets of due jobs.
pub struct Dispatcher {
    /// The truth.
    pub store: Store,
    /// Where tickets go.
    pub transport: Arc<dyn TicketTransport>,
    /// Instruments.
    pub metrics: Metrics,
    /// Stops.
    pub shutdown: Shutdown,
    /// Rung by those in the same process who made jobs.
    pub work_was_made: Arc<Notify>,
}

impl Dispatcher {
    /// Starts it; it ends with the soft stop.
    pub fn start(self) {
        let shutdown = self.shutdown.clone();
        shutdown.spawn("dispatcher", self.run());
    }

    async fn run(self) {
        let soft = self.shutdown.soft().clone();
        let mut failures = 0;
        while !soft.is_cancelled() {
            // Listening begins before looking, so that work made meanwhile is not slept through.
            let work_was_made = self.work_was_made.notified();
            tokio::pin!(work_was_made);
            work_was_made.as_mut().enable();
            let wait = match self.round().await {
                Ok(0) => {
                    failures = 0;
                    IDLE_WAIT.mul_f64(0.5 + 0.5 * rand::random::<f64>())
                }
                Ok(_) => {
                    failures = 0;
                    continue;
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(error = %error, "due jobs cannot be dispatched now");
                    Schedule::DATABASE.delay(failures, rand::random())
                }
            };
            tokio::select! {
                () = soft.cancelled() => return,
                () = &mut work_was_made => (),
                () = tokio::time::sleep(wait) => (),
            }
        }
    }

    /// Dispatches once per role; returns the number of tickets that are on their way.
    ///
    /// # Errors
    /// [`StoreError`] when the ledger cannot be reached.
    pub async fn round(&self) -> Result<usize, StoreError> {
        let health = self.transport.health();
        if !health.connected || health.blocked {
            return Ok(0);
        }
        let mut confirmed = 0;
        for role in Role::ALL {
            let tickets = self.store.ledger().dispatch(role, WINDOW, BATCH).await?;
            if !tickets.is_empty() {
                confirmed += self.publish(role, tickets).await?;
            }
        }
        Ok(confirmed)
    }

    async fn publish(&self, role: Role, tickets: Vec<TracedTicket>) -> Result<usize, StoreError> {
        crash_point::reach(CrashPoint::Dispatched);
        let names: Vec<(JobId, i64)> =
            tickets.iter().map(|traced| (traced.ticket.job, traced.ticket.seq)).collect();
        let outcomes = self.transport.publish(tickets).await;
        let mut back = Vec::new();
        for outcome in [
            PublishOutcome::Confirmed,
            PublishOutcome::Unroutable,
            PublishOutcome::Refused,
            PublishOutcome::Unconfirmed,
            PublishOutcome::TooLarge,
        ] {
            let count = outcomes.iter().filter(|other| **other == outcome).count();
            if count > 0 {
                self.metrics.tickets_published(role, name_of(outcome), count);
            }
        }
        for (name, outcome) in names.iter().zip(&outcomes) {
            if *outcome != PublishOutcome::Confirmed {
                back.push(*name);
            }
        }
        if !back.is_empty() {
            tracing::warn!(role = %role, count = back.len(), "tickets were not taken by the broker, their jobs wait");
            self.store.ledger().put_back(&back).await?;
        }
        Ok(names.len() - back.len())
    }
}

fn name_of(outcome: PublishOutcome) -> &'static str {
    match outcome {
        PublishOutcome::Confirmed => "confirmed",
        PublishOutcome::Unroutable => "unroutable",
        PublishOutcome::Refused => "refused",
        PublishOutcome::Unconfirmed => "unconfirmed",
        PublishOutcome::TooLarge => "too_large",
    }
}
