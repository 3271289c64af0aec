//! The README tells the truth: every command in it is run against the simulator, every sample is read.

use muster_azdo_sim::{RunningSimulator, Simulator, SimulatorOptions};
use muster_domain::read::{Read, scope_name};
use muster_runtime::configuration::{Environment, load};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tests::broker::TestBroker;
use tests::database::TestDatabase;
use tests::processes::{Process, binary};
use tests::services;
use tests::waiting::{PATIENT, wait_until};

const README: &str = include_str!("../../README.md");
/// Every command of the README together, on a busy machine in a debug build.
const DEADLINE: Duration = Duration::from_secs(240);
/// The organization that the README connects.
const ORGANIZATION: &str = "contoso-payments";

/// The fenced blocks of one language, in their order.
fn blocks(language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current: Option<(bool, String)> = None;
    for line in README.lines() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut current, fence) {
            (None, Some(named)) => current = Some((named == language, String::new())),
            (Some((wanted, text)), Some(_)) => {
                if *wanted {
                    found.push(std::mem::take(text));
                }
                current = None;
            }
            (Some((_, text)), None) => {
                text.push_str(line.trim_start());
                text.push('\n');
            }
            (None, None) => (),
        }
    }
    found
}

/// The block that holds `part`; fails where the README changed and this test did not.
fn block_with(language: &str, part: &str) -> String {
    let found = blocks(language).into_iter().find(|block| block.contains(part));
    found.unwrap_or_else(|| panic!("the README has no {language} block with {part}"))
}

/// A folder with `muster` on its path, where the README's commands are run.
struct Shell {
    folder: TempDir,
    environment: BTreeMap<String, String>,
}

impl Shell {
    fn new(mut environment: BTreeMap<String, String>) -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        std::os::unix::fs::symlink(binary(), folder.path().join("muster")).expect("link the binary");
        let path = std::env::var("PATH").unwrap_or_default();
        environment.insert("PATH".to_owned(), format!("{}:{path}", folder.path().display()));
        Self { folder, environment }
    }

    fn start(&self, script: &str) -> Process {
        let script = format!("cd {}\n{script}", self.folder.path().display());
        Process::start(Path::new("/bin/sh"), &["-e", "-c", &script], &self.environment)
    }

    async fn run(&self, script: &str) -> String {
        let process = self.start(script);
        let status = process.wait(DEADLINE).await;
        assert!(status.success(), "{script}\nended with {status}: {}", process.stderr());
        process.stdout()
    }

    fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

async fn simulator() -> RunningSimulator {
    let options = SimulatorOptions {
        organizations: 1,
        projects: 4,
        repositories: 20,
        seed: 2,
        ..SimulatorOptions::default()
    };
    Simulator::start(options).await.expect("start the simulator")
}

#[test]
fn every_shell_block_is_run_by_a_test_of_this_file() {
    let known = [
        "cargo run --release -- demo",
        "tests/run",
        "muster credential set contoso ",
        "muster credential set contoso-app",
        "muster cost",
        "muster connector create",
        "muster up",
        "muster connector show",
        "muster budget set",
        "muster dead-letter replay",
        "muster migrate",
        "muster event publish",
    ];
    for block in blocks("sh") {
        assert!(known.iter().any(|part| block.contains(part)), "no test runs this block:\n{block}");
    }
}

#[test]
fn every_scope_that_a_pass_needs_is_named() {
    let named = README.replace('*', "");
    let mut needed = muster_rules::required_reads();
    needed.extend(muster_discovery::INVENTORY_READS);
    needed.extend(muster_sync::INVENTORY_READS);
    for scope in needed.into_iter().filter_map(Read::token_scope) {
        let name = scope_name(scope).expect("every scope has a name");
        assert!(named.contains(name), "the README does not name {name} ({scope})");
    }
}

#[tokio::test]
async fn the_two_commands_are_there() {
    assert!(block_with("sh", "demo").contains("cargo run --release -- demo"));
    let tests_run = Path::new(env!("CARGO_MANIFEST_DIR")).join("run");
    let checked =
        Process::start(Path::new("/bin/bash"), &["-n", &tests_run.display().to_string()], &BTreeMap::new());
    assert!(checked.wait(DEADLINE).await.success(), "{}", checked.stderr());
    assert_eq!(block_with("sh", "tests/run").trim(), "tests/run");
}

