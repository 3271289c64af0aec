//! The dispatcher: due jobs to tickets, fair by organization, held back while an identity is blocked or what people
//! set about consumption lets them rest.
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
use tokio::time::Instant;

/// How long the dispatcher waits after it found nothing due; half of it is jitter.
const IDLE_WAIT: Duration = Duration::from_millis(250);
/// Tickets made in one transaction.
const BATCH: u32 = 500;
/// Tickets of a role that spends nothing that may be on their way: enough to keep every worker busy.
const WINDOW: u32 = 2_000;
/// The same of a role that spends a consumption budget, for background work; what a person waits for has as many again.
/// What else is due waits in the ledger, where fairness and pauses reach it. Every worker takes so many tickets into its
/// hand that none of them keeps an urgent one in the queue.
pub(crate) const SPENDING_WINDOW: u32 = 16;

/// Pauses of a role whose tickets were not all taken: a full queue empties at the pace of its workers.
const REFUSED: Schedule = Schedule::exponential(Duration::from_millis(500), Duration::from_secs(10));

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
        let (mut failures, mut holds) = (0, Holds::default());
        while !soft.is_cancelled() {
            // Listening begins before looking, so that work made meanwhile is not slept through.
            let work_was_made = self.work_was_made.notified();
            tokio::pin!(work_was_made);
            work_was_made.as_mut().enable();
            let wait = match self.round_with(&mut holds).await {
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
        self.round_with(&mut Holds::default()).await
    }

    /// Dispatches once per role that is not held; returns the number of tickets that are on their way.
    async fn round_with(&self, holds: &mut Holds) -> Result<usize, StoreError> {
        let health = self.transport.health();
        if !health.connected || health.blocked {
            return Ok(0);
        }
        self.store.consumption_controls().keep_rests().await?;
        let mut confirmed = 0;
        for role in Role::ALL {
            if holds.is_held(role) {
                continue;
            }
            let tickets = self.store.ledger().dispatch(role, window_of(role), BATCH).await?;
            if !tickets.is_empty() {
                let all = tickets.len();
                let taken = self.publish(role, tickets).await?;
                holds.note(role, taken == all);
                confirmed += taken;
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

/// Roles whose tickets the broker did not take: their queue is full, gone, or without a leader. Each waits for itself,
/// longer every time, so that neither the broker nor the ledger is asked in a loop and no other role waits along.
#[derive(Debug, Default)]
struct Holds([Hold; Role::ALL.len()]);

#[derive(Clone, Copy, Debug, Default)]
struct Hold {
    failures: u32,
    until: Option<Instant>,
}

impl Holds {
    fn is_held(&self, role: Role) -> bool {
        self.0[place(role)].until.is_some_and(|until| Instant::now() < until)
    }

    fn note(&mut self, role: Role, all_were_taken: bool) {
        let hold = &mut self.0[place(role)];
        *hold = if all_were_taken {
            Hold::default()
        } else {
            let failures = hold.failures.saturating_add(1);
            let pause = REFUSED.ceiling(failures).mul_f64(0.5 + 0.5 * rand::random::<f64>());
            Hold { failures, until: Some(Instant::now() + pause) }
        };
    }
}

fn window_of(role: Role) -> u32 {
    match role {
        Role::Discovery | Role::Sync => SPENDING_WINDOW,
        Role::Refresh => WINDOW,
    }
}

fn place(role: Role) -> usize {
    Role::ALL.iter().position(|other| *other == role).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_role_whose_tickets_are_refused_waits_longer_each_time_and_alone() {
        let mut holds = Holds::default();
        let mut longest = Duration::ZERO;
        for _ in 0..10 {
            holds.note(Role::Sync, false);
            assert!(holds.is_held(Role::Sync) && !holds.is_held(Role::Refresh));
            let since = Instant::now();
            while holds.is_held(Role::Sync) {
                tokio::time::advance(Duration::from_millis(100)).await;
            }
            longest = since.elapsed();
        }
        assert!(longest >= Duration::from_secs(5) && longest <= Duration::from_secs(11), "{longest:?}");
        holds.note(Role::Sync, true);
        assert!(!holds.is_held(Role::Sync), "what is taken ends the waiting");
    }
}
