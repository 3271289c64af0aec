//! The main job from end to end: the embedded demonstration and the fleet find the same, and what was planted.

use muster_azdo_sim::{Simulator, SimulatorOptions};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tests::fleet::{CREDENTIAL, Fleet, assert_same, judged, truth_of};
use tests::processes::Process;
use tests::services;

/// A whole pass over 40 projects on two busy cores, in a debug build.
const PASS_DEADLINE: Duration = Duration::from_secs(240);

fn world() -> SimulatorOptions {
    SimulatorOptions {
        organizations: 3,
        projects: 40,
        repositories: 1_000,
        seed: 7,
        ..SimulatorOptions::default()
    }
}

const DEMO: [&str; 12] = [
    "demo",
    "--once",
    "--organizations",
    "3",
    "--projects",
    "40",
    "--repositories",
    "1000",
    "--seed",
    "7",
    "-o",
    "json",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_finds_what_was_planted() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().display().to_string();
    let arguments: Vec<&str> = DEMO.into_iter().chain(["--data-dir", &data_dir]).collect();
    let demo = Process::muster(&arguments, &BTreeMap::new());
    let status = demo.wait(PASS_DEADLINE).await;
    assert!(status.success(), "{}", demo.stderr());

    let summary: serde_json::Value = serde_json::from_str(&demo.stdout()).unwrap();
    assert_eq!(summary["organizations"], 3);
    assert_eq!(summary["projects"], 40);
    assert_eq!(summary["repositories"], 1_000);
    assert_eq!(summary["assessments"]["unknown"], 0);
    assert_eq!(summary["throttled"], 0);
    for key in ["requests", "tstu", "seconds", "peakResidentBytes"] {
        assert!(summary[key].as_f64().unwrap() > 0.0, "{key} in {summary}");
    }

    let simulator = Simulator::start(world()).await.unwrap();
    let truth = truth_of(&simulator);
    let environment = BTreeMap::from([("MUSTER_DATA_DIR".to_owned(), data_dir)]);
    let list = Process::muster(&["recommendation", "list", "-o", "json"], &environment);
    assert!(list.wait(PASS_DEADLINE).await.success(), "{}", list.stderr());
    assert_same("the demonstration", &judged(&list.stdout()), &truth);
    let total: u64 =
        summary["assessments"].as_object().unwrap().values().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(total, u64::try_from(truth.len()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_onboarded_by_an_event_finds_the_same() {
    let fleet = Fleet::prepare(world()).await;
    fleet.store_credential().await;
    let processes = fleet.start_all(2).await;
    publish_onboarding(&fleet, "request-1").await;
    fleet.wait_until_idle(PASS_DEADLINE).await;
    assert_same("the fleet", &fleet.assessments().await, &fleet.truth());

    // The same request again is one connector and no work.
    publish_onboarding(&fleet, "request-1").await;
    let store = fleet.store().await;
    assert_eq!(store.connectors().list().await.unwrap().len(), 1);
    assert_eq!(store.dead_letters().count().await.unwrap(), 0);

    for process in &processes {
        process.terminate();
    }
    for process in &processes {
        let status = process.wait(Duration::from_secs(60)).await;
        assert!(status.success(), "ended with {status}: {}", process.stderr());
        let output = process.stdout() + &process.stderr();
        assert!(!output.contains(fleet.simulator.pat()), "a log holds the token");
        assert!(!output.contains("guest:guest"), "a log holds the broker's password");
    }
}

/// Publishes the request from a Python program.
async fn publish_onboarding(fleet: &Fleet, id: &str) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/it/publish_onboarding.py");
    let organizations = fleet.simulator.organizations();
    let mut arguments = vec![script, id, CREDENTIAL];
    arguments.extend(organizations.iter().map(String::as_str));
    let environment = BTreeMap::from([("AMQP_URL".to_owned(), fleet.broker.amqp_url())]);
    let python = services::python();
    let publisher = Process::start(Path::new(&python), &arguments, &environment);
    let status = publisher.wait(Duration::from_secs(60)).await;
    assert!(status.success(), "{}", publisher.stderr());
}
