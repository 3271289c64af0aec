//! The job runner: take tickets, claim, lease, run, commit, acknowledge.
//!
//! Tickets are claimed and finished in groups where a handler asks for it. A ticket is acknowledged when the outcome
//! of its job is committed, so that the broker knows what is in hand: when this process dies, its tickets are
//! redelivered, and a redelivered ticket takes its job over at once.

mod committing;
mod group;
mod hand;
mod leases;
mod outcome;
mod refusal;

use crate::handler::Handler;
use crate::lifecycle::Shutdown;
use crate::metrics::Metrics;
use group::Group;
use hand::{Hand, Slots};
use leases::Leases;
use muster_domain::backoff::Schedule;
use muster_domain::job::{JobKind, Role};
use muster_queue::{Delivery, TicketConsumer, TicketTransport};
use muster_store::Store;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// How long a group waits for more tickets after the first: long enough for the broker to hand over what it has.
const GROUP_LINGER: Duration = Duration::from_millis(5);

/// How long what is being claimed or committed may go on after the hard stop: some of the time for letting go is needed
/// to give leases back.
const COMMITS_END_WITHIN: Duration = Duration::from_secs(2);

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
        let slots = Slots::new(self.shared.settings.slots);
        let mut hand = Hand::default();
        let mut running = JoinSet::new();
        loop {
            while let Some((first, slot)) = hand.next(&slots) {
                let deliveries = self.fill_group(first, &mut hand, consumer.as_mut()).await;
                let group = Group::new(Arc::clone(&self.shared), deliveries);
                running.spawn(async move {
                    group.run().await;
                    drop(slot);
                });
            }
            tokio::select! {
                biased;
                () = soft.cancelled() => break,
                Some(_) = running.join_next() => (),
                delivery = consumer.next() => hand.take(delivery),
            }
        }
        let ends = async {
            consumer.cancel().await;
            while let Some(delivery) = consumer.try_next() {
                hand.take(delivery);
            }
            hand.give_back().await;
            while running.join_next().await.is_some() {}
        };
        // A broker that does not answer must not keep the leases from being given back.
        let has_ended = tokio::select! {
            () = ends => true,
            () = hard.cancelled() => false,
        };
        if !has_ended {
            self.let_go(running).await;
        }
    }

    /// Handlers are dropped at the hard stop, and a claim or a commit that is under way may end; then every lease goes
    /// back that is still held, before its ticket does: whoever is handed the ticket must not find it running.
    async fn let_go(&self, mut running: JoinSet<()>) {
        let ended = async { while running.join_next().await.is_some() {} };
        if tokio::time::timeout(COMMITS_END_WITHIN, ended).await.is_err() {
            tracing::warn!(role = %self.shared.role, "what is committed now is left to its fate");
        }
        self.shared.leases.give_back_all().await;
        running.shutdown().await;
    }

    async fn consume(&self, soft: &tokio_util::sync::CancellationToken) -> Option<Box<dyn TicketConsumer>> {
        let prefetch = hand::prefetch(self.shared.settings.slots, self.group_size);
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

    async fn fill_group(
        &self,
        first: Delivery,
        hand: &mut Hand,
        consumer: &mut dyn TicketConsumer,
    ) -> Vec<Delivery> {
        let mut deliveries = vec![first];
        let linger = tokio::time::sleep(GROUP_LINGER);
        tokio::pin!(linger);
        while deliveries.len() < self.group_size {
            if let Some(delivery) = hand.more() {
                deliveries.push(delivery);
                continue;
            }
            tokio::select! {
                biased;
                delivery = consumer.next() => deliveries.push(delivery),
                () = &mut linger => break,
            }
        }
        deliveries
    }
}
