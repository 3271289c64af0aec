//! `muster sim`: a simulated Azure DevOps.

use crate::exit::{Exit, Failed};
use crate::output::write_out;
use clap::Args;
use muster_azdo_sim::{
    AuthorizedResourcesMode, CostTable, Quirk, ResourceAreasMode, RouteCost, RunningSimulator, Simulator,
    SimulatorOptions,
};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) const EXAMPLES: &str = "\
It prints one line of JSON: where it is, its organizations, and a token. GET /_sim/identities there
has more tokens, and an application of its Microsoft Entra.

Examples:
  muster sim --listen 127.0.0.1:7790 --projects 6 --repositories 60
  export MUSTER_AZURE_DEVOPS_URL=http://127.0.0.1:7790 MUSTER_ENTRA_URL=http://127.0.0.1:7790
  curl -s http://127.0.0.1:7790/_sim/identities | jq -r '.[0].pats[0]' |
    muster credential set simulated --pat-file -
  curl -s http://127.0.0.1:7790/_sim/faults --json \\
    '{\"match\": {\"route\": \"variableGroups\"}, \"action\": {\"status\": 403}, \"times\": 100}'";

/// Numbers are totals over all organizations.
#[derive(Clone, Debug, Args)]
pub(crate) struct Sim {
    /// Where it listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    #[command(flatten)]
    pub(crate) world: World,
}

/// The simulated world.
#[derive(Clone, Debug, Args)]
pub(crate) struct World {
    /// How many organizations there are.
    #[arg(long, default_value_t = 3)]
    organizations: usize,
    /// How many projects there are in all organizations together.
    #[arg(long, default_value_t = 40)]
    projects: usize,
    /// How many repositories there are in all organizations together.
    #[arg(long, default_value_t = 1_000)]
    repositories: usize,
    /// Everything is generated from it: the same seed is the same world.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Consumption limit per identity, or `off`.
    #[arg(long, default_value = "200", value_name = "TSTU")]
    tstu_limit: TstuLimit,
    /// Length of the sliding window.
    #[arg(long, default_value_t = 300.0, value_name = "SECONDS")]
    window_seconds: f64,
    /// What a call really costs; may be given several times.
    #[arg(long, value_name = "ROUTE=TSTU")]
    cost: Vec<RouteCost>,
    /// How long every answer takes.
    #[arg(long, default_value_t = 0, value_name = "MILLISECONDS")]
    latency_ms: u64,
    /// Whether the list form of authorizedresources lists: `lists-all` or `needs-type-and-id`.
    #[arg(long, default_value = "lists-all", value_name = "MODE")]
    authorized_resources: AuthorizedResourcesMode,
    /// A way in which answers of the real service were seen to differ, one of `byteOrderMark`, `countLast`, `chunked`,
    /// `keyCasing`, `signInRedirect`, `unauthorizedList`, `blockedPage`; may be given several times.
    #[arg(long, value_name = "NAME")]
    quirk: Vec<Quirk>,
    /// Calls of one identity that may be under way at once; more are blocked. Absent: any number.
    #[arg(long, value_name = "CALLS")]
    concurrency_limit: Option<usize>,
    /// Tenants that the organizations belong to, in turns.
    #[arg(long, default_value_t = 1)]
    tenants: usize,
    /// Whether `ResourceAreas` names areas: `empty` or `listed`. Empty is safe for every client.
    #[arg(long, default_value = "empty", value_name = "MODE")]
    resource_areas: ResourceAreasMode,
    /// How long access tokens of the simulated Entra are good for.
    #[arg(long, default_value_t = 3_599, value_name = "SECONDS")]
    token_seconds: u64,
}

/// Consumption limit per identity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TstuLimit(Option<f64>);

impl std::str::FromStr for TstuLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        match text.parse::<f64>() {
            Ok(limit) if limit.is_finite() && limit > 0.0 => Ok(Self(Some(limit))),
            _ => Err("a limit is a positive number of TSTU, or `off`".to_owned()),
        }
    }
}

impl World {
    /// Length of the sliding window.
    pub(crate) fn window_seconds(&self) -> f64 {
        self.window_seconds
    }

    /// Starts it at `listen`.
    pub(crate) async fn start(&self, listen: SocketAddr) -> Result<RunningSimulator, Failed> {
        let options = SimulatorOptions {
            listen,
            organizations: self.organizations,
            projects: self.projects,
            repositories: self.repositories,
            seed: self.seed,
            tstu_limit: self.tstu_limit.0,
            window_seconds: self.window_seconds,
            costs: self.cost.iter().copied().collect::<CostTable>(),
            latency: Duration::from_millis(self.latency_ms),
            authorized_resources: self.authorized_resources,
            quirks: self.quirk.iter().copied().collect(),
            concurrency_limit: self.concurrency_limit,
            tenants: self.tenants,
            resource_areas: self.resource_areas,
            token_seconds: self.token_seconds,
            ..SimulatorOptions::default()
        };
        Simulator::start(options).await.map_err(Failed::usage)
    }
}

impl Sim {
    pub(crate) async fn run(self) -> Result<(), Failed> {
        let simulator = self.world.start(self.listen).await?;
        let banner = serde_json::to_string(&simulator.banner())
            .map_err(|error| Failed::new(Exit::Failure, error.to_string()))?;
        write_out(&format!("{banner}\n"))?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => (),
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
        simulator.stop().await;
        Ok(())
    }
}
