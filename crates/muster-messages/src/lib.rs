#![doc = include_str!("../README.md")]

pub mod event;
pub mod fact;
pub mod request;
pub mod schema;
pub mod ticket;
pub mod trace;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod examples;

pub use event::CloudEvent;
pub use fact::Fact;
pub use request::Request;
pub use ticket::Ticket;
pub use trace::TraceContext;
