//! The AMQP transport: two connections (a broker that blocks publishers must not block acknowledgements), each
//! supervised for ever, and everything under a deadline.

mod address;
mod connection;
mod consumer;
pub(crate) mod declare;
mod error;
mod greeting;
mod inspect;
mod link;
mod options;
mod properties;
mod publisher;
pub(crate) mod settle;
mod state;
mod transport;

pub use error::ConnectError;
pub use inspect::{
    BrokerReport, ExchangeReport, ExchangeState, QueueReport, QueueState, inspect, inspect_broker,
};
pub use options::{AmqpOptions, FirstConnection, TopologyMode};
pub use transport::AmqpTransport;
