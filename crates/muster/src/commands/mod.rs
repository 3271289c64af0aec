//! One file per subcommand.

pub(crate) mod api;
pub(crate) mod budget;
pub(crate) mod completion;
pub(crate) mod connector;
pub(crate) mod cost;
pub(crate) mod credential;
pub(crate) mod dead_letter;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod event;
pub(crate) mod inventory;
pub(crate) mod job;
pub(crate) mod migrate;
pub(crate) mod organization;
pub(crate) mod project;
pub(crate) mod recommendation;
pub(crate) mod repository;
pub(crate) mod scheduler;
pub(crate) mod sim;
pub(crate) mod survey;
pub(crate) mod up;
pub(crate) mod worker;
