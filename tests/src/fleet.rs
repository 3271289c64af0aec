//! A fleet of the real binary against the simulator: PostgreSQL, RabbitMQ, a process per role.

use crate::broker::TestBroker;
use crate::database::TestDatabase;
use crate::processes::Process;
use crate::waiting::wait_until;
use muster_azdo_sim::{RunningSimulator, Simulator, SimulatorOptions};
use muster_store::{KeyRing, Store, StoreOptions};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tempfile::TempDir;

/// How long a command may take on a busy machine.
const COMMAND_DEADLINE: Duration = Duration::from_secs(60);
/// Name of the stored credential.
pub const CREDENTIAL: &str = "simulated";

/// One assessment, as far as it is compared: kind, organization, project, id, recommendation, state.
pub type Judged = (String, String, String, String, String, String);

/// A simulated Azure DevOps with the services of a fleet. Processes are started by the test.
pub struct Fleet {
    /// The simulated Azure DevOps.
    pub simulator: RunningSimulator,
    /// The database of the fleet.
    pub database: TestDatabase,
    /// The broker of the fleet.
    pub broker: TestBroker,
    folder: TempDir,
    key: String,
    extra: BTreeMap<String, String>,
}

impl Fleet {
    /// Starts simulator, database and virtual host, and migrates the schema with the binary.
    pub async fn prepare(world: SimulatorOptions) -> Self {
        Self::prepare_on(world, TestDatabase::postgres().await, TestBroker::vhost().await).await
    }

    /// The same on services that the test brings.
    pub async fn prepare_on(world: SimulatorOptions, database: TestDatabase, broker: TestBroker) -> Self {
        let simulator = Simulator::start(world).await.expect("start the simulator");
        let fleet = Self {
            simulator,
            database,
            broker,
            folder: tempfile::tempdir().expect("make a folder"),
            key: KeyRing::generate_key().expose_secret().to_owned(),
            extra: BTreeMap::new(),
        };
        fleet.run(&["migrate"]).await;
        fleet
    }

    /// Sets a variable of every process that is started from now on.
    pub fn set(&mut self, name: &str, value: &impl ToString) {
        self.extra.insert(name.to_owned(), value.to_string());
    }

    /// Forgets a variable that was set.
    pub fn unset(&mut self, name: &str) {
        self.extra.remove(name);
    }

    /// The environment of every process.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let mut environment = BTreeMap::from([
            ("MUSTER_DATABASE_URL".to_owned(), self.database.url().to_owned()),
            ("MUSTER_AMQP_URL".to_owned(), self.broker.amqp_url()),
            ("MUSTER_AZURE_DEVOPS_URL".to_owned(), self.simulator.base_url().to_owned()),
            ("MUSTER_ENCRYPTION_KEY".to_owned(), self.key.clone()),
            ("MUSTER_DATA_DIR".to_owned(), self.folder.path().display().to_string()),
            ("MUSTER_HEALTH_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("MUSTER_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("RUST_LOG".to_owned(), "info".to_owned()),
        ]);
        environment.extend(self.extra.clone());
        environment
    }

    /// Starts a role and waits until it is up.
    pub async fn start(&self, arguments: &[&str]) -> Process {
        let process = Process::muster(arguments, &self.environment());
        process.wait_for_line(crate::waiting::PATIENT, |line| line.contains("listening")).await;
        process
    }

    /// Starts `count` processes of each worker, and as many schedulers.
    pub async fn start_all(&self, count: usize) -> Vec<Process> {
        let mut processes = Vec::new();
        for _ in 0..count {
            for arguments in
                [&["scheduler"][..], &["worker", "discovery"], &["worker", "sync"], &["worker", "refresh"]]
            {
                processes.push(self.start(arguments).await);
            }
        }
        processes
    }

    /// Runs a command to its end and returns what it printed; fails the test where it failed.
    pub async fn run(&self, arguments: &[&str]) -> String {
        let process = Process::muster(arguments, &self.environment());
        let status = process.wait(COMMAND_DEADLINE).await;
        assert!(status.success(), "muster {} ended with {status}: {}", arguments.join(" "), process.stderr());
        process.stdout()
    }

    /// Stores the simulator's token under [`CREDENTIAL`].
    pub async fn store_credential(&self) {
        let file = self.folder.path().join("token");
        std::fs::write(&file, self.simulator.pat()).expect("write the token");
        let path = file.display().to_string();
        self.run(&["credential", "set", CREDENTIAL, "--pat-file", &path]).await;
        std::fs::remove_file(file).expect("remove the token");
    }

    /// Stores the credential and connects every simulated organization, by command.
    pub async fn create_connector(&self) {
        self.store_credential().await;
        let mut arguments = vec!["connector", "create", "contoso", "--credential", CREDENTIAL];
        arguments.extend(["--subscription-id", "11111111-2222-4333-8444-555555555555"]);
        arguments.extend(["--resource-group", "devops", "--region", "westeurope"]);
        let organizations = self.simulator.organizations();
        for organization in &organizations {
            arguments.extend(["--organization", organization]);
        }
        self.run(&arguments).await;
    }

    /// The store of the fleet, for looking into it.
    pub async fn store(&self) -> Store {
        Store::connect(StoreOptions::new(self.database.url())).await.expect("connect to the database")
    }

    /// Waits until a connector is active and nothing is left to do.
    pub async fn wait_until_idle(&self, deadline: Duration) {
        let store = self.store().await;
        wait_until("the fleet has nothing left to do", deadline, async || {
            let connectors = store.connectors().list().await.expect("list the connectors");
            let active = connectors.iter().any(|connector| connector.state.as_str() == "active");
            active && store.ledger().is_idle().await.expect("ask the ledger")
        })
        .await;
    }

    /// The assessments of the fleet, as its command line prints them.
    pub async fn assessments(&self) -> BTreeSet<Judged> {
        judged(&self.run(&["recommendation", "list", "-o", "json"]).await)
    }

    /// What the simulator planted.
    pub fn truth(&self) -> BTreeSet<Judged> {
        truth_of(&self.simulator)
    }
}

/// Reads what `recommendation list -o json` printed.
pub fn judged(json: &str) -> BTreeSet<Judged> {
    let list: Vec<Value> = serde_json::from_str(json).expect("a JSON list of assessments");
    let count = list.len();
    let set: BTreeSet<Judged> = list.iter().map(|entry| row(&entry["resource"], entry)).collect();
    assert_eq!(set.len(), count, "an assessment is listed twice");
    set
}

/// Reads the truth of a simulator.
pub fn truth_of(simulator: &RunningSimulator) -> BTreeSet<Judged> {
    let truth = serde_json::to_value(simulator.truth()).expect("the truth is JSON");
    let list = truth.as_array().expect("the truth is a list");
    list.iter().map(|entry| row(&entry["resource"], entry)).collect()
}

fn row(resource: &Value, entry: &Value) -> Judged {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    (
        text(&resource["kind"]),
        text(&resource["organization"]),
        text(&resource["projectId"]),
        text(&resource["id"]),
        text(&entry["assessmentKey"]),
        text(&entry["state"]),
    )
}

/// The difference of two sets of assessments, short enough to read.
pub fn assert_same(name: &str, found: &BTreeSet<Judged>, expected: &BTreeSet<Judged>) {
    let surplus: Vec<_> = found.difference(expected).take(5).collect();
    let lacking: Vec<_> = expected.difference(found).take(5).collect();
    assert!(
        surplus.is_empty() && lacking.is_empty(),
        "{name}: {} found, {} expected; not expected {surplus:#?}; not found {lacking:#?}",
        found.len(),
        expected.len()
    );
}
