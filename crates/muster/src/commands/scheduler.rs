//! `muster scheduler`: the loops of a fleet that bring work to workers and facts to subscribers.

use crate::cli::Global;
use crate::exit::Failed;
use crate::fleet;
use crate::process::{Needs, Process};
use muster_store::Durability;

pub(crate) async fn run(global: &Global) -> Result<(), Failed> {
    let process = Process::start(global.configuration()?, Needs::Broker, Durability::EveryCommit).await?;
    fleet::start_scheduler(&process);
    super::worker::serve_probes(&process).await?;
    process.run_until_stopped().await
}
