//! `muster demo`: a simulated Azure DevOps and the whole fleet, in a throw-away folder.

mod progress;
mod summary;

use super::sim::World;
use crate::cli::Global;
use crate::exit::{Exit, Failed};
use crate::output::Format;
use crate::process::{Needs, Process};
use clap::Args;
use muster_azdo_sim::RunningSimulator;
use muster_domain::connector::{ConnectorState, OrganizationsChoice, Plan};
use muster_domain::credential::CredentialKind;
use muster_messages::request::OnboardingRequested;
use muster_runtime::configuration::Configuration;
use muster_store::inbox::RequestEffects;
use muster_store::requests::Asked;
use muster_store::{Durability, Store};
use progress::Progress;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use summary::Summary;
use tokio::time::Instant;

/// Numbers are totals over all simulated organizations.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    world: World,
    /// End when everything is found, instead of staying up until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Keep the data in this folder instead of a throw-away one.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// Name of the demonstration's credential and connector.
const NAME: &str = "demo";
/// How often the demonstration looks whether the fleet is done.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Demo {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        let began = Instant::now();
        let simulator = self.world.start(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let throw_away = match &self.data_dir {
            None => Some(tempfile::Builder::new().prefix("muster-demo-").tempdir()?),
            Some(_) => None,
        };
        let folder =
            self.data_dir.clone().or_else(|| throw_away.as_ref().map(|folder| folder.path().to_owned()));
        let configuration = self.configuration(global, &simulator, folder)?;
        let process = Process::start(configuration, Needs::AllInOne, Durability::Relaxed).await?;
        process.shutdown.listen_to_signals()?;
        let listening = super::up::start(&process).await?;
        onboard(&process.store, &simulator).await?;
        let found = wait_until_found(&process, &simulator).await;
        if found.is_ok() {
            let summary = Summary::of(&process.store, &simulator, began.elapsed()).await?;
            summary.print(global.output)?;
            if !self.once && !process.shutdown.has_begun() {
                say(
                    global,
                    &format!(
                        "\nStays up until Ctrl-C. API: http://{listening}  simulator: {}",
                        simulator.base_url()
                    ),
                );
                process.shutdown.soft().cancelled().await;
            }
        }
        process.shutdown.begin();
        let drained = process.drain().await;
        simulator.stop().await;
        found.and(drained)
    }

    fn configuration(
        &self,
        global: &Global,
        simulator: &RunningSimulator,
        folder: Option<PathBuf>,
    ) -> Result<Configuration, Failed> {
        let mut configuration = global.configuration()?;
        configuration.database_url = None;
        configuration.amqp_url = None;
        configuration.encryption_key = None;
        configuration.data_dir = folder;
        configuration.azure_devops_url = Some(simulator.base_url().to_owned());
        configuration.consumption.window_seconds = self.world.window_seconds();
        // A demonstration beside a real installation must not fight for its port.
        configuration.listen.set_port(0);
        Ok(configuration)
    }
}

fn say(global: &Global, text: &str) {
    use std::io::Write as _;
    if global.output == Format::Table {
        // A terminal that has gone away is no reason to stop.
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// Stores the simulated token and connects every organization that it reaches, as an onboarding request would.
async fn onboard(store: &Store, simulator: &RunningSimulator) -> Result<(), Failed> {
    let secret = SecretString::from(simulator.pat().to_owned());
    let credential = store.credentials().put(NAME, CredentialKind::PersonalAccessToken, &secret).await?;
    let request = OnboardingRequested {
        name: NAME.to_owned(),
        subscription_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        resource_group: NAME.to_owned(),
        region: "centralus".to_owned(),
        tenant_id: None,
        plan: Some(Plan::Foundational),
        credential: NAME.to_owned(),
        organizations: OrganizationsChoice::AllExistingAndFuture,
    };
    let asked = Asked { cause: "demo".to_owned(), trace: None };
    store.inbox().perform(&RequestEffects::onboard(&request, credential.id, &asked)).await?;
    Ok(())
}

/// Waits until nothing is left to do, showing how far it is.
async fn wait_until_found(process: &Process, simulator: &RunningSimulator) -> Result<(), Failed> {
    let progress = Progress::start();
    loop {
        if process.shutdown.has_begun() {
            return Err(Failed::new(Exit::Failure, "stopped before everything was found"));
        }
        let connectors = process.store.connectors().list().await?;
        for connector in &connectors {
            if !matches!(connector.state, ConnectorState::Pending | ConnectorState::Active) {
                let reason = connector.state_reason.clone().unwrap_or_default();
                let message = format!("the connector {} is {}: {reason}", connector.name, connector.state);
                return Err(Failed::new(Exit::Failure, message));
            }
        }
        let begun = connectors.iter().any(|connector| connector.state == ConnectorState::Active);
        if begun && process.store.ledger().is_idle().await? {
            progress.finish();
            return Ok(());
        }
        progress.show(&process.store, simulator).await?;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
