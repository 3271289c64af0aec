//! What the runtime sees of a transport.

use crate::acknowledger::Acknowledger;
use crate::health::TransportHealth;
use crate::message::IncomingMessage;
use async_trait::async_trait;
use muster_domain::job::Role;
use muster_messages::ticket::{TracedTicket, UnreadableTicket};
use muster_messages::{CloudEvent, Ticket, TraceContext};
use tokio::sync::watch;

/// Brings tickets to workers: over AMQP, or inside the process.
#[async_trait]
pub trait TicketTransport: Send + Sync {
    /// Publishes tickets to the queues of their roles. One outcome per ticket, in their order; returns within the
    /// transport's deadline. Where nothing can be published at present (no connection, blocked by the broker)
    /// every outcome is [`PublishOutcome::Refused`] at once: ask [`Self::health`] before claiming rows.
    async fn publish(&self, tickets: Vec<TracedTicket>) -> Vec<PublishOutcome>;

    /// Starts to take tickets of a role, at most `prefetch` (at least 1) unacknowledged ones at a time.
    ///
    /// # Errors
    /// [`QueueUnavailable`] after the transport was closed; a lost broker is waited for.
    async fn consume(&self, role: Role, prefetch: u16) -> Result<Box<dyn TicketConsumer>, QueueUnavailable>;

    /// Connections, consumers and counters as they are now.
    fn health(&self) -> TransportHealth;

    /// Number of connections made so far. It changes after every reconnect: tickets published before may be lost
    /// with the broker, the dispatcher makes them again.
    fn generation(&self) -> watch::Receiver<u64>;

    /// Stops everything within three seconds, also on a connection that the broker has blocked.
    async fn close(&self);
}

/// What became of a published message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PublishOutcome {
    /// A queue has it.
    Confirmed,
    /// No queue is bound for it: it exists nowhere.
    Unroutable,
    /// Certainly not taken: the queue is full, the broker blocks publishers, or there is no connection. Try later.
    Refused,
    /// Nobody knows: no answer within the deadline, or the connection was lost. Publish again; duplicates are harmless.
    Unconfirmed,
    /// Larger than [`crate::LARGEST_BODY_BYTES`], never sent. Trying again is useless.
    TooLarge,
}

/// The transport was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the transport is closed")]
pub struct QueueUnavailable;

/// Takes tickets of one role. Dropping it is the same as [`TicketConsumer::cancel`] without waiting.
#[async_trait]
pub trait TicketConsumer: Send {
    /// The next ticket. Waits for ever, also over the loss of the broker. Safe to drop at any await.
    async fn next(&mut self) -> Delivery;

    /// A ticket that is already here.
    fn try_next(&mut self) -> Option<Delivery>;

    /// Takes no more and gives back what nobody has taken out. Deliveries in hand can still be acknowledged.
    async fn cancel(&mut self);
}

/// A ticket in hand.
#[derive(Debug)]
pub struct Delivery {
    /// The ticket, or why it cannot be read.
    pub ticket: Result<Ticket, UnreadableTicket>,
    /// The bytes as they came.
    pub body: Vec<u8>,
    /// True where it may have been handed out before: its first holder is gone.
    pub redelivered: bool,
    /// Where its job was asked for.
    pub trace: Option<TraceContext>,
    /// Settles it.
    pub acknowledger: Acknowledger,
}

/// Publishes events.
#[async_trait]
pub trait EventPublisher: Send + Sync {
    /// Publishes a fact to everybody who subscribed; nobody is a [`PublishOutcome::Confirmed`] too.
    async fn publish_event(&self, event: &CloudEvent) -> PublishOutcome;

    /// Publishes facts together, which is faster than one by one. One outcome per fact, in their order.
    async fn publish_events(&self, events: &[CloudEvent]) -> Vec<PublishOutcome>;

    /// Publishes a request to the ingress queue.
    async fn publish_request(&self, request: &CloudEvent) -> PublishOutcome;
}

/// Where requests of other systems and dead letters come from.
#[async_trait]
pub trait RequestSource: Send + Sync {
    /// Starts to take requests from the ingress queue.
    ///
    /// # Errors
    /// [`QueueUnavailable`] after the transport was closed.
    async fn consume_requests(&self, prefetch: u16) -> Result<Box<dyn RequestConsumer>, QueueUnavailable>;

    /// Starts to take dead letters.
    ///
    /// # Errors
    /// [`QueueUnavailable`] after the transport was closed.
    async fn consume_dead(&self, prefetch: u16) -> Result<Box<dyn RequestConsumer>, QueueUnavailable>;
}

/// Takes messages of others. Dropping it is the same as [`RequestConsumer::cancel`] without waiting.
#[async_trait]
pub trait RequestConsumer: Send {
    /// The next message. Waits for ever, also over the loss of the broker. Safe to drop at any await.
    async fn next(&mut self) -> IncomingMessage;

    /// A message that is already here.
    fn try_next(&mut self) -> Option<IncomingMessage>;

    /// Takes no more and gives back what nobody has taken out.
    async fn cancel(&mut self);
}
