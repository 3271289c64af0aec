//! A subscriber of facts: a queue of its own on the exchange of facts, and everything that it was ever given.

use crate::broker::TestBroker;
use crate::waiting::{self, PATIENT, wait_until};
use futures::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};
use muster_messages::CloudEvent;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The exchange that facts are published to.
const EVENTS_EXCHANGE: &str = "muster.events";
/// The subscriber's queue.
const QUEUE: &str = "test.facts";
/// An attempt to connect is given up then: a stopped broker does not answer at all.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// A fact that was delivered at least once.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivered {
    /// The fact as it came first.
    pub event: CloudEvent,
    /// How often it came.
    pub times: u64,
    /// Another fact came under the same id.
    pub contradicted: bool,
}

/// Subscribes to all facts from its start to its end, over every loss of the broker in between.
#[derive(Debug)]
pub struct FactSubscriber {
    facts: Arc<Mutex<BTreeMap<String, Delivered>>>,
    _stop: DropGuard,
}

impl FactSubscriber {
    /// Makes the queue, binds it to all facts, and begins to consume. Start it before the first fact.
    pub async fn start(broker: &TestBroker) -> Self {
        let (stop, facts) = (CancellationToken::new(), Arc::default());
        let url = broker.amqp_url();
        let bound = CancellationToken::new();
        let (kept, stopped, ready) = (Arc::clone(&facts), stop.clone(), bound.clone());
        tokio::spawn(async move {
            let work = async {
                loop {
                    // Whatever ends it, the broker keeps what was not acknowledged.
                    let _ = consume(&url, &kept, &ready).await;
                    waiting::pause().await;
                }
            };
            tokio::select! {
                () = stopped.cancelled() => (),
                () = work => (),
            }
        });
        wait_until("the subscriber's queue is bound", PATIENT, async || bound.is_cancelled()).await;
        Self { facts, _stop: stop.drop_guard() }
    }

    /// Everything delivered so far, by id.
    pub fn facts(&self) -> BTreeMap<String, Delivered> {
        lock(&self.facts).clone()
    }

    /// How often the facts of one type were delivered: different ones, and repetitions.
    pub fn count(&self, event_type: &str) -> (u64, u64) {
        let facts = lock(&self.facts);
        let of_type = facts.values().filter(|fact| fact.event.event_type == event_type);
        of_type.fold((0, 0), |(different, repeated), fact| (different + 1, repeated + fact.times - 1))
    }
}

async fn consume(
    url: &str,
    facts: &Mutex<BTreeMap<String, Delivered>>,
    bound: &CancellationToken,
) -> lapin::Result<()> {
    let connecting = Connection::connect(url, ConnectionProperties::default());
    let Ok(connection) = tokio::time::timeout(CONNECT_DEADLINE, connecting).await else { return Ok(()) };
    let connection = connection?;
    let channel = connection.create_channel().await?;
    bind(&channel).await?;
    let options = BasicConsumeOptions::default();
    let mut deliveries =
        channel.basic_consume(QUEUE.into(), "facts".into(), options, FieldTable::default()).await?;
    bound.cancel();
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        let event: CloudEvent = serde_json::from_slice(&delivery.data).expect("a fact is a CloudEvent");
        keep(facts, event);
        delivery.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}

async fn bind(channel: &Channel) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let none = FieldTable::default;
    channel.exchange_declare(EVENTS_EXCHANGE.into(), ExchangeKind::Topic, durable, none()).await?;
    // As subscribers are advised to: replicated, on disk.
    let mut arguments = none();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(QUEUE.into(), options, arguments).await?;
    channel
        .queue_bind(QUEUE.into(), EVENTS_EXCHANGE.into(), "#".into(), QueueBindOptions::default(), none())
        .await
}

fn keep(facts: &Mutex<BTreeMap<String, Delivered>>, event: CloudEvent) {
    let mut facts = lock(facts);
    match facts.get_mut(&event.id) {
        Some(known) => {
            known.times += 1;
            let what = |event: &CloudEvent| {
                (event.event_type.clone(), event.subject.clone(), event.data.clone(), event.source.clone())
            };
            known.contradicted |= what(&known.event) != what(&event);
        }
        None => {
            facts.insert(event.id.clone(), Delivered { event, times: 1, contradicted: false });
        }
    }
}

fn lock(facts: &Mutex<BTreeMap<String, Delivered>>) -> MutexGuard<'_, BTreeMap<String, Delivered>> {
    facts.lock().unwrap_or_else(PoisonError::into_inner)
}
