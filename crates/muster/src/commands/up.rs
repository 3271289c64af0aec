//! `muster up`: every role in one process.

use crate::cli::Global;
use crate::exit::Failed;
use crate::fleet;
use crate::process::{Needs, Process};
use muster_domain::job::Role;
use muster_store::Durability;

pub(crate) async fn run(global: &Global) -> Result<(), Failed> {
    let process = Process::start(global.configuration()?, Needs::AllInOne, Durability::EveryCommit).await?;
    start(&process).await?;
    process.run_until_stopped().await
}

/// Starts every role in `process`; returns where the API listens.
pub(crate) async fn start(process: &Process) -> Result<std::net::SocketAddr, Failed> {
    fleet::start_scheduler(process);
    for role in Role::ALL {
        fleet::start_worker(process, role)?;
    }
    super::api::start(process).await
}
