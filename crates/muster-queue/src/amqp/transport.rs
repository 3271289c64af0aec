//! The transport itself: its tasks, and the traits on top of them.

use super::connection::Dialer;
use super::consumer::{AmqpRequestConsumer, AmqpTicketConsumer, Consumer};
use super::error::ConnectError;
use super::link::{LiveLink, Purpose, Supervisor};
use super::options::AmqpOptions;
use super::properties::{self, short};
use super::publisher::{INBOX, Order, Outgoing, Publisher};
use super::state::State;
use crate::health::TransportHealth;
use crate::topology::{
    DEAD_QUEUE, EVENTS_EXCHANGE, INGRESS_QUEUE, REQUESTS_EXCHANGE, WORK_EXCHANGE, work_queue,
};
use crate::transport::{
    EventPublisher, PublishOutcome, QueueUnavailable, RequestConsumer, RequestSource, TicketConsumer,
    TicketTransport,
};
use async_trait::async_trait;
use muster_domain::job::Role;
use muster_messages::CloudEvent;
use muster_messages::ticket::TracedTicket;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// Time for consumers and the publisher to end.
const WORK_CLOSE_DEADLINE: Duration = Duration::from_millis(1800);
/// Time for the connections to end; together three seconds.
const LINK_CLOSE_DEADLINE: Duration = Duration::from_millis(1200);

/// Tickets, events and requests over a broker.
pub struct AmqpTransport {
    dialer: Arc<Dialer>,
    state: Arc<State>,
    consuming: LiveLink,
    publisher: mpsc::Sender<Order>,
    work: TaskTracker,
    supervisors: TaskTracker,
}

impl AmqpTransport {
    /// Connects, declares the topology and stays connected for ever after.
    ///
    /// # Errors
    /// [`ConnectError`]; with [`super::FirstConnection::Awaited`] only [`ConnectError::Misconfigured`], everything
    /// else is then found in [`TicketTransport::health`].
    pub async fn connect(options: AmqpOptions) -> Result<Arc<Self>, ConnectError> {
        let dialer = Arc::new(Dialer::new(options).await?);
        let state = State::new();
        let supervisor = |purpose| Supervisor {
            purpose,
            dialer: dialer.clone(),
            state: state.clone(),
            live: watch::Sender::new(None),
        };
        let (publishing, consuming) = (supervisor(Purpose::Publishing), supervisor(Purpose::Consuming));
        let first = (publishing.first().await?, consuming.first().await?);
        let (publisher, inbox) = mpsc::channel(INBOX);
        let transport = Arc::new(Self {
            consuming: consuming.live.subscribe(),
            publisher,
            work: TaskTracker::new(),
            supervisors: TaskTracker::new(),
            dialer: dialer.clone(),
            state: state.clone(),
        });
        let live = publishing.live.subscribe();
        transport.work.spawn(Publisher { dialer, state, live, inbox, redeclare_at: None }.run());
        transport.supervisors.spawn(publishing.run(first.0));
        transport.supervisors.spawn(consuming.run(first.1));
        Ok(transport)
    }

    fn consumer(&self, queue: &'static str, prefetch: u16) -> Result<Consumer, QueueUnavailable> {
        if self.state.closing.is_cancelled() {
            return Err(QueueUnavailable);
        }
        let (dialer, state) = (self.dialer.clone(), self.state.clone());
        Ok(Consumer::start(queue, prefetch, dialer, state, self.consuming.clone(), &self.work))
    }

    /// One outcome per message, in their order.
    async fn publish_all(&self, messages: Vec<Option<Outgoing>>) -> Vec<PublishOutcome> {
        let mut outcomes = vec![PublishOutcome::TooLarge; messages.len()];
        let (places, messages): (Vec<usize>, Vec<Outgoing>) = messages
            .into_iter()
            .enumerate()
            .filter_map(|(place, message)| message.map(|message| (place, message)))
            .filter(|(_, message)| !message.is_too_large())
            .unzip();
        for (place, outcome) in places.into_iter().zip(self.order(messages).await) {
            outcomes[place] = outcome;
        }
        for outcome in &outcomes {
            self.state.counters.published(*outcome);
        }
        outcomes
    }

