#![doc = include_str!("../README.md")]

mod apply;
pub mod assessments;
pub mod audit;
pub mod budget;
pub mod changes;
pub mod clock;
#[cfg(test)]
mod conformance;
pub mod connectors;
pub mod consumption_controls;
pub mod credentials;
pub mod dead_letters;
mod encryption;
mod entity;
mod error;
mod facade;
pub mod faults;
pub mod heartbeats;
pub mod inbox;
mod installation;
pub mod inventory;
pub mod ledger;
pub mod outbox;
pub mod paging;
mod reachability;
pub mod requests;
pub mod retention;
pub mod schedules;
mod session;
pub mod snapshots;
mod store;
mod version;

pub use clock::{Backend, DatabaseClock};
pub use encryption::KeyRing;
pub use error::StoreError;
pub use store::{Durability, Store, StoreOptions, Subscribers};