#[test]
fn the_configuration_sample_is_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), block_with("toml", "[consumption]")).unwrap();
    let loaded = load(Some(file.path()), &Environment::default()).unwrap();
    assert_eq!(loaded.configuration.worker.slots, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_machine_connects_a_real_organization() {
    let simulator = simulator().await;
    let organization = simulator.organizations().remove(0);
    let shell = Shell::new(BTreeMap::from([
        ("MUSTER_AZURE_DEVOPS_URL".to_owned(), simulator.base_url().to_owned()),
        ("MUSTER_ENTRA_URL".to_owned(), simulator.base_url().to_owned()),
        ("MUSTER_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ("XDG_DATA_HOME".to_owned(), tempfile::tempdir().unwrap().keep().display().to_string()),
    ]));
    std::fs::write(shell.path().join("token.txt"), format!("{}\n", simulator.pat())).unwrap();
    shell.run(&block_with("sh", "muster credential set contoso ")).await;
    let client = simulator.application().client.clone().expect("an application has a client");
    std::fs::write(shell.path().join("secret.txt"), client.client_secret).unwrap();
    let application = block_with("sh", "muster credential set contoso-app")
        .replace("44444444-4444-4444-8444-444444444444", &simulator.tenant_id().to_string())
        .replace("55555555-5555-4555-8555-555555555555", &client.client_id)
        .replace(ORGANIZATION, &organization);
    assert!(shell.run(&application).await.contains("clientSecret"));
    let cost = shell.run(&block_with("sh", "muster cost").replace(ORGANIZATION, &organization)).await;
    for part in ["variableGroups", "granted", "grant scopes"] {
        assert!(cost.contains(part), "{part} is missing in\n{cost}");
    }
    shell.run(&block_with("sh", "muster connector create").replace(ORGANIZATION, &organization)).await;
    let up = shell.start(&block_with("sh", "muster up").replace("muster up", "exec muster up"));
    up.wait_for_line(PATIENT, |line| line.contains("listening")).await;
    wait_until("assessments are there", DEADLINE, async || {
        let jobs = shell.run("muster job list -o json").await;
        let recommendations = shell.run("muster recommendation list -o json").await;
        let busy = ["pending", "dispatched", "running"].iter().any(|state| jobs.contains(state));
        recommendations.contains("Unhealthy") && !busy
    })
    .await;
    let shown = shell.run(&block_with("sh", "muster connector show")).await;
    for part in ["contoso", "active", "Unhealthy", "project.sync", "LIMIT"] {
        assert!(shown.contains(part), "{part} is missing in\n{shown}");
    }
    operate(&shell, &organization).await;
    services::install_tls_provider();
    for line in block_with("http", "/api/v1/queues").lines() {
        let path = line.strip_prefix("GET ").expect("a GET");
        let answer = reqwest::get(format!("{}{path}", address(&up))).await.expect("an answer");
        assert!(answer.status().is_success(), "{line}: {}", answer.status());
    }
    up.terminate();
    assert!(up.wait(DEADLINE).await.success(), "{}", up.stderr());
}

/// What an operator does about consumption and dead letters.
async fn operate(shell: &Shell, organization: &str) {
    let consumption = block_with("sh", "muster budget set").replace(ORGANIZATION, organization);
    let consumption = shell.run(&consumption).await;
    for part in ["cost of a call", "30 %", "Europe/Berlin", "release day"] {
        assert!(consumption.contains(part), "{part} is missing in\n{consumption}");
    }
    let letters = shell.run(&block_with("sh", "muster dead-letter replay")).await;
    assert!(letters.contains("DISCARDED"), "{letters}");
}

/// Where a process with the API listens.
fn address(process: &Process) -> String {
    let told = process.stderr();
    let (_, address) = told.split_once("127.0.0.1:").expect("it told its address");
    let port: String = address.chars().take_while(char::is_ascii_digit).collect();
    format!("http://127.0.0.1:{port}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_runs_and_takes_events() {
    let simulator = simulator().await;
    let organization = simulator.organizations().remove(0);
    let broker = TestBroker::vhost().await;
    let database = TestDatabase::postgres().await;
    let shell = Shell::new(BTreeMap::from([
        ("MUSTER_AZURE_DEVOPS_URL".to_owned(), simulator.base_url().to_owned()),
        ("MUSTER_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ("MUSTER_HEALTH_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ("MUSTER_DATA_DIR".to_owned(), tempfile::tempdir().unwrap().keep().display().to_string()),
        ("RUST_LOG".to_owned(), "info".to_owned()),
    ]));
    let given = |text: &str| {
        text.replace("postgres://muster:password@db/muster", database.url())
            .replace("amqp://muster:password@mq:5672", &broker.amqp_url())
            .replace(ORGANIZATION, &organization)
    };
    let fleet_block = given(&block_with("sh", "muster worker discovery"));
    // The key that the block generates is needed by the commands beside the fleet, too.
    let (exports, roles) = fleet_block.split_once("muster migrate").unwrap();
    let printed = shell.run(&format!("{exports}\nenv | grep ^MUSTER_")).await;
    let exports: String = printed
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| format!("export {name}='{value}'\n"))
        .collect();
    shell.run(&format!("{exports}muster migrate")).await;
    std::fs::write(shell.path().join("token.txt"), simulator.pat()).unwrap();
    shell.run(&format!("{exports}{}", block_with("sh", "muster credential set contoso "))).await;
    // The block puts every role into the background; the end of each of them is looked at.
    let roles = roles.replace(" &\n", " &\nroles=\"$roles $!\"\n");
    let stop = "kill $roles; for role in $roles; do wait $role; done; exit 0";
    let fleet = shell.start(&format!("{exports}{roles}\ntrap '{stop}' TERM\nwait"));
    wait_until("every role is up", PATIENT, async || fleet.stderr().matches("listening").count() == 5).await;

    let program = shell.path().join("publish.py");
    std::fs::write(&program, given(&block_with("python", "basic_publish"))).unwrap();
    let publisher = Process::start(&services::python(), &[&program.display().to_string()], &BTreeMap::new());
    assert!(publisher.wait(DEADLINE).await.success(), "{}", publisher.stderr());
    let id = std::sync::Mutex::new(String::new());
    wait_until("the connector is active", DEADLINE, async || {
        let list = shell.run(&format!("{exports}muster connector list -o json")).await;
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        *id.lock().unwrap() = list[0]["id"].as_str().unwrap_or_default().to_owned();
        list[0]["state"] == "active"
    })
    .await;
    let id = id.into_inner().unwrap();
    let publish =
        block_with("sh", "muster event publish").replace("0190b2c0-0000-7000-8000-000000000000", &id);
    let printed = shell.run(&format!("{exports}{publish}")).await;
    assert!(printed.contains("muster.connector.onboarding-requested.v1"), "{printed}");
    fleet.terminate();
    assert!(fleet.wait(DEADLINE).await.success(), "{}", fleet.stderr());
}
