//! Two releases side by side: an older binary works on a newer schema, does its own work, and leaves what it does not know
//! to a newer one.

use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use muster_azdo_sim::SimulatorOptions;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use std::time::Duration;
use tests::fleet::{Fleet, assert_same};
use tests::processes::Process;
use tests::waiting::{PATIENT, wait_until};

const PASS: Duration = Duration::from_secs(240);
const FUTURE: &str = "m20990101_000001_future";
/// Jobs of the future: one that nobody dispatched, one whose ticket a newer scheduler made, one whose ticket has a shape
/// of its own.
const JOBS: [&str; 3] = [
    "0191d6a0-0000-7000-8000-0000000000a1",
    "0191d6a0-0000-7000-8000-0000000000a2",
    "0191d6a0-0000-7000-8000-0000000000a3",
];

fn world() -> SimulatorOptions {
    SimulatorOptions {
        organizations: 1,
        projects: 4,
        repositories: 20,
        seed: 21,
        tstu_limit: None,
        ..SimulatorOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_binary_does_its_own_work_and_leaves_the_rest_to_a_newer_one() {
    let fleet = Fleet::prepare(world()).await;
    let connection = fleet.database.connect().await;
    the_future_was_here(&connection).await;
    let migrate = Process::muster(&["migrate"], &fleet.environment());
    assert!(!migrate.wait(PATIENT).await.success(), "an older binary does not migrate a newer schema");
    assert!(migrate.stderr().contains(FUTURE), "{}", migrate.stderr());

    let processes = fleet.start_all(1).await;
    processes[0].wait_for_line(PATIENT, |line| line.contains(FUTURE)).await;
    publish(
        &fleet,
        &format!(r#"{{"v":1,"job":"{}","seq":1,"kind":"project.audit","subject":"s","cause":"c"}}"#, JOBS[1]),
    )
    .await;
    publish(&fleet, &format!(r#"{{"v":99,"job":"{}","seq":1,"work":{{"kind":["a","b"]}}}}"#, JOBS[2])).await;
    fleet.create_connector().await;
    fleet.wait_until_idle(PASS).await;
    assert_same("beside jobs of the future", &fleet.assessments().await, &fleet.truth());

    wait_until("what is newer waits for a newer binary", PATIENT, async || {
        waiting(&connection).await == JOBS.len()
    })
    .await;
    fleet.run(&["job", "list"]).await;
    let store = fleet.store().await;
    assert_eq!(
        store.dead_letters().count().await.expect("count"),
        0,
        "a ticket of the future is no dead letter"
    );
    let unknown = store.ledger().unknown_kinds().await.expect("ask");
    assert_eq!(
        unknown.iter().map(|kind| (kind.kind.as_str(), kind.jobs)).collect::<Vec<_>>(),
        [("project.audit", 3)]
    );
    let doctor = Process::muster(&["doctor", "--offline", "-o", "json"], &fleet.environment());
    doctor.wait(PATIENT).await;
    assert!(doctor.stdout().contains("project.audit"), "{}", doctor.stdout());

    // Another start of the older binary releases nothing of what it does not know.
    let _again = fleet.start(&["worker", "refresh"]).await;
    assert_eq!(waiting(&connection).await, JOBS.len());
    let released =
        store.ledger().release_unknown_versions_of(&["project.audit"]).await.expect("a newer binary starts");
    assert_eq!(usize::try_from(released).expect("a count"), JOBS.len());
}

/// A newer release migrated the schema and made jobs that nobody here knows.
async fn the_future_was_here(connection: &DatabaseConnection) {
    for statement in [
        format!("INSERT INTO seaql_migrations (version, applied_at) VALUES ('{FUTURE}', 0)"),
        "ALTER TABLE job ADD COLUMN of_the_future text".to_owned(),
        "ALTER TABLE resource ADD COLUMN of_the_future bigint NOT NULL DEFAULT 7".to_owned(),
        job(JOBS[0], "pending", 0),
        job(JOBS[1], "dispatched", 1),
        job(JOBS[2], "dispatched", 1),
    ] {
        connection.execute_unprepared(&statement).await.expect("a newer release");
    }
}

fn job(id: &str, state: &str, sequence: i64) -> String {
    // Due for long: nobody newer took it. Dispatched just now: its ticket is not lost.
    let now = "(extract(epoch from clock_timestamp()) * 1000)::bigint";
    format!(
        "INSERT INTO job (id, role, kind, subject_key, fairness_key, connector_id, spends_budget, needs_connector, \
         state, priority, max_attempts, due_at_ms, dispatch_sequence, dispatched_at_ms, cause, created_at_ms, \
         updated_at_ms, of_the_future) \
         VALUES ('{id}', 'sync', 'project.audit', '{id}', 'f', '{id}', false, false, '{state}', 100, 8, 0, {sequence}, \
         {now}, 'test', 0, 0, 'x')"
    )
}

async fn publish(fleet: &Fleet, ticket: &str) {
    let connection = fleet.broker.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    channel
        .basic_publish(
            "muster.work".into(),
            "sync".into(),
            BasicPublishOptions::default(),
            ticket.as_bytes(),
            BasicProperties::default(),
        )
        .await
        .expect("publish")
        .await
        .expect("it is on its way");
    // The broker takes what came before the close.
    connection.close(200, "".into()).await.expect("close");
}

async fn waiting(connection: &DatabaseConnection) -> usize {
    let statement = "SELECT count(*) AS number FROM job WHERE kind = 'project.audit' AND state = 'pending' \
         AND waiting_reason = 'unknown_version' AND attempt = 0 \
         AND due_at_ms > (extract(epoch from clock_timestamp()) * 1000)::bigint";
    let statement = Statement::from_string(connection.get_database_backend(), statement);
    let row = connection.query_one_raw(statement).await.expect("count").expect("a row");
    usize::try_from(row.try_get::<i64>("", "number").expect("a number")).expect("a count")
}
