//! Every process ends within forty seconds of the signal, says why where it was forced, and leaves nothing behind.

use muster_azdo_sim::SimulatorOptions;
use muster_domain::job::{JobState, Role};
use muster_store::Store;
use muster_store::ledger::JobFilter;
use sea_orm::{ConnectionTrait, Statement};
use std::time::Duration;
use tests::broker_nodes::PrivateBroker;
use tests::database::TestDatabase;
use tests::fleet::{Fleet, assert_same};
use tests::processes::Process;
use tests::proxy::Proxy;
use tests::waiting::{PATIENT, wait_for, wait_until};

/// How long a process may take to its end, whatever happens (`muster_runtime::lifecycle::LONGEST_DRAIN`), and a little
/// for a busy machine to notice.
const LONGEST: Duration = Duration::from_secs(45);
/// A second signal does not wait for the grace of 25 s.
const FORCED: Duration = Duration::from_secs(20);
const PASS: Duration = Duration::from_secs(240);

fn world(latency: Duration) -> SimulatorOptions {
    SimulatorOptions {
        organizations: 2,
        projects: 20,
        repositories: 100,
        seed: 11,
        tstu_limit: None,
        latency,
        ..SimulatorOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_leaves_no_lease_and_costs_no_attempt_and_no_crash() {
    let fleet = Fleet::prepare(world(Duration::from_millis(25))).await;
    fleet.create_connector().await;
    let processes = fleet.start_all(1).await;
    let store = fleet.store().await;
    wait_until("projects are being read", PASS, async || running(&store, Role::Sync).await > 0).await;
    for process in &processes {
        process.terminate();
    }
    for process in &processes {
        let status = process.wait(LONGEST).await;
        assert_eq!(status.code(), Some(0), "it drained: {}", process.stderr());
    }
    assert_eq!(left_behind(&fleet).await, 0, "leases, crashes or attempts were left behind");
    let _processes = fleet.start_all(1).await;
    fleet.wait_until_idle(PASS).await;
    assert_same("after the stop", &fleet.assessments().await, &fleet.truth());
    assert_eq!(left_behind(&fleet).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_azure_devops_is_stalled_is_forced_in_time_and_gives_the_leases_back() {
    let mut fleet = Fleet::prepare(world(Duration::ZERO)).await;
    let base = fleet.simulator.base_url().to_owned();
    fleet.create_connector().await;
    let _scheduler = fleet.start(&["scheduler"]).await;
    let _discovery = fleet.start(&["worker", "discovery"]).await;
    // Only what reads projects meets the stall, and none of it ever ends.
    let mut workers = Vec::new();
    let mut stalled = Vec::new();
    for _ in 0..2 {
        let azure = Proxy::start(base.trim_start_matches("http://")).await;
        azure.stall();
        fleet.set("MUSTER_AZURE_DEVOPS_URL", &azure.through(&base));
        workers.push(fleet.start(&["worker", "sync"]).await);
        stalled.push(azure);
    }
    let store = fleet.store().await;
    // What is not asked for yet would end by itself.
    wait_until("both wait for an answer", PASS, async || {
        stalled.iter().all(|azure| azure.open_connections() > 0)
    })
    .await;
    let (patient, hurried) = (&workers[0], &workers[1]);
    patient.terminate();
    hurried.terminate();
    hurried.wait_for_line(PATIENT, |line| line.contains("stopping")).await;
    hurried.terminate();
    let status = hurried.wait(FORCED).await;
    assert_eq!(status.code(), Some(1), "{}", hurried.stderr());
    assert!(hurried.stderr().contains("stopped by force: a second signal came"), "{}", hurried.stderr());
    let status = patient.wait(LONGEST).await;
    assert_eq!(status.code(), Some(1), "{}", patient.stderr());
    assert!(
        patient.stderr().contains("stopped by force: the grace of 25 s was over"),
        "{}",
        patient.stderr()
    );
    let workers = [patient.id(), hurried.id()].map(|id| format!("#{id}"));
    let held = holders(&store).await;
    assert!(
        !held.iter().any(|owner| workers.iter().any(|id| owner.ends_with(id))),
        "leases are left: {held:?}\n{}\n{}",
        patient.stderr(),
        hurried.stderr()
    );
    assert_eq!(
        crashes_and_attempts(&fleet).await,
        0,
        "what was cut off costs neither an attempt nor a crash"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_database_is_stalled_ends_in_time_and_liveness_does_not_depend_on_it() {
    let mut fleet = Fleet::prepare(world(Duration::from_millis(5))).await;
    let url = fleet.database.url().to_owned();
    let database = Proxy::start(host_of(&url)).await;
    fleet.set("MUSTER_DATABASE_URL", &database.through(&url));
    let processes = [fleet.start(&["scheduler"]).await, fleet.start(&["worker", "sync"]).await];
    for process in &processes {
        wait_until("it is ready", PATIENT, async || probe(process, "readyz").await == 200).await;
    }
    database.stall();
    for process in &processes {
        wait_until("it is not ready any more", PATIENT, async || probe(process, "readyz").await == 503).await;
        assert_eq!(probe(process, "livez").await, 200, "a restart would not mend the database");
        process.terminate();
    }
    for process in &processes {
        let status = process.wait(LONGEST).await;
        let told = process.stderr();
        // What was waiting for the database was cut off, or heard soon enough that it does not answer.
        let forced = told.contains("stopped by force: the grace of 25 s was over");
        assert_eq!(status.code(), Some(i32::from(forced)), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_broker_is_blocked_ends_in_time() {
    let broker = PrivateBroker::start().await;
    let database = TestDatabase::postgres().await;
    let fleet = Fleet::prepare_on(world(Duration::from_millis(5)), database, broker.vhost().await).await;
    let processes = [fleet.start(&["scheduler"]).await, fleet.start(&["worker", "discovery"]).await];
    broker.memory_alarm(true).await;
    // Work, so that somebody wants to publish.
    fleet.create_connector().await;
    for process in &processes {
        assert_eq!(probe(process, "livez").await, 200);
        process.terminate();
    }
    for process in &processes {
        let status = process.wait(LONGEST).await;
        let forced = process.stderr().contains("stopped by force: ");
        assert_eq!(status.code(), Some(i32::from(forced)), "{}", process.stderr());
    }
    assert_eq!(left_behind(&fleet).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_or_silent_holds_neither_work_nor_the_stop_up() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let silent = format!("http://{}", silent.local_addr().expect("its address"));
    for collector in ["http://127.0.0.1:9", silent.as_str()] {
        let folder = tempfile::tempdir().expect("a folder");
        let environment = std::collections::BTreeMap::from([
            ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), collector.to_owned()),
            ("MUSTER_DATA_DIR".to_owned(), folder.path().display().to_string()),
            ("MUSTER_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ]);
        let demo = Process::muster(&["demo", "--once"], &environment);
        let status = demo.wait(PASS).await;
        assert!(status.success(), "{collector}: {}", demo.stderr());
        let up = Process::muster(&["up"], &environment);
        up.wait_for_line(PATIENT, |line| line.contains("listening")).await;
        up.terminate();
        // Five seconds for the spans, and the little that an idle process takes.
        let status = up.wait(FORCED).await;
        assert_eq!(status.code(), Some(0), "{collector}: {}", up.stderr());
    }
}

async fn running(store: &Store, role: Role) -> usize {
    let filter = JobFilter { states: vec![JobState::Running], limit: 1_000, ..JobFilter::default() };
    let jobs = store.ledger().list(&filter).await.expect("list");
    jobs.iter().filter(|job| job.kind.role() == role).count()
}

/// Who holds a lease.
async fn holders(store: &Store) -> Vec<String> {
    let filter = JobFilter { states: vec![JobState::Running], limit: 1_000, ..JobFilter::default() };
    let jobs = store.ledger().list(&filter).await.expect("list");
    jobs.into_iter().filter_map(|job| job.lease_owner).collect()
}

/// Leases that nobody gave back, and what a stop must not cost.
async fn left_behind(fleet: &Fleet) -> i64 {
    count(fleet, "state = 'running' OR crash_count > 0 OR (state = 'pending' AND attempt > 0)").await
}

async fn crashes_and_attempts(fleet: &Fleet) -> i64 {
    count(fleet, "crash_count > 0 OR (state = 'pending' AND attempt > 0)").await
}

async fn count(fleet: &Fleet, condition: &str) -> i64 {
    let connection = fleet.database.connect().await;
    let statement = format!("SELECT count(*) AS number FROM job WHERE {condition}");
    let statement = Statement::from_string(connection.get_database_backend(), statement);
    let row = connection.query_one_raw(statement).await.expect("count").expect("a row");
    row.try_get("", "number").expect("a number")
}

/// The status that a probe answers with.
async fn probe(process: &Process, path: &str) -> u16 {
    let line = process.wait_for_line(PATIENT, |line| line.contains("listening")).await;
    let line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
    let address =
        line["address"].as_str().or(line["fields"]["address"].as_str()).expect("the address").to_owned();
    let url = format!("http://{address}/{path}");
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    wait_for("the probe answers", PATIENT, async || {
        Some(client.get(&url).send().await.ok()?.status().as_u16())
    })
    .await
}

/// Host and port of a URL.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}
