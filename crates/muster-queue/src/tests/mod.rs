//! Tests of the transports: what both promise, and what only a broker can do to one.
//!
//! Tests over AMQP need a RabbitMQ with its management plugin: `tests/run` provides both. Each has a virtual host of
//! its own.

mod broker;
mod conformance;
mod events;
mod faults;
mod proxy;
mod refusals;
mod stalls;
mod support;
