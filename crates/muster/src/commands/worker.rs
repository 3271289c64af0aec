//! `muster worker ROLE`: the handlers of one role of a fleet.

use crate::cli::Global;
use crate::exit::Failed;
use crate::fleet;
use crate::process::{Needs, Process, cannot_listen};
use clap::{Args, ValueEnum};
use muster_domain::job::Role;
use muster_runtime::serving::serve;
use muster_store::Durability;

/// Which role.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RoleName {
    /// Connectors to organizations, projects and repositories.
    Discovery,
    /// Settings of projects.
    Sync,
    /// Judgement.
    Refresh,
}

#[derive(Debug, Args)]
pub(crate) struct Worker {
    /// The role.
    role: RoleName,
}

impl Worker {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        let process = Process::start(global.configuration()?, Needs::Broker, Durability::EveryCommit).await?;
        let role = match self.role {
            RoleName::Discovery => Role::Discovery,
            RoleName::Sync => Role::Sync,
            RoleName::Refresh => Role::Refresh,
        };
        fleet::start_worker(&process, role)?;
        serve_probes(&process).await?;
        process.run_until_stopped().await
    }
}

/// Serves the probes where the configuration says where.
pub(crate) async fn serve_probes(process: &Process) -> Result<(), Failed> {
    let probes = process.probes();
    if let Some(address) = process.configuration.health_listen {
        serve("probes", address, probes.router(), &process.shutdown)
            .await
            .map_err(|error| cannot_listen("MUSTER_HEALTH_LISTEN", &error))?;
    }
    Ok(())
}
