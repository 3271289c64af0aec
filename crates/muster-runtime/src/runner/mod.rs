//! The job runner: take tickets, claim, lease, run, commit, acknowledge.
//!
//! Tickets are claimed and finished in groups where a handler asks for it. A ticket is acknowledged when the outcome
//! of its job is committed, so that the broker knows what is in hand: when this process dies, its tickets are
//! redelivered, and a redelivered ticket takes its job over at once.

mod committing;
mod group;
mod leases;
mod outcome;

use crate::handler::Handler;
use crate::lifecycle::Shutdown;
use crate::metrics::Metrics;
use group::Group;
use leases::Leases;
use muster_domain::backoff::Schedule;
use muster_domain::job::{JobKind, Role};
use muster_queue::{Delivery, TicketConsumer, TicketTransport};
use muster_store::Store;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

/// How long a group waits for more tickets after the first: long enough for the broker to hand over what it has.
const GROUP_LINGER: Duration = Duration::from_millis(5);
/// Tickets that may be in hand beyond those being worked on: a quorum queue is slow to hand over one at a time.
const PREFETCH_FACTOR: usize = 2;

/// What a runner needs.
#[derive(Clone)]
pub struct RunnerContext {
    /// The truth.
    pub store: Store,
    /// Where tickets come from.
    pub transport: Arc<dyn TicketTransport>,
    /// Instruments.
    pub metrics: Metrics,
    /// Stops.
    pub shutdown: Shutdown,
    /// Rung when a commit made jobs that a dispatcher in the same process could take at once.
    pub work_was_made: Arc<Notify>,
    /// Name of this process in leases and heartbeats: a label, never a key.
    pub owner: String,
}

/// How a runner works.
#[derive(Clone, Copy, Debug)]
pub struct RunnerSettings {
    /// Groups of jobs at the same time.
    pub slots: usize,
    /// Length of a lease.
    pub lease: Duration,
    /// Length of a slice.
    pub slice: Duration,
    /// A handler that has not returned this long after its slice should have ended is cut off.
    pub overrun: Duration,
    /// How long tickets are held while the database is away; then they go back to the broker.
    pub hold: Duration,
}

/// Runs the jobs of one role.
pub struct Runner {
    shared: Arc<Shared>,
    group_size: usize,
}

struct Shared {
    context: RunnerContext,
    settings: RunnerSettings,
    role: Role,
    handlers: HashMap<JobKind, Arc<dyn Handler>>,
    leases: Leases,
}

/// How often consuming is tried again while the broker is away.
const CONSUME_AGAIN: Schedule = Schedule::RECONNECT;

impl Runner {
    /// A runner of `role` with its handlers, one per kind of job.
    pub fn new(
        context: RunnerContext,
        settings: RunnerSettings,
        role: Role,
        handlers: Vec<Arc<dyn Handler>>,
    ) -> Self {
        let group_size = handlers.iter().map(|handler| handler.group_size()).max().unwrap_or(1);
        let handlers = handlers.into_iter().map(|handler| (handler.kind(), handler)).collect();
        let leases = Leases::new(context.store.clone(), settings.lease, role, context.metrics.clone());
        Self { shared: Arc::new(Shared { context, settings, role, handlers, leases }), group_size }
    }

    /// Starts the runner; it ends by the soft stop, when what is in hand is done or given back.
    pub fn start(self) {
        let shutdown = self.shared.context.shutdown.clone();
        let leases = self.shared.leases.clone();
        let hard = shutdown.hard().clone();
        let finished = tokio_util::sync::CancellationToken::new();
        let renewing = finished.clone();
        shutdown.spawn("lease renewal", async move { leases.renew_until(renewing).await });
        shutdown.spawn("runner", async move {
            self.take_tickets(&hard).await;
            finished.cancel();
        });
    }

    async fn take_tickets(self, hard: &tokio_util::sync::CancellationToken) {
        let soft = self.shared.context.shutdown.soft().clone();
        let Some(mut consumer) = self.consume(&soft).await else { return };
        let slots = Arc::new(Semaphore::new(self.shared.settings.slots));
        let mut running = JoinSet::new();
        loop {
            let Some(permit) = free_slot(&slots, &soft).await else { break };
            let first = tokio::select! {
                biased;
                () = soft.cancelled() => break,
                delivery = consumer.next() => delivery,
            };
            let deliveries = self.fill_group(first, consumer.as_mut()).await;
            let group = Group::new(Arc::clone(&self.shared), deliveries);
            running.spawn(async move {
                group.run().await;
                drop(permit);
            });
            while running.try_join_next().is_some() {}
        }
        consumer.cancel().await;
        while let Some(delivery) = consumer.try_next() {
            delivery.acknowledger.give_back().await;
        }
        tokio::select! {
            () = async { while running.join_next().await.is_some() {} } => (),
            () = hard.cancelled() => {
                running.shutdown().await;
                self.shared.leases.give_back_all().await;
            }
        }
    }

    async fn consume(&self, soft: &tokio_util::sync::CancellationToken) -> Option<Box<dyn TicketConsumer>> {
        let in_hand = self.shared.settings.slots * self.group_size * PREFETCH_FACTOR;
        let prefetch = u16::try_from(in_hand).unwrap_or(u16::MAX);
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.shared.context.transport.consume(self.shared.role, prefetch).await {
                Ok(consumer) => return Some(consumer),
                Err(error) => {
                    tracing::warn!(role = %self.shared.role, error = %error, "cannot consume tickets yet");
                }
            }
            tokio::select! {
                () = soft.cancelled() => return None,
                () = tokio::time::sleep(CONSUME_AGAIN.delay(attempt, rand::random())) => (),
            }
        }
    }

    async fn fill_group(&self, first: Delivery, consumer: &mut dyn TicketConsumer) -> Vec<Delivery> {
        let mut deliveries = vec![first];
        if self.group_size == 1 {
            return deliveries;
        }
        let linger = tokio::time::sleep(GROUP_LINGER);
        tokio::pin!(linger);
        while deliveries.len() < self.group_size {
            tokio::select! {
                biased;
                delivery = consumer.next() => deliveries.push(delivery),
                () = &mut linger => break,
            }
        }
        deliveries
    }
}

async fn free_slot(
    slots: &Arc<Semaphore>,
    soft: &tokio_util::sync::CancellationToken,
) -> Option<OwnedSemaphorePermit> {
    tokio::select! {
        biased;
        () = soft.cancelled() => None,
        permit = Arc::clone(slots).acquire_owned() => permit.ok(),
    }
}
