#![doc = include_str!("../README.md")]

mod acknowledger;
pub mod amqp;
mod health;
mod in_process;
mod in_process_events;
mod message;
#[cfg(test)]
mod tests;
pub mod topology;
mod transport;

pub use acknowledger::Acknowledger;
pub use amqp::{AmqpOptions, AmqpTransport, ConnectError, FirstConnection, TopologyMode};
pub use health::{PublishCounts, TransportCounters, TransportHealth};
pub use in_process::InProcessTransport;
pub use message::{HeaderValue, IncomingMessage, MessageAcknowledger};
pub use transport::{
    Delivery, EventPublisher, PublishOutcome, QueueUnavailable, RequestConsumer, RequestSource,
    TicketConsumer, TicketTransport,
};

/// Largest body that is published, in bytes. RabbitMQ 4 closes the channel at 16 MiB by default; tickets have a few
/// hundred bytes and facts a few thousand, so that a larger one is a defect of its maker.
pub const LARGEST_BODY_BYTES: usize = 256 * 1024;
