//! Real processes of a fleet end as by `kill -9` at every named place; others go on, and the total check holds.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Confirmation};
use muster_azdo_sim::SimulatorOptions;
use muster_domain::job::{JobState, Role};
use muster_messages::fact::ASSESSMENT_CHANGED;
use muster_store::ledger::{JobFilter, JobView};
use sea_orm::ConnectionTrait as _;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;
use tests::fleet::{CREDENTIAL, Fleet};
use tests::processes::Process;
use tests::subscriber::FactSubscriber;
use tests::total_check::{TotalCheck, TotalReport};
use tests::waiting::{PATIENT, SOON, wait_until};

/// The signal of `abort`, by which a process ends at a place.
const SIGABRT: i32 = 6;
/// A pass over the world, with processes that start anew in between, on two busy cores in a debug build.
const PASS_DEADLINE: Duration = Duration::from_secs(180);
const SCHEDULER: [&str; 1] = ["scheduler"];

fn world(seed: u64) -> SimulatorOptions {
    SimulatorOptions {
        organizations: 2,
        projects: 6,
        repositories: 60,
        seed,
        tstu_limit: None,
        ..SimulatorOptions::default()
    }
}

/// A fleet in which some processes die, with everything that it tells.
struct Dying {
    fleet: Fleet,
    facts: FactSubscriber,
    processes: Vec<Process>,
}

impl Dying {
    /// A fleet without processes.
    async fn prepare(seed: u64) -> Self {
        let mut fleet = Fleet::prepare(world(seed)).await;
        // Long leases: what goes on within seconds goes on by redelivery, not because a lease ran out.
        fleet.set("MUSTER_WORKER__LEASE_SECONDS", &600);
        let facts = FactSubscriber::start(&fleet.broker).await;
        Self { fleet, facts, processes: Vec::new() }
    }

    /// Starts a process that stays.
    async fn start(&mut self, arguments: &[&str]) {
        let process = self.fleet.start(arguments).await;
        self.processes.push(process);
    }

    /// Starts a process that dies at a place.
    async fn start_dying(&mut self, arguments: &[&str], place: &str) -> Process {
        self.fleet.set("MUSTER_CRASH_AT", &place);
        let process = self.fleet.start(arguments).await;
        self.fleet.unset("MUSTER_CRASH_AT");
        process
    }

    async fn total_check(&self) -> TotalReport {
        TotalCheck::of(&self.fleet).with_facts(&self.facts).settle(PASS_DEADLINE).await
    }

    /// Makes the moment long ago at which something was sent or taken.
    async fn time_passes(&self, statement: &str) {
        let connection = self.fleet.database.connect().await;
        connection.execute_unprepared(statement).await.expect("age the rows");
    }
}

/// Waits for the end of a process, which must be the one that it was told to.
async fn dies_at(process: &Process, place: &str) {
    let status = process.wait(PASS_DEADLINE).await;
    assert_eq!(status.signal(), Some(SIGABRT), "{place}: {status}\n{}", process.stderr());
    assert!(process.stderr().contains(place) || process.stdout().contains(place), "{}", process.stderr());
}

async fn jobs_in(fleet: &Fleet, state: JobState) -> Vec<JobView> {
    let filter = JobFilter { states: vec![state], limit: 10_000, ..JobFilter::default() };
    fleet.store().await.ledger().list(&filter).await.expect("list the jobs")
}

