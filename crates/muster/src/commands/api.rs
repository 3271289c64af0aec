//! `muster api`: the HTTP API.

use crate::cli::Global;
use crate::exit::Failed;
use crate::fleet;
use crate::process::{Needs, Process, budget_settings, cannot_listen};
use muster_runtime::serving::serve;
use muster_store::Durability;
use std::net::SocketAddr;

pub(crate) async fn run(global: &Global) -> Result<(), Failed> {
    let process = Process::start(global.configuration()?, Needs::Database, Durability::EveryCommit).await?;
    start(&process).await?;
    process.run_until_stopped().await
}

/// Serves API and probes at the configured address.
pub(crate) async fn start(process: &Process) -> Result<SocketAddr, Failed> {
    let api = muster_api::Api::new(
        fleet::ingress(process),
        budget_settings(&process.configuration),
        process.shutdown.clone(),
    );
    let router = muster_api::served(muster_api::router(api).merge(process.probes().router()));
    serve("api", process.configuration.listen, router, &process.shutdown)
        .await
        .map_err(|error| cannot_listen("MUSTER_LISTEN", &error))
}
