//! Only the clock of the database counts: workers whose clocks are wrong take nothing early and no lease of others, and a
//! schedule that many processes look at runs once.

use muster_azdo_sim::SimulatorOptions;
use muster_domain::ConnectorId;
use muster_domain::job::{JobKind, JobState, JobSubject};
use muster_store::ledger::{BACKGROUND_PRIORITY, JobFilter, NewJob};
use muster_store::schedules::Schedule;
use sea_orm::ConnectionTrait;
use std::path::PathBuf;
use std::time::Duration;
use tests::database::TestDatabase;
use tests::fleet::Fleet;
use tests::processes::Process;
use tests::waiting::{PATIENT, try_for};
use uuid::Uuid;

const PASS: Duration = Duration::from_secs(120);
const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

#[tokio::test(flavor = "multi_thread")]
async fn workers_whose_clocks_are_an_hour_off_take_nothing_early_and_no_lease_of_others() {
    let world = SimulatorOptions {
        organizations: 1,
        projects: 4,
        repositories: 20,
        seed: 31,
        tstu_limit: None,
        ..SimulatorOptions::default()
    };
    let fleet = Fleet::prepare(world).await;
    let store = fleet.store().await;
    let later = NewJob {
        kind: JobKind::ConnectorPreflight,
        subject: JobSubject::connector(ConnectorId(Uuid::new_v4())),
        credential_id: None,
        delay: HALF_AN_HOUR,
        priority: BACKGROUND_PRIORITY,
        cause: "test".to_owned(),
        trace: None,
    };
    let later = store.ledger().enqueue(&[later]).await.expect("enqueue")[0].job_id;
    // Somebody who does not answer any more, whose lease runs for another half hour.
    let leased = leased_for_half_an_hour(&fleet).await;
    let processes = [
        shifted(&fleet, &["scheduler"], "+1h").await,
        shifted(&fleet, &["scheduler"], "-1h").await,
        shifted(&fleet, &["worker", "discovery"], "+1h").await,
        shifted(&fleet, &["worker", "sync"], "-1h").await,
        shifted(&fleet, &["worker", "refresh"], "+1h").await,
    ];
    fleet.create_connector().await;
    let truth = fleet.truth();
    // The job that is held and the one that is due later are never over: the fleet is not idle.
    let judged = try_for(PASS, async || (fleet.assessments().await == truth).then_some(())).await;
    let told = || processes.iter().map(Process::stderr).collect::<Vec<_>>().join("\n");
    assert!(judged.is_some(), "not everything is judged\n{}", told());
    let detail = store.ledger().detail(later).await.expect("ask").expect("the job");
    assert_eq!(
        (detail.view.state, detail.dispatch_sequence),
        (JobState::Pending, 0),
        "it is due in half an hour"
    );
    let jobs = store.ledger().list(&JobFilter { limit: 1_000, ..JobFilter::default() }).await.expect("list");
    assert!(jobs.iter().all(|job| job.crash_count == 0), "no lease was taken from anybody");
    let held = jobs.iter().find(|job| job.id.to_string() == leased).expect("the job");
    assert_eq!((held.state, held.lease_owner.as_deref()), (JobState::Running, Some("somebody")));
}

async fn leased_for_half_an_hour(fleet: &Fleet) -> String {
    let id = Uuid::new_v4().to_string();
    let now = "(extract(epoch from clock_timestamp()) * 1000)::bigint";
    let lease = HALF_AN_HOUR.as_millis();
    let statement = format!(
        "INSERT INTO job (id, role, kind, subject_key, fairness_key, connector_id, spends_budget, needs_connector, \
         state, priority, attempt, max_attempts, due_at_ms, dispatch_sequence, lease_token, lease_until_ms, lease_owner, \
         cause, created_at_ms, updated_at_ms) \
         VALUES ('{id}', 'discovery', 'connector.preflight', '{id}', '{id}', '{id}', false, false, 'running', 100, 1, 8, 0, \
         1, '{id}', {now} + {lease}, 'somebody', 'test', {now}, {now})"
    );
    fleet.database.connect().await.execute_unprepared(&statement).await.expect("a lease");
    id
}

/// A process of the fleet on a machine whose clock is off.
async fn shifted(fleet: &Fleet, arguments: &[&str], by: &str) -> Process {
    let mut environment = fleet.environment();
    environment.insert("LD_PRELOAD".to_owned(), library().display().to_string());
    environment.insert("FAKETIME".to_owned(), by.to_owned());
    // Durations go on as they are: no machine measures them by its calendar.
    environment.insert("FAKETIME_DONT_FAKE_MONOTONIC".to_owned(), "1".to_owned());
    let process = Process::muster(arguments, &environment);
    process.wait_for_line(PATIENT, |line| line.contains("listening")).await;
    process
}

/// The library that shifts the clock of a program.
fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").expect("list /usr/lib").flatten();
    let places = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    places
        .into_iter()
        .find(|path| path.exists())
        .expect("the package `faketime` is installed: tests/run does that, or `apt-get install faketime`")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_many_processes_look_at_runs_once_each_turn() {
    const PROCESSES: usize = 8;
    const TURNS: usize = 5;
    let database = TestDatabase::postgres().await;
    let mut stores = Vec::new();
    for _ in 0..PROCESSES {
        let mut options = muster_store::StoreOptions::new(database.url());
        options.max_connections = 2;
        stores.push(muster_store::Store::connect(options).await.expect("connect"));
    }
    stores[0].migrate().await.expect("migrate");
    let every = Duration::from_millis(1);
    let schedule = Schedule { name: "test".to_owned(), scope: String::new(), every, jitter: Duration::ZERO };
    stores[0].schedules().ensure(&schedule, Duration::ZERO).await.expect("schedule");
    for _ in 0..TURNS {
        let due = tests::waiting::wait_for("it is due", PATIENT, async || {
            stores[0].schedules().due(1).await.expect("ask").pop()
        })
        .await;
        let looks = stores.iter().map(|store| {
            let (store, due) = (store.clone(), due.clone());
            tokio::spawn(async move { store.schedules().claim(&due, &[]).await.expect("claim") })
        });
        let mut winners = 0;
        for look in looks.collect::<Vec<_>>() {
            winners += usize::from(look.await.expect("the task"));
        }
        assert_eq!(winners, 1, "one of them runs it");
    }
}
