//! Declares or verifies the topology.

use super::error::{self, ConnectError, Declared};
use super::options::TopologyMode;
use crate::topology::{Argument, Declaration, Exchange, ExchangeKind, Queue, topology};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection};
use std::time::Duration;
use tokio::time::timeout;

/// Time for one answer of the broker; making a quorum queue takes it some hundred milliseconds.
pub(crate) const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// Pause before a queue that went away is declared again on a running connection. Up to RabbitMQ 3.x a channel whose
/// queue was deleted and made again before it noticed registers its consumers at the new queue by itself
/// (`rabbit_channel.erl`, `handle_consuming_queue_down_or_eol`), and over a quorum queue these get nothing: the channel
/// goes on counting with the old queue's numbers and takes each message for one that it had.
pub(crate) const PAUSE_BEFORE_AGAIN: Duration = Duration::from_secs(1);

/// Declares or verifies everything, on a channel of its own: a refusal closes it.
pub(crate) async fn apply(
    connection: &Connection,
    address: &str,
    mode: TopologyMode,
) -> Result<(), ConnectError> {
    let channel =
        answer(connection.create_channel()).await.map_err(|error| error::of_connect(address, &error))?;
    for declaration in topology() {
        match &declaration {
            Declaration::Exchange(exchange) => declare_exchange(&channel, exchange, mode)
                .await
                .map_err(|error| error::of_declare(address, Declared::Exchange(exchange), &error))?,
            Declaration::Queue(queue) => declare_queue(&channel, queue, mode)
                .await
                .map_err(|error| error::of_declare(address, Declared::Queue(queue), &error))?,
        }
    }
    // The channel closes itself when it is dropped.
    Ok(())
}

/// An answer of the broker, or an error after [`ANSWER_DEADLINE`].
pub(crate) async fn answer<T>(question: impl Future<Output = lapin::Result<T>>) -> lapin::Result<T> {
    match timeout(ANSWER_DEADLINE, question).await {
        Ok(answer) => answer,
        Err(_elapsed) => {
            let text = format!("no answer of the broker within {} s", ANSWER_DEADLINE.as_secs());
            Err(std::io::Error::new(std::io::ErrorKind::TimedOut, text).into())
        }
    }
}

pub(crate) async fn declare_exchange(
    channel: &Channel,
    exchange: &Exchange,
    mode: TopologyMode,
) -> lapin::Result<()> {
    let kind = match exchange.kind {
        ExchangeKind::Direct => lapin::ExchangeKind::Direct,
        ExchangeKind::Topic => lapin::ExchangeKind::Topic,
    };
    let options = ExchangeDeclareOptions {
        passive: mode == TopologyMode::Verify,
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    answer(channel.exchange_declare(exchange.name.into(), kind, options, FieldTable::default())).await
}

async fn declare_queue(channel: &Channel, queue: &Queue, mode: TopologyMode) -> lapin::Result<()> {
    match mode {
        TopologyMode::Verify => look_for_queue(channel, queue.name).await.map(|_| ()),
        TopologyMode::Declare => {
            make_queue(channel, queue).await?;
            let (name, exchange, key) = (queue.name.into(), queue.exchange.into(), queue.routing_key.into());
            answer(channel.queue_bind(
                name,
                exchange,
                key,
                QueueBindOptions::default(),
                FieldTable::default(),
            ))
            .await
        }
    }
}

/// Makes a queue, or compares the arguments of the one that is there.
pub(crate) async fn make_queue(channel: &Channel, queue: &Queue) -> lapin::Result<lapin::Queue> {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    answer(channel.queue_declare(queue.name.into(), options, arguments(queue))).await
}

/// Looks for a queue without making it.
pub(crate) async fn look_for_queue(channel: &Channel, name: &'static str) -> lapin::Result<lapin::Queue> {
    let options = QueueDeclareOptions { passive: true, durable: true, ..QueueDeclareOptions::default() };
    answer(channel.queue_declare(name.into(), options, FieldTable::default())).await
}

fn arguments(queue: &Queue) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in &queue.arguments {
        let value = match value {
            Argument::Text(text) => AMQPValue::LongString((*text).into()),
            Argument::Number(number) => AMQPValue::LongLongInt(*number),
        };
        table.insert((*name).into(), value);
    }
    table
}
