//! Tickets inside one process: the same promises as over AMQP, without a broker.

use crate::LARGEST_BODY_BYTES;
use crate::acknowledger::{Acknowledger, Settler};
use crate::health::{Counters, TransportHealth, count};
use crate::transport::{Delivery, PublishOutcome, QueueUnavailable, TicketConsumer, TicketTransport};
use async_trait::async_trait;
use muster_domain::job::Role;
use muster_messages::ticket::TracedTicket;
use muster_messages::{Ticket, TraceContext};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, watch};

/// Tickets that a role's queue holds unless told otherwise; beyond it they are refused, as a full queue of the
/// broker does, and their jobs stay in the ledger.
const DEFAULT_CAPACITY: usize = 4096;

/// Brings tickets to workers of the same process.
#[derive(Debug)]
pub struct InProcessTransport {
    lanes: [Arc<Lane>; Role::ALL.len()],
    shared: Arc<Shared>,
    generation: watch::Sender<u64>,
}

/// What the transport and its consumers share.
#[derive(Debug, Default)]
struct Shared {
    counters: Counters,
    consumers: AtomicUsize,
    closed: AtomicBool,
}

/// The queue of one role.
#[derive(Debug)]
struct Lane {
    capacity: usize,
    ready: Mutex<VecDeque<Queued>>,
    changed: Notify,
}

/// A ticket in a queue.
#[derive(Clone, Debug)]
struct Queued {
    body: Vec<u8>,
    trace: Option<TraceContext>,
    redelivered: bool,
}

impl InProcessTransport {
    /// A transport with empty queues.
    pub fn new() -> Arc<Self> {
        Self::with_capacity(DEFAULT_CAPACITY)
    }

    /// A transport whose queues hold `capacity` tickets each.
    pub fn with_capacity(capacity: usize) -> Arc<Self> {
        let lane =
            |_| Arc::new(Lane { capacity, ready: Mutex::new(VecDeque::new()), changed: Notify::new() });
        Arc::new(Self {
            lanes: Role::ALL.map(lane),
            shared: Arc::default(),
            generation: watch::Sender::new(1),
        })
    }

    fn lane(&self, role: Role) -> &Arc<Lane> {
        &self.lanes[role as usize]
    }

    /// Puts bytes into a queue that are perhaps no ticket.
    #[cfg(test)]
    pub(crate) fn publish_bytes(&self, role: Role, body: Vec<u8>) {
        assert!(self.lane(role).push(Queued { body, trace: None, redelivered: false }));
    }

    fn publish_one(&self, traced: TracedTicket) -> PublishOutcome {
        let lane = self.lane(traced.ticket.role());
        let body = traced.ticket.to_json();
        if self.shared.closed.load(Ordering::SeqCst) {
            PublishOutcome::Refused
        } else if body.len() > LARGEST_BODY_BYTES {
            PublishOutcome::TooLarge
        } else if lane.push(Queued { body, trace: traced.trace, redelivered: false }) {
            PublishOutcome::Confirmed
        } else {
            PublishOutcome::Refused
        }
    }
}

#[async_trait]
impl TicketTransport for InProcessTransport {
    async fn publish(&self, tickets: Vec<TracedTicket>) -> Vec<PublishOutcome> {
        let publish = |ticket| {
            let outcome = self.publish_one(ticket);
            self.shared.counters.published(outcome);
            outcome
        };
        tickets.into_iter().map(publish).collect()
    }

    async fn consume(&self, role: Role, prefetch: u16) -> Result<Box<dyn TicketConsumer>, QueueUnavailable> {
        if self.shared.closed.load(Ordering::SeqCst) {
            return Err(QueueUnavailable);
        }
        self.shared.consumers.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(InProcessConsumer {
            lane: self.lane(role).clone(),
            shared: self.shared.clone(),
            prefetch: usize::from(prefetch.max(1)),
            in_hand: Arc::default(),
            cancelled: false,
        }))
    }

    fn health(&self) -> TransportHealth {
        let consumers = self.shared.consumers.load(Ordering::SeqCst);
        let closed = self.shared.closed.load(Ordering::SeqCst);
        TransportHealth {
            connected: !closed,
            blocked: false,
            consumers,
            consumers_wanted: consumers,
            generation: *self.generation.borrow(),
            fault: closed.then(|| QueueUnavailable.to_string()),
            counters: self.shared.counters.snapshot(0.0),
        }
    }

    fn generation(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    async fn close(&self) {
        self.shared.closed.store(true, Ordering::SeqCst);
    }
}

impl Lane {
    /// False where the queue is full.
    fn push(&self, queued: Queued) -> bool {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.len() >= self.capacity {
            return false;
        }
        ready.push_back(queued);
        drop(ready);
        self.changed.notify_waiters();
        true
    }

    /// What was handed out once goes to the front, beyond the capacity too.
    fn put_back(&self, queued: Queued) {
        let queued = Queued { redelivered: true, ..queued };
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).push_front(queued);
        self.changed.notify_waiters();
    }

    fn pop(&self) -> Option<Queued> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Takes tickets of one role.
#[derive(Debug)]
struct InProcessConsumer {
    lane: Arc<Lane>,
    shared: Arc<Shared>,
    prefetch: usize,
    in_hand: Arc<AtomicUsize>,
    cancelled: bool,
}

#[async_trait]
impl TicketConsumer for InProcessConsumer {
    async fn next(&mut self) -> Delivery {
        loop {
            let lane = self.lane.clone();
            let mut changed = std::pin::pin!(lane.changed.notified());
            // Registered before the look, so that no ticket slips in between.
            changed.as_mut().enable();
            if let Some(delivery) = self.try_next() {
                return delivery;
            }
            changed.await;
        }
    }

    fn try_next(&mut self) -> Option<Delivery> {
        if self.cancelled
            || self.shared.closed.load(Ordering::SeqCst)
            || self.in_hand.load(Ordering::SeqCst) >= self.prefetch
        {
            return None;
        }
        let queued = self.lane.pop()?;
        self.in_hand.fetch_add(1, Ordering::SeqCst);
        self.shared.counters.handed_out(queued.redelivered);
        Some(Delivery {
            ticket: Ticket::from_json(&queued.body),
            body: queued.body.clone(),
            redelivered: queued.redelivered,
            trace: queued.trace.clone(),
            acknowledger: Acknowledger::new(Settler::InProcess(InProcessSettler {
                queued,
                lane: self.lane.clone(),
                shared: self.shared.clone(),
                in_hand: self.in_hand.clone(),
            })),
        })
    }

    async fn cancel(&mut self) {
        self.stop();
    }
}

impl InProcessConsumer {
    fn stop(&mut self) {
        if !std::mem::replace(&mut self.cancelled, true) {
            self.shared.consumers.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for InProcessConsumer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Settles one delivery.
pub(crate) struct InProcessSettler {
    queued: Queued,
    lane: Arc<Lane>,
    shared: Arc<Shared>,
    in_hand: Arc<AtomicUsize>,
}

impl InProcessSettler {
    pub(crate) fn acknowledge(self) {
        count(&self.shared.counters.acknowledged);
        self.in_hand.fetch_sub(1, Ordering::SeqCst);
        self.lane.changed.notify_waiters();
    }

    pub(crate) fn give_back(self) {
        count(&self.shared.counters.given_back);
        self.in_hand.fetch_sub(1, Ordering::SeqCst);
        self.lane.put_back(self.queued);
    }
}
