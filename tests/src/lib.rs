#![doc = include_str!("../README.md")]

mod blocking;
pub mod broker;
pub mod broker_nodes;
pub mod chaos;
pub mod collector;
pub mod credential_scan;
pub mod database;
pub mod failover;
pub mod fleet;
pub mod local_worker;
mod management;
pub mod processes;
pub mod proxy;
pub mod services;
pub mod subscriber;
pub mod total_check;
pub mod waiting;
pub mod workbench;
