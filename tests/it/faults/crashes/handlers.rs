//! Handlers that panic, hang, or take their process with them, and workers that come back from the dead.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use muster_azdo_sim::SimulatorOptions;
use muster_domain::job::{JobKind, JobState, JobSubject, Role, WaitingReason};
use muster_domain::{Clock, ConnectorId, JobId, OrganizationName, ProjectId};
use muster_messages::Ticket;
use muster_queue::{InProcessTransport, TicketTransport};
use muster_runtime::runner::RunnerSettings;
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::Changes;
use muster_store::ledger::{
    BACKGROUND_PRIORITY, CRASH_LIMIT_CLASS, ClaimedJob, End, Finish, Finished, JobFilter, JobView, NewJob,
};
use muster_store::{DatabaseClock, Store, StoreOptions};
use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;
use tests::database::TestDatabase;
use tests::fleet::Fleet;
use tests::local_worker::{LocalWorker, total};
use tests::total_check::TotalCheck;
use tests::waiting::{PATIENT, SOON, wait_for, wait_until};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Longer than anything in these tests takes.
const LONG: Duration = Duration::from_secs(600);
/// A slice, and an overrun, that a test can wait for.
const SHORT: Duration = Duration::from_millis(100);
/// A pass over a small world on two busy cores, in a debug build.
const PASS_DEADLINE: Duration = Duration::from_secs(180);

/// A clock that goes by the hour whenever a test wants to see what is due later.
#[derive(Debug)]
struct Skipping(AtomicI64);

impl Skipping {
    fn new() -> Arc<Self> {
        // Any moment will do: nothing here looks at a calendar.
        Arc::new(Self(AtomicI64::new(1_800_000_000_000)))
    }

    fn an_hour_passes(&self) {
        const HOUR_MS: i64 = 3_600_000;
        self.0.fetch_add(HOUR_MS, Ordering::SeqCst);
    }
}

impl Clock for Skipping {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }
}

/// A ledger on a clock that skips.
struct Bench {
    store: Store,
    clock: Arc<Skipping>,
    _database: TestDatabase,
}

impl Bench {
    async fn open() -> Self {
        let (database, clock) = (TestDatabase::sqlite(), Skipping::new());
        let mut options = StoreOptions::new(database.url());
        options.clock = DatabaseClock::Virtual(Arc::clone(&clock) as Arc<dyn Clock>);
        let store = Store::connect(options).await.expect("connect");
        store.migrate().await.expect("migrate");
        Self { store, clock, _database: database }
    }

    async fn ask(&self, project: u128) -> JobId {
        self.store.ledger().enqueue(&[wish(project)]).await.expect("enqueue")[0].job_id
    }

    async fn job(&self, id: JobId) -> JobView {
        self.store.ledger().get(id).await.expect("ask").expect("the job")
    }

    /// Waits until a job is in a state, while time passes for what is due later.
    async fn wait_for_state(&self, id: JobId, state: JobState) -> JobView {
        wait_for(&format!("the job is {state}"), SOON, async || {
            let job = self.job(id).await;
            if job.waiting_reason == Some(WaitingReason::Retry) {
                self.clock.an_hour_passes();
            }
            (job.state == state).then_some(job)
        })
        .await
    }

    fn work(
        &self,
        settings: RunnerSettings,
        handler: impl Fn(&ClaimedJob) -> Deed + Send + Sync + 'static,
    ) -> LocalWorker {
        let transport: Arc<dyn TicketTransport> = InProcessTransport::new();
        let handler: Arc<dyn Handler> = Arc::new(Scripted(Box::new(handler)));
        LocalWorker::start_with(&self.store, &transport, Role::Refresh, settings, vec![handler])
    }
}

fn wish(project: u128) -> NewJob {
    let organization = OrganizationName::new("contoso");
    let project = ProjectId(Uuid::from_u128(project));
    NewJob {
        kind: JobKind::ProjectRefresh,
        subject: JobSubject::project(ConnectorId(Uuid::from_u128(1)), organization, project),
        credential_id: None,
        delay: Duration::ZERO,
        priority: BACKGROUND_PRIORITY,
        cause: "test".to_owned(),
        trace: None,
    }
}

