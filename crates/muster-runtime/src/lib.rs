#![doc = include_str!("../README.md")]

pub mod configuration;
pub mod crash_point;
pub mod dead_letters;
pub mod dispatcher;
pub mod handler;
pub mod heartbeats;
pub mod ingress;
pub mod lifecycle;
pub mod metrics;
pub mod probes;
pub mod reclaimer;
pub mod relay;
pub mod replay;
pub mod retention;
pub mod runner;
pub mod schedules;
pub mod serving;
pub mod telemetry;

pub use handler::{Handler, HandlerError, Outcome, Slice, Then};
