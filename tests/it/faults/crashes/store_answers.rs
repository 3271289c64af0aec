//! A database that refuses, collides, or commits and says that it did not: the end is the same.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use muster_azdo_sim::SimulatorOptions;
use muster_domain::credential::CredentialKind;
use muster_domain::{Clock, SystemClock};
use muster_messages::CloudEvent;
use muster_messages::fact::ASSESSMENT_CHANGED;
use muster_queue::{EventPublisher, InProcessTransport, PublishOutcome, TicketTransport};
use muster_runtime::ingress::{Accepted, Incoming, Ingress, Refused};
use muster_runtime::lifecycle::Shutdown;
use muster_runtime::metrics::Metrics;
use muster_runtime::relay::Relay;
use muster_runtime::runner::RunnerSettings;
use muster_store::faults::RandomFaults;
use muster_store::{DatabaseClock, Store};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, Statement};
use secrecy::SecretString;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tests::fleet::assert_same;
use tests::waiting::wait_until;
use tests::workbench::Workbench;

/// How often a transaction meets a fault: every job meets some, none meets one in all its attempts.
const PROBABILITY: f64 = 0.12;
/// A run that met fewer of them shows nothing.
const FEWEST_FAULTS: u64 = 10;
/// Seeds of the faults; what falls where depends on the order of transactions, too.
const SEEDS: [u64; 2] = [36, 3_636];
const DEADLINE: Duration = Duration::from_secs(180);
/// Longer than any job here.
const LEASE: Duration = Duration::from_secs(3_600);
/// Times faster than the machine's clock, so that nobody waits for a back-off.
const SPEED: u32 = 30;
/// The age at which tickets count as lost, on that clock.
const TICKET_LOST_AFTER: Duration = Duration::from_secs(120);
const ID: &str = "request";
const SOURCE: &str = "urn:contoso:portal";

/// A clock that runs fast.
#[derive(Debug)]
struct Fast {
    began: Instant,
    start: DateTime<Utc>,
}

impl Clock for Fast {
    fn now(&self) -> DateTime<Utc> {
        self.start + self.began.elapsed() * SPEED
    }
}

/// Keeps what is published.
#[derive(Default)]
struct Published(Mutex<BTreeMap<String, CloudEvent>>);

#[async_trait]
impl EventPublisher for Published {
    async fn publish_event(&self, event: &CloudEvent) -> PublishOutcome {
        self.0.lock().expect("no panic").insert(event.id.clone(), event.clone());
        PublishOutcome::Confirmed
    }

    async fn publish_events(&self, events: &[CloudEvent]) -> Vec<PublishOutcome> {
        let mut outcomes = Vec::new();
        for event in events {
            outcomes.push(self.publish_event(event).await);
        }
        outcomes
    }

    async fn publish_request(&self, _request: &CloudEvent) -> PublishOutcome {
        PublishOutcome::Refused
    }
}

