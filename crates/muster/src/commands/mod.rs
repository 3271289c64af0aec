//! One file per subcommand.

pub(crate) mod api;
pub(crate) mod budget;
pub(crate) mod connector;
pub(crate) mod credential;
pub(crate) mod demo;
pub(crate) mod event;
pub(crate) mod job;
pub(crate) mod migrate;
pub(crate) mod recommendation;
pub(crate) mod scheduler;
pub(crate) mod sim;
pub(crate) mod up;
pub(crate) mod worker;