/// One worker of every role dies at a place; another one takes its place.
async fn every_role_dies_at(place: &str, roles: &[Role], seed: u64) -> TotalReport {
    let mut dying = Dying::prepare(seed).await;
    dying.fleet.create_connector().await;
    dying.start(&SCHEDULER).await;
    for role in Role::ALL {
        if roles.contains(&role) {
            let victim = dying.start_dying(&["worker", role.as_str()], place).await;
            dies_at(&victim, place.split(':').next().unwrap_or(place)).await;
        }
        dying.start(&["worker", role.as_str()]).await;
    }
    let report = dying.total_check().await;
    report.assert_holds(place);
    assert_eq!(report.jobs_in("dead"), 0, "one crash kills no job: {report}");
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_worker_that_dies_after_its_claim_run_once_more() {
    every_role_dies_at("claimed", &Role::ALL, 191).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_worker_that_dies_before_its_commit_run_once_more() {
    every_role_dies_at("outcome-ready", &Role::ALL, 192).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_in_mid_listing_goes_on_at_the_next_page_and_doubles_no_row() {
    every_role_dies_at("page-committed:2", &[Role::Discovery, Role::Sync], 210).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_worker_committed_before_it_died_is_not_repeated() {
    let mut dying = Dying::prepare(200).await;
    dying.fleet.create_connector().await;
    dying.start(&SCHEDULER).await;
    let mut committed: BTreeMap<_, _> = BTreeMap::new();
    for role in Role::ALL {
        let victim = dying.start_dying(&["worker", role.as_str()], "outcome-committed").await;
        dies_at(&victim, "outcome-committed").await;
        let done = jobs_in(&dying.fleet, JobState::Done).await;
        let of_role = done.into_iter().filter(|job| job.kind.role() == role);
        committed.extend(of_role.map(|job| (job.id, (job.finished_at, job.updated_at))));
        dying.start(&["worker", role.as_str()]).await;
    }
    assert!(!committed.is_empty(), "the dying workers had done something");
    let report = dying.total_check().await;
    report.assert_holds("outcome-committed");
    assert_eq!(report.crashes, 0, "a ticket of a job that is done blames nobody: {report}");
    for job in jobs_in(&dying.fleet, JobState::Done).await {
        if let Some(before) = committed.remove(&job.id) {
            assert_eq!(before, (job.finished_at, job.updated_at), "{} was touched again", job.id);
        }
    }
    assert!(committed.is_empty(), "done jobs that vanished: {committed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_whose_tickets_died_with_the_dispatcher_are_dispatched_again() {
    let mut dying = Dying::prepare(220).await;
    dying.fleet.create_connector().await;
    let victim = dying.start_dying(&SCHEDULER, "dispatched").await;
    dies_at(&victim, "dispatched").await;
    let dispatched = jobs_in(&dying.fleet, JobState::Dispatched).await;
    assert!(!dispatched.is_empty(), "jobs are dispatched");
    for role in Role::ALL {
        let tickets = dying.fleet.broker.ready(&format!("muster.v1.{role}")).await;
        assert_eq!(tickets.unwrap_or_default(), 0, "and no ticket of them was published");
        dying.start(&["worker", role.as_str()]).await;
    }
    // The two minutes after which a ticket counts as lost.
    dying
        .time_passes("UPDATE job SET dispatched_at_ms = dispatched_at_ms - 120000 WHERE state = 'dispatched'")
        .await;
    dying.start(&SCHEDULER).await;
    let report = dying.total_check().await;
    report.assert_holds("dispatched");
    assert_eq!(report.crashes, 0, "no worker had them: {report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn facts_of_a_relay_that_died_before_it_forgot_them_come_again_under_the_same_ids() {
    let mut dying = Dying::prepare(230).await;
    for role in Role::ALL {
        dying.start(&["worker", role.as_str()]).await;
    }
    let victim = dying.start_dying(&SCHEDULER, "facts-confirmed:2").await;
    dying.fleet.create_connector().await;
    dies_at(&victim, "facts-confirmed").await;
    let store = dying.fleet.store().await;
    let kept = store.outbox().backlog().await.expect("the outbox").pending;
    assert!(kept > 0, "confirmed facts are still in the outbox");
    // The minute for which the dead relay had taken them.
    dying.time_passes("UPDATE event_outbox SET claimed_until_ms = 0").await;
    dying.start(&SCHEDULER).await;
    let report = dying.total_check().await;
    report.assert_holds("facts-confirmed");
    assert!(report.facts_repeated > 0, "they were published twice: {report}");
    assert!(dying.facts.count(ASSESSMENT_CHANGED).0 > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_taker_died_before_it_acknowledged_is_taken_once() {
    const ID: &str = "request-of-a-dying-door";
    let mut dying = Dying::prepare(170).await;
    dying.fleet.store_credential().await;
    let victim = dying.start_dying(&SCHEDULER, "request-committed").await;
    publish_onboarding(&dying.fleet, ID).await;
    dies_at(&victim, "request-committed").await;
    let store = dying.fleet.store().await;
    assert_eq!(store.connectors().list().await.expect("list").len(), 1, "the request was committed");
    dying.start(&SCHEDULER).await;
    for role in Role::ALL {
        dying.start(&["worker", role.as_str()]).await;
    }
    // The minute for which the dead process had taken the facts of the request.
    dying.time_passes("UPDATE event_outbox SET claimed_until_ms = 0").await;
    wait_until("the redelivered request is acknowledged", SOON, async || {
        dying.fleet.broker.ready("muster.v1.ingress").await == Some(0)
    })
    .await;
    let check = TotalCheck::of(&dying.fleet).with_facts(&dying.facts);
    let report = check.with_requests([(SOURCE.to_owned(), ID.to_owned())]).settle(PASS_DEADLINE).await;
    report.assert_holds("request-committed");
    assert_eq!(report.requests, 1, "{report}");
    assert_eq!(store.connectors().list().await.expect("list").len(), 1, "nothing was done twice");
}

/// Who asks.
const SOURCE: &str = "urn:contoso:portal";
/// For what.
const ONBOARD: &str = "muster.connector.onboarding-requested.v1";

/// Publishes a request until the broker has confirmed that a queue has it, as publishers are advised to.
async fn publish_onboarding(fleet: &Fleet, id: &str) {
    let body = serde_json::json!({
        "specversion": "1.0", "id": id, "source": SOURCE, "type": ONBOARD,
        "datacontenttype": "application/json",
        "data": {
            "name": "contoso", "subscriptionId": "11111111-2222-4333-8444-555555555555",
            "resourceGroup": "devops", "region": "westeurope", "credential": CREDENTIAL,
            "autoDiscovery": "Disabled", "organizations": fleet.simulator.organizations(),
        }
    });
    let bytes = body.to_string().into_bytes();
    let connection = fleet.broker.connect().await;
    let channel = connection.create_channel().await.expect("a channel");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    wait_until("the broker has the request", PATIENT, async || {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default().with_content_type("application/cloudevents+json".into());
        let published = channel
            .basic_publish("muster.requests".into(), ONBOARD.into(), options, &bytes, properties)
            .await;
        matches!(published.expect("publish").await, Ok(Confirmation::Ack(None)))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_does_not_exist_is_refused_at_the_start_with_the_list() {
    let environment = BTreeMap::from([
        ("MUSTER_CRASH_AT".to_owned(), "claims".to_owned()),
        ("MUSTER_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
    ]);
    let process = Process::muster(&["up"], &environment);
    let status = process.wait(PATIENT).await;
    assert_eq!(status.code(), Some(2), "{}", process.stderr());
    for word in ["`claims`", "claimed", "dispatched", "request-committed"] {
        assert!(process.stderr().contains(word), "{word} in {}", process.stderr());
    }
}