    async fn order(&self, messages: Vec<Outgoing>) -> Vec<PublishOutcome> {
        let number = messages.len();
        if number == 0 || !self.state.can_publish() {
            return vec![PublishOutcome::Refused; number];
        }
        let (reply, outcomes) = oneshot::channel();
        match self.publisher.send(Order { messages, reply }).await {
            // The task ended with the order in its hands.
            Ok(()) => outcomes.await.unwrap_or_else(|_| vec![PublishOutcome::Unconfirmed; number]),
            Err(_) => vec![PublishOutcome::Refused; number],
        }
    }

    fn ticket(&self, traced: &TracedTicket) -> Outgoing {
        Outgoing {
            exchange: WORK_EXCHANGE,
            routing_key: traced.ticket.role().as_str().into(),
            mandatory: true,
            body: traced.ticket.to_json(),
            properties: properties::of_ticket(traced, self.dialer.options.clock.now()),
        }
    }

    /// Nothing where the event cannot be published at all.
    fn event(&self, exchange: &'static str, mandatory: bool, event: &CloudEvent) -> Option<Outgoing> {
        let routing_key = short(&event.event_type);
        if routing_key.as_str() != event.event_type {
            return None;
        }
        Some(Outgoing {
            exchange,
            routing_key,
            mandatory,
            body: event.to_structured(),
            properties: properties::of_event(event, self.dialer.options.clock.now()),
        })
    }
}

#[async_trait]
impl TicketTransport for AmqpTransport {
    async fn publish(&self, tickets: Vec<TracedTicket>) -> Vec<PublishOutcome> {
        self.publish_all(tickets.iter().map(|ticket| Some(self.ticket(ticket))).collect()).await
    }

    async fn consume(&self, role: Role, prefetch: u16) -> Result<Box<dyn TicketConsumer>, QueueUnavailable> {
        Ok(Box::new(AmqpTicketConsumer(self.consumer(work_queue(role), prefetch)?)))
    }

    fn health(&self) -> TransportHealth {
        self.state.health()
    }

    fn generation(&self) -> watch::Receiver<u64> {
        self.state.generation.subscribe()
    }

    async fn close(&self) {
        self.state.closing.cancel();
        self.work.close();
        if timeout(WORK_CLOSE_DEADLINE, self.work.wait()).await.is_err() {
            tracing::warn!("consumers or the publisher did not end in time");
        }
        self.state.disconnecting.cancel();
        self.supervisors.close();
        if timeout(LINK_CLOSE_DEADLINE, self.supervisors.wait()).await.is_err() {
            tracing::warn!("connections did not end in time");
        }
    }
}

#[async_trait]
impl EventPublisher for AmqpTransport {
    async fn publish_event(&self, event: &CloudEvent) -> PublishOutcome {
        let outcomes = self.publish_all(vec![self.event(EVENTS_EXCHANGE, false, event)]).await;
        outcomes.first().copied().unwrap_or(PublishOutcome::Unconfirmed)
    }

    async fn publish_events(&self, events: &[CloudEvent]) -> Vec<PublishOutcome> {
        self.publish_all(events.iter().map(|event| self.event(EVENTS_EXCHANGE, false, event)).collect()).await
    }

    async fn publish_request(&self, request: &CloudEvent) -> PublishOutcome {
        let outcomes = self.publish_all(vec![self.event(REQUESTS_EXCHANGE, true, request)]).await;
        outcomes.first().copied().unwrap_or(PublishOutcome::Unconfirmed)
    }
}

#[async_trait]
impl RequestSource for AmqpTransport {
    async fn consume_requests(&self, prefetch: u16) -> Result<Box<dyn RequestConsumer>, QueueUnavailable> {
        Ok(Box::new(AmqpRequestConsumer(self.consumer(INGRESS_QUEUE, prefetch)?)))
    }

    async fn consume_dead(&self, prefetch: u16) -> Result<Box<dyn RequestConsumer>, QueueUnavailable> {
        Ok(Box::new(AmqpRequestConsumer(self.consumer(DEAD_QUEUE, prefetch)?)))
    }
}

impl Drop for AmqpTransport {
    fn drop(&mut self) {
        self.state.closing.cancel();
        self.state.disconnecting.cancel();
    }
}
