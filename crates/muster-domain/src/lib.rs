#![doc = include_str!("../README.md")]

pub mod arm;
pub mod assessment;
pub mod authorized;
pub mod backoff;
pub mod budget;
pub mod cause;
pub mod clock;
pub mod connector;
pub mod consumption_control;
pub mod credential;
pub mod failure;
pub mod ids;
pub mod job;
pub mod organization_settings;
pub mod policy;
pub mod properties;
pub mod protected;
pub mod read;
pub mod recommendation;
pub mod resource;
pub mod snapshot;

pub use clock::{Clock, SystemClock};
pub use ids::*;