fn world(seed: u64) -> SimulatorOptions {
    SimulatorOptions {
        organizations: 2,
        projects: 8,
        repositories: 80,
        seed,
        tstu_limit: None,
        ..SimulatorOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_database_says_of_its_commits_the_end_is_the_same() {
    for seed in SEEDS {
        let bench = Workbench::start(world(seed), BTreeSet::new()).await;
        let faults = Arc::new(RandomFaults::new(seed, PROBABILITY));
        let clock = Fast { began: Instant::now(), start: SystemClock.now() };
        let plan = Arc::clone(&faults);
        let store = bench
            .another_store(|options| {
                options.clock = DatabaseClock::Virtual(Arc::new(clock));
                options.faults = Some(plan);
            })
            .await;
        let published = run(&bench, &store).await;
        assert!(faults.met() >= FEWEST_FAULTS, "seed {seed}: {} faults are no test", faults.met());
        let name = format!("seed {seed} with {} faults", faults.met());
        assert_same(&name, &bench.assessments().await, &bench.truth());
        assert_nothing_is_left_or_doubled(&bench, &published, &name).await;
    }
}

/// A request, all that follows from it, and the facts of it, everything on the store with faults.
async fn run(bench: &Workbench, store: &Store) -> Arc<Published> {
    onboard(bench, store).await;
    let (shutdown, published) = (Shutdown::new(), Arc::new(Published::default()));
    Relay {
        store: store.clone(),
        publisher: Arc::clone(&published) as Arc<dyn EventPublisher>,
        metrics: Metrics::new().expect("fresh instruments"),
        shutdown: shutdown.clone(),
        work_was_made: Arc::default(),
    }
    .start();
    let transport: Arc<dyn TicketTransport> = InProcessTransport::new();
    let settings = RunnerSettings { slots: 2, lease: LEASE, slice: LEASE, overrun: LEASE, hold: LEASE };
    let workers = bench.start_workers(store, &transport, settings);
    wait_until("nothing is left to do", DEADLINE, async || {
        // As the reclaimer of a scheduler does. It may meet a fault, too: then the next round does it.
        let _ = store.ledger().redispatch_lost(TICKET_LOST_AFTER).await;
        let idle = store.ledger().is_idle().await.expect("reads meet no faults");
        idle && store.outbox().backlog().await.expect("reads meet no faults").pending == 0
    })
    .await;
    for worker in workers {
        worker.stop().await;
    }
    shutdown.begin();
    shutdown.drained().await;
    published
}

/// Sends the same request until it is taken, and once more.
async fn onboard(bench: &Workbench, store: &Store) {
    let secret = SecretString::from(bench.simulator.pat().to_owned());
    let kind = CredentialKind::PersonalAccessToken;
    bench.store.credentials().put("reader", kind, &secret).await.expect("store the token");
    let metrics = Metrics::new().expect("fresh instruments");
    let ingress = Ingress { store: store.clone(), metrics, work_was_made: Arc::default() };
    let body = json!({
        "specversion": "1.0", "id": ID, "source": SOURCE, "type": "muster.connector.onboarding-requested.v1",
        "datacontenttype": "application/json",
        "data": {
            "name": "contoso", "subscriptionId": "11111111-2222-4333-8444-555555555555",
            "resourceGroup": "devops", "region": "westeurope", "credential": "reader",
            "autoDiscovery": "Disabled", "organizations": bench.simulator.organizations(),
        }
    });
    let incoming = Incoming {
        content_type: Some("application/cloudevents+json".to_owned()),
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
        publisher: None,
        origin: "muster.v1.ingress",
    };
    let mut taken = 0;
    while taken < 2 {
        match ingress.accept(incoming.clone()).await {
            Ok(Accepted::New { .. } | Accepted::Duplicate { .. }) => taken += 1,
            Err(Refused::Unavailable(_)) => (),
            Err(refused) => panic!("{refused:?}"),
        }
    }
}

async fn assert_nothing_is_left_or_doubled(bench: &Workbench, published: &Published, name: &str) {
    assert_eq!(
        bench.store.connectors().list().await.expect("list").len(),
        1,
        "{name}: one request, one connector"
    );
    assert_eq!(bench.store.dead_letters().count().await.expect("count"), 0, "{name}: nothing was set aside");
    let rows = |statement: &'static str| async move {
        let mut options = ConnectOptions::new(bench.database_url());
        options.max_connections(1).sqlx_logging(false);
        let connection = Database::connect(options).await.expect("connect");
        let statement = Statement::from_string(connection.get_database_backend(), statement);
        let row = connection.query_one_raw(statement).await.expect("count").expect("a row");
        row.try_get::<i64>("", "n").expect("a number")
    };
    let inexact = rows(
        "SELECT count(*) AS n FROM assessment a WHERE a.change_sequence <> (SELECT count(*) FROM assessment_history h
         WHERE h.resource_id = a.resource_id AND h.recommendation = a.recommendation)",
    );
    assert_eq!(inexact.await, 0, "{name}: history matches changes");
    let open = rows("SELECT count(*) AS n FROM job WHERE state IN ('dispatched', 'running', 'dead')");
    assert_eq!(open.await, 0, "{name}: every job has its end");
    assert_eq!(rows("SELECT count(*) AS n FROM inbox").await, 1, "{name}: one request");
    let changes = rows("SELECT count(*) AS n FROM assessment_history").await;
    let facts = published.0.lock().expect("no panic");
    let told = facts.values().filter(|event| event.event_type == ASSESSMENT_CHANGED).count();
    assert_eq!(
        i64::try_from(told).expect("a small number"),
        changes,
        "{name}: every change was told once or more"
    );
}
