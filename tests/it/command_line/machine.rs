//! A machine with the binary, a data folder, and a simulated Azure DevOps.

use muster_azdo_sim::{RunningSimulator, Simulator, SimulatorOptions};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tempfile::TempDir;
use tests::processes::Process;
use tests::waiting::{PATIENT, wait_until};

/// One command, or a whole pass, on a busy machine in a debug build.
pub(super) const DEADLINE: Duration = Duration::from_secs(240);
/// What every connector of these tests is told.
pub(super) const PLACE: [&str; 6] = [
    "--subscription-id",
    "11111111-2222-4333-8444-555555555555",
    "--resource-group",
    "devops",
    "--region",
    "westeurope",
];

/// A machine with a simulated Azure DevOps.
pub(super) struct Machine {
    pub(super) simulator: RunningSimulator,
    pub(super) folder: TempDir,
    pub(super) environment: BTreeMap<String, String>,
}

/// How a command ended.
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Machine {
    pub(super) async fn new() -> Self {
        let world = SimulatorOptions {
            organizations: 2,
            projects: 5,
            repositories: 30,
            ..SimulatorOptions::default()
        };
        let simulator = Simulator::start(world).await.expect("start the simulator");
        let folder = tempfile::tempdir().expect("make a folder");
        let environment = BTreeMap::from([
            ("MUSTER_AZURE_DEVOPS_URL".to_owned(), simulator.base_url().to_owned()),
            ("MUSTER_ENTRA_URL".to_owned(), simulator.base_url().to_owned()),
            ("MUSTER_DATA_DIR".to_owned(), folder.path().join("data").display().to_string()),
            ("MUSTER_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ]);
        Self { simulator, folder, environment }
    }

    /// A machine that knows the token of the simulator.
    pub(super) async fn with_credential() -> Self {
        let machine = Self::new().await;
        let token = machine.folder.path().join("token");
        std::fs::write(&token, machine.simulator.pat()).expect("write the token");
        let token = token.display().to_string();
        machine.done(&["credential", "set", "reader", "--pat-file", &token]).await;
        machine
    }

    pub(super) async fn ended(&self, arguments: &[&str]) -> Ended {
        self.ended_with(arguments, &[]).await
    }

    pub(super) async fn ended_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> Ended {
        let mut environment = self.environment.clone();
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let process = Process::muster(arguments, &environment);
        let status = process.wait(DEADLINE).await;
        let code = status.code().expect("a command ends by itself");
        assert!(!process.stdout().contains(self.simulator.pat()), "{arguments:?} shows the token");
        assert!(!process.stderr().contains(self.simulator.pat()), "{arguments:?} shows the token");
        Ended { code, stdout: process.stdout(), stderr: process.stderr() }
    }

    /// What a command prints that must succeed.
    pub(super) async fn done(&self, arguments: &[&str]) -> String {
        let ended = self.ended(arguments).await;
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
        ended.stdout
    }

    /// The JSON that a command prints that must succeed.
    pub(super) async fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.done(&[arguments, &["-o", "json"]].concat()).await;
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{printed}"))
    }

    /// A command that must fail with this code and name all of these.
    pub(super) async fn fails(&self, arguments: &[&str], code: i32, named: &[&str]) {
        let ended = self.ended(arguments).await;
        assert_eq!(ended.code, code, "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        for part in named {
            assert!(ended.stderr.contains(part), "{arguments:?} does not name {part}: {}", ended.stderr);
        }
    }

    pub(super) async fn create(&self, name: &str, organizations: &[&str]) {
        let mut arguments = vec!["connector", "create", name, "--credential", "reader"];
        arguments.extend(PLACE);
        arguments.extend(organizations.iter().flat_map(|name| ["--organization", name]));
        self.done(&arguments).await;
    }

    /// Lets every role run until nothing is left to do.
    pub(super) async fn pass(&self) -> Process {
        let up = Process::muster(&["up"], &self.environment);
        up.wait_for_line(PATIENT, |line| line.contains("listening")).await;
        wait_until("the pass is over", DEADLINE, async || {
            let connectors = self.json(&["connector", "list"]).await;
            let judged = self.json(&["recommendation", "list", "--limit", "1"]).await;
            let jobs = self.json(&["job", "list", "--limit", "1000"]).await;
            let busy = array(&jobs).iter().any(|job| {
                ["dispatched", "running"].contains(&text(&job["state"]))
                    || job["state"] == "pending" && job["waitingReason"].is_null()
            });
            connectors[0]["state"] == "active" && !array(&judged).is_empty() && !busy
        })
        .await;
        up
    }
}

pub(super) fn array(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("not a list: {value}"))
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}

pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not a number: {value}"))
}