/// What a handler does.
enum Deed {
    Succeed,
    Panic,
    Hang,
    /// Waits until the test lets it go.
    Wait(Arc<Semaphore>),
}

struct Scripted(Box<dyn Fn(&ClaimedJob) -> Deed + Send + Sync>);

#[async_trait]
impl Handler for Scripted {
    fn kind(&self) -> JobKind {
        JobKind::ProjectRefresh
    }

    async fn handle(&self, job: &ClaimedJob, _slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        match (self.0)(job) {
            Deed::Succeed => (),
            Deed::Panic => panic!("planned"),
            Deed::Hang => std::future::pending().await,
            Deed::Wait(gate) => drop(gate.acquire().await.expect("the gate is never closed")),
        }
        Ok(Outcome::done(Changes::default()))
    }
}

fn settings(slice: Duration) -> RunnerSettings {
    RunnerSettings { slots: 1, lease: LONG, slice, overrun: slice, hold: LONG }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_three_times_sets_its_job_aside_and_the_worker_goes_on() {
    let bench = Bench::open().await;
    let (bad, good) = (bench.ask(1).await, bench.ask(2).await);
    let panics = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&panics);
    let worker = bench.work(settings(LONG), move |job| {
        if job.lease.job_id == bad {
            counted.fetch_add(1, Ordering::SeqCst);
            return Deed::Panic;
        }
        Deed::Succeed
    });
    let dead = bench.wait_for_state(bad, JobState::Dead).await;
    assert_eq!((dead.attempt, dead.crash_count), (3, 0), "three attempts, and no process died");
    assert_eq!(dead.last_error_class.as_deref(), Some("panic"));
    assert!(dead.last_error.is_some_and(|error| error.contains("planned")));
    assert_eq!(panics.load(Ordering::SeqCst), 3);
    assert_eq!(bench.wait_for_state(good, JobState::Done).await.attempt, 0);
    let later = bench.ask(3).await;
    bench.wait_for_state(later, JobState::Done).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_hangs_is_cut_off_and_its_slot_goes_on() {
    let bench = Bench::open().await;
    let hanging = bench.ask(1).await;
    let runs = AtomicU32::new(0);
    let worker = bench.work(settings(SHORT), move |job| {
        let is_first = job.lease.job_id == hanging && runs.fetch_add(1, Ordering::SeqCst) == 0;
        if is_first { Deed::Hang } else { Deed::Succeed }
    });
    let cut = wait_for("the handler is cut off", SOON, async || {
        let job = bench.job(hanging).await;
        (job.state == JobState::Pending && job.waiting_reason.is_some()).then_some(job)
    })
    .await;
    assert_eq!((cut.waiting_reason, cut.attempt), (Some(WaitingReason::Retry), 1));
    assert_eq!(cut.last_error_class.as_deref(), Some("overrun"));
    // The only slot is free for another job, and the next attempt may succeed.
    let other = bench.ask(2).await;
    bench.wait_for_state(other, JobState::Done).await;
    bench.wait_for_state(hanging, JobState::Done).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_finish_of_a_worker_whose_job_another_one_has_hits_no_row_and_is_counted() {
    let bench = Bench::open().await;
    let id = bench.ask(1).await;
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (held, started) = (Arc::clone(&gate), Arc::clone(&begun));
    let worker = bench.work(settings(LONG), move |_| {
        started.add_permits(1);
        Deed::Wait(Arc::clone(&held))
    });
    drop(tokio::time::timeout(SOON, begun.acquire()).await.expect("the handler runs"));
    // Its ticket comes again: the broker took it for dead.
    let ledger = bench.store.ledger();
    let sequence = ledger.detail(id).await.expect("ask").expect("the job").dispatch_sequence;
    let ticket = ticket_of(&bench, id, sequence).await;
    let mut taken = ledger.claim(&[(ticket, true)], "another", LONG).await.expect("claim");
    let taken = taken.pop().expect("the lease is taken over at once");
    assert_eq!(bench.job(id).await.crash_count, 1);
    gate.add_permits(1);
    wait_until("the first worker finds its lease lost", SOON, async || {
        worker.counted("muster_job_leases_lost_total") >= 1.0
    })
    .await;
    let job = bench.job(id).await;
    assert_eq!((job.state, job.lease_owner.as_deref()), (JobState::Running, Some("another")));
    let end = Finish { lease: taken.lease, changes: Changes::default(), end: End::Done };
    assert_eq!(ledger.finish(vec![end]).await.expect("finish"), [Finished::Committed]);
    assert_eq!(bench.job(id).await.state, JobState::Done);
    worker.stop().await;
}

/// The ticket of a job, as the broker would bring it again.
async fn ticket_of(bench: &Bench, id: JobId, seq: i64) -> Ticket {
    let job = bench.job(id).await;
    serde_json::from_value(serde_json::json!({
        "v": 1, "job": id, "seq": seq, "kind": job.kind, "subject": job.subject.key(), "cause": job.cause,
    }))
    .expect("a ticket")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_a_dying_worker_held_is_blamed_and_only_what_kills_is_dead() {
    let bench = Bench::open().await;
    let ledger = bench.store.ledger();
    let (killer, neighbour, queued) = (bench.ask(1).await, bench.ask(2).await, bench.ask(3).await);
    let tickets: Vec<Ticket> = ledger
        .dispatch(Role::Refresh, 10, 10)
        .await
        .expect("dispatch")
        .into_iter()
        .map(|one| one.ticket)
        .collect();
    let of = |job: JobId| tickets.iter().find(|ticket| ticket.job == job).expect("a ticket").clone();
    let crashes = async |job: JobId| bench.job(job).await.crash_count;
    // The first worker has two of them in hand, and the third one only as a ticket, when it dies.
    let held = [(of(killer), false), (of(neighbour), false)];
    assert_eq!(ledger.claim(&held, "first", LONG).await.expect("claim").len(), 2);
    // The broker brings all three again. The second worker does its neighbour, then it dies of the killer.
    let again = [(of(killer), true), (of(neighbour), true), (of(queued), true)];
    let claimed = ledger.claim(&again, "second", LONG).await.expect("claim");
    assert_eq!(claimed.len(), 3);
    assert_eq!((crashes(killer).await, crashes(neighbour).await, crashes(queued).await), (1, 1, 0));
    let done = claimed.iter().filter(|job| job.lease.job_id != killer);
    let done =
        done.map(|job| Finish { lease: job.lease, changes: Changes::default(), end: End::Done }).collect();
    assert_eq!(ledger.finish(done).await.expect("finish"), [Finished::Committed; 2]);
    // The third one claims it alone and dies; for the fourth it is dead.
    for (worker, left) in [("third", 1), ("fourth", 0)] {
        let claimed = ledger.claim(&again, worker, LONG).await.expect("claim");
        assert_eq!(claimed.len(), left, "{worker}");
    }
    let dead = bench.job(killer).await;
    assert_eq!((dead.state, dead.crash_count), (JobState::Dead, 3));
    assert_eq!(dead.last_error_class.as_deref(), Some(CRASH_LIMIT_CLASS));
    for job in [neighbour, queued] {
        let job = bench.job(job).await;
        assert_eq!((job.state, job.crash_count), (JobState::Done, 0));
    }
}

fn one_organization() -> SimulatorOptions {
    SimulatorOptions {
        organizations: 1,
        projects: 3,
        repositories: 12,
        seed: 26,
        tstu_limit: None,
        latency: Duration::from_millis(40),
        ..SimulatorOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_three_processes_is_dead_and_the_fourth_process_lives() {
    let mut fleet = Fleet::prepare(one_organization()).await;
    fleet.set("MUSTER_WORKER__LEASE_SECONDS", &LONG.as_secs());
    fleet.create_connector().await;
    let _scheduler = fleet.start(&["scheduler"]).await;
    fleet.set("MUSTER_CRASH_AT", &"claimed");
    for _ in 0..3 {
        let victim = fleet.start(&["worker", "discovery"]).await;
        let status = victim.wait(PATIENT).await;
        assert!(status.signal().is_some(), "{status}: {}", victim.stderr());
    }
    // As ready to die as the others, but no job is claimed any more.
    let survivor = fleet.start(&["worker", "discovery"]).await;
    let store = fleet.store().await;
    let job = wait_for("the job is dead", SOON, async || {
        let dead = JobFilter { states: vec![JobState::Dead], ..JobFilter::default() };
        store.ledger().list(&dead).await.expect("list").pop()
    })
    .await;
    assert_eq!((job.kind, job.crash_count), (JobKind::ConnectorAuthorize, 3));
    assert_eq!(job.last_error_class.as_deref(), Some(CRASH_LIMIT_CLASS));
    assert_eq!(survivor.exit_status(), None, "{}", survivor.stderr());
    assert_eq!(store.dead_letters().count().await.expect("count"), 1, "a letter tells of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_wakes_up_after_its_jobs_were_taken_over_writes_nothing() {
    let mut fleet =
        Fleet::prepare(SimulatorOptions { latency: Duration::from_millis(150), ..one_organization() }).await;
    // The broker sees nothing wrong for a long time; the lease does.
    fleet.set("MUSTER_WORKER__LEASE_SECONDS", &2);
    let facts = tests::subscriber::FactSubscriber::start(&fleet.broker).await;
    fleet.create_connector().await;
    let mut processes = vec![fleet.start(&["scheduler"]).await];
    for role in ["discovery", "refresh"] {
        processes.push(fleet.start(&["worker", role]).await);
    }
    let zombie = fleet.start(&["worker", "sync"]).await;
    let metrics = metrics_of(&zombie).await;
    let store = fleet.store().await;
    let running = async || {
        let running = JobFilter { states: vec![JobState::Running], limit: 100, ..JobFilter::default() };
        let jobs = store.ledger().list(&running).await.expect("list");
        jobs.into_iter().filter(|job| job.kind == JobKind::ProjectSync).collect::<Vec<_>>()
    };
    wait_until("the worker has jobs in hand", PASS_DEADLINE, async || !running().await.is_empty()).await;
    zombie.signal("STOP");
    let held = running().await;
    assert!(!held.is_empty(), "it was stopped with jobs in hand");
    processes.push(fleet.start(&["worker", "sync"]).await);
    wait_until("its jobs were taken over", PASS_DEADLINE, async || {
        let now = running().await;
        held.iter().all(|old| now.iter().all(|job| job.id != old.id || job.lease_owner != old.lease_owner))
    })
    .await;
    zombie.signal("CONT");
    wait_until("it finds its leases lost", PATIENT, async || {
        total(&metrics.fetch().await, "muster_job_leases_lost_total") >= 1.0
    })
    .await;
    let report = TotalCheck::of(&fleet).with_facts(&facts).settle(PASS_DEADLINE).await;
    report.assert_holds("a zombie");
}

/// Where a process shows its metrics.
struct MetricsPage(String);

async fn metrics_of(process: &tests::processes::Process) -> MetricsPage {
    let line = process.wait_for_line(PATIENT, |line| line.contains("listening")).await;
    let address = line.split(['"', ' ', '/', '=']).find(|word| word.starts_with("127.0.0.1:"));
    MetricsPage(format!("http://{}/metrics", address.unwrap_or_else(|| panic!("an address in {line}"))))
}

impl MetricsPage {
    async fn fetch(&self) -> String {
        tests::services::install_tls_provider();
        let answer = reqwest::get(&self.0).await.expect("the probes answer");
        answer.text().await.expect("text")
    }
}
