//! A fleet in a bad place: processes die and hang, lines break, the broker and the database stop and crash, Azure DevOps
//! throttles and errs, its world changes all the time, and requests never stop. Then everything comes to rest, and the
//! total check must hold.

pub mod crew;
pub mod dice;
pub mod publisher;
pub mod report;
pub mod services;
pub mod weather;
pub mod world;

use crate::collector::Collector;
use crate::credential_scan::CredentialScan;
use crate::database::TestDatabase;
use crate::failover::DatabaseNode;
use crate::fleet::{CREDENTIAL, Fleet};
use crate::proxy::Proxy;
use crate::subscriber::FactSubscriber;
use crate::total_check::TotalCheck;
use crate::waiting::{PATIENT, try_for, wait_for, wait_until};
use crew::{Crew, Place};
use dice::Dice;
use muster_azdo_sim::SimulatorOptions;
use publisher::{Published, Publisher, SOURCE, Subjects, discovery, event, publish};
use report::ChaosReport;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use serde_json::json;
use services::{Broker, BrokerChoice, SIDES, Side, server_of};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;
use weather::{Deed, Weather};
use world::Administrators;

/// Parts of the limit that a fleet may use where nothing else is configured: for itself, and for what somebody asked for,
/// as the requests of the publisher do.
const SHARE: f64 = 0.9;
const SHARE_OF_REQUESTS: f64 = 0.95;
/// Hours after which a discovery has every project read again: always.
const SYNC_HOURS: &str = "0.0005";
/// The pause between two changes of the world, and between two faults of its answers.
const SHORTEST_CHANGE: Duration = Duration::from_millis(150);
const LONGEST_CHANGE: Duration = Duration::from_millis(800);
/// One change in so many comes with faulty answers.
const CHANGES_PER_FAULT: usize = 4;
/// Longest wait for the fleet to have nothing left to do.
const SETTLED: Duration = Duration::from_secs(300);
/// How often the limit is looked at.
const METER: Duration = Duration::from_millis(250);

/// How bad it gets.
#[derive(Clone, Debug)]
pub struct ChaosOptions {
    /// The world, with its limit.
    pub world: SimulatorOptions,
    /// Processes of each worker, and schedulers.
    pub processes: usize,
    /// Repeats the sequence of faults.
    pub seed: u64,
    /// Which broker.
    pub broker: BrokerChoice,
    /// What happens.
    pub plan: Plan,
}

/// What happens, and for how long.
#[derive(Clone, Debug)]
pub enum Plan {
    /// Anything, for so long.
    Anything(Duration),
    /// These, one after the other.
    These(Vec<Deed>),
}

/// Everything that a run needs; what is last here goes last.
struct Site {
    crew: Crew,
    facts: FactSubscriber,
    fleet: Fleet,
    sides: Vec<Side>,
    collector: Collector,
    scan: CredentialScan,
    looking: DatabaseConnection,
    broker: Broker,
    database: DatabaseNode,
}

/// What was seen of the limit.
#[derive(Debug, Default)]
struct Meter {
    learnt: bool,
    blocked: u64,
    delayed: u64,
    answers: u64,
}

/// Runs it, and says what it came to. It fails only where it could not be run.
pub async fn run(options: ChaosOptions) -> ChaosReport {
    let mut dice = Dice::new(options.seed);
    let site = Site::open(&options).await;
    let connector = site.onboard().await;
    let subjects = site.subjects(&connector, options.world.projects).await;
    let publisher = Publisher::start(&site.fleet.broker, subjects, dice.split());
    let mut administrators = Administrators::of(&site.fleet.simulator, dice.split());
    let mut weather = site.weather(dice.split());
    let mut meter = Meter::default();
    let began = Instant::now();
    {
        let storm = blow(&mut weather, &options.plan, dice.split());
        let changes = keep_changing(&site.fleet, &mut administrators, dice.split());
        let window = Duration::from_secs_f64(options.world.window_seconds);
        let metering = read_meter(&site.fleet, &mut meter, window);
        tokio::select! {
            () = storm => (),
            () = changes => (),
            () = metering => (),
        }
    }
    let lasted = began.elapsed();
    administrators.rest(&site.fleet.simulator);
    let published = publisher.finish().await;
    let mut report = ChaosReport::default();
    report.figure("seed", &options.seed);
    report.figure("seconds of faults", &lasted.as_secs());
    report.figure("changes of the world", &administrators.changes);
    report.figure("faulty answers planned", &administrators.faults);
    weather_figures(&weather, &mut report);
    drop(weather);
    site.conclude(&options, &connector, published, meter, report).await
}

impl Site {
    async fn open(options: &ChaosOptions) -> Self {
        crate::services::install_tls_provider();
        let (broker, database) = tokio::join!(Broker::start(options.broker), DatabaseNode::start());
        let mut vhost = broker.vhost().await;
        let user = vhost.add_user("muster", ".*", ".*", ".*").await;
        let password = format!("db-pass-{}", Uuid::new_v4().simple());
        // The server trusts whoever comes; what is in the URL must be kept for oneself all the same.
        let database_url = database.url().replacen("postgres@", &format!("postgres:{password}@"), 1);
        let place = TestDatabase::of_own_server(database_url.clone());
        let mut fleet = Fleet::prepare_on(options.world.clone(), place, vhost).await;
        let collector = Collector::start().await;
        fleet.set("MUSTER_AMQP_URL", &user.amqp_url);
        fleet.set("MUSTER_SCHEDULING__SYNC_HOURS", &SYNC_HOURS);
        fleet.set("MUSTER_CONSUMPTION__WINDOW_SECONDS", &options.world.window_seconds);
        fleet.set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint());
        let mut scan = CredentialScan::default();
        scan.plant("access token", fleet.simulator.pat());
        scan.plant("encryption key", &fleet.environment()["MUSTER_ENCRYPTION_KEY"]);
        scan.plant("password of the database", &password);
        let amqp = user.amqp_url.split('@').next().and_then(|login| login.rsplit(':').next());
        scan.plant("password of the broker", amqp.expect("a password"));
        let base = fleet.simulator.base_url().to_owned();
        let azure_devops = Arc::new(Proxy::start(&server_of(&base)).await);
        let mut sides = Vec::new();
        for _ in 0..SIDES {
            let azure_devops = (&azure_devops, base.as_str());
            sides.push(Side::lay(&broker, &fleet.broker, &user, &database_url, azure_devops).await);
        }
        // Before the first fact.
        let facts = FactSubscriber::start(&fleet.broker).await;
        let crew = Crew::start(places(&fleet, &sides, options.processes));
        let looking = fleet.database.connect().await;
        Self { crew, facts, fleet, sides, collector, scan, looking, broker, database }
    }

    /// Stores the credential and publishes the request that connects everything; the id of the connector.
    async fn onboard(&self) -> String {
        self.fleet.store_credential().await;
        wait_until("every process is up", PATIENT, async || self.crew.is_up()).await;
        let data = json!({ "name": "contoso", "subscriptionId": "11111111-2222-4333-8444-555555555555",
            "resourceGroup": "devops", "region": "westeurope", "credential": CREDENTIAL,
            "autoDiscovery": "Disabled", "organizations": self.fleet.simulator.organizations() });
        publish(&self.fleet.broker, &event("onboard", "muster.connector.onboarding-requested.v1", &data))
            .await;
        let store = self.fleet.store().await;
        wait_for("the connector is there", PATIENT, async || {
            let connectors = store.connectors().list().await.ok()?;
            connectors.first().map(|connector| connector.id.to_string())
        })
        .await
    }

    /// Waits until all projects are known.
    async fn subjects(&self, connector: &str, projects: usize) -> Subjects {
        let store = self.fleet.store().await;
        let id = store.connectors().list().await.expect("list").remove(0).id;
        let found = wait_for("all projects are known", PATIENT * 2, async || {
            let mut found = Vec::new();
            for organization in store.inventory().organizations(id).await.ok()? {
                let known = store.inventory().projects(id, organization.id).await.ok()?;
                found.extend(known.into_iter().map(|p| (organization.name.to_string(), p.id.to_string())));
            }
            (found.len() == projects).then_some(found)
        })
        .await;
        Subjects {
            connector: connector.to_owned(),
            organizations: self.fleet.simulator.organizations(),
            projects: found,
        }
    }

    fn weather(&self, dice: Dice) -> Weather<'_> {
        Weather {
            crew: &self.crew,
            sides: &self.sides,
            broker: &self.broker,
            database: &self.database,
            dice,
            counts: std::collections::BTreeMap::new(),
        }
    }

    /// Lets everything settle, and checks all of it.
    async fn conclude(
        mut self,
        options: &ChaosOptions,
        connector: &str,
        published: Published,
        meter: Meter,
        mut report: ChaosReport,
    ) -> ChaosReport {
        let began = Instant::now();
        wait_until("every process is up again", PATIENT, async || self.crew.is_up()).await;
        // What changed since the last look, and what was shown wrong, is read once more.
        publish(&self.fleet.broker, &discovery(connector, "last-look")).await;
        let own = ["onboard", "last-look"].map(str::to_owned);
        if let Err(unsettled) = self.settle(&own[1]).await {
            report.broken.push(unsettled);
        }
        let settled = began.elapsed();
        let confirmed = published.valid.iter().chain(&published.invalid).chain(&own);
        let requests: Vec<_> = confirmed.map(|id| (SOURCE.to_owned(), id.clone())).collect();
        let total = TotalCheck::of(&self.fleet).with_facts(&self.facts).with_requests(requests).run().await;
        report.figure("seconds to settle", &format!("{:.1}", settled.as_secs_f64()));
        self.judge_requests(&published, &own, &mut report).await;
        report.figure("requests accepted", &total.requests);
        report.figure("requests refused", &published.invalid.len());
        report.figure("requests published twice", &published.duplicates);
        report.figure("publications repeated", &published.repeated);
        report.figure("jobs by end", &format!("{:?}", total.jobs));
        report.figure("workers that vanished, by jobs", &total.crashes);
        report.figure("verdicts and their changes", &format!("{} and {}", total.assessments, total.changes));
        report.figure("facts published, and again", &format!("{} and {}", total.facts, total.facts_repeated));
        self.judge_limit(options, &meter, &mut report);
        for broken in &total.broken {
            report
                .broken
                .push(format!("{:?}, {} times: {:#?}", broken.promise, broken.count, broken.examples));
        }
        for fallen in self.crew.fallen() {
            report.broken.push(format!("a process ended by itself: {fallen}"));
        }
        self.scan_everything(&mut report).await;
        if !report.broken.is_empty() {
            self.keep_logs(&mut report);
        }
        report
    }

    /// Keeps what every process said, for whoever looks for the reason.
    fn keep_logs(&self, report: &mut ChaosReport) {
        let folder =
            tempfile::Builder::new().prefix("muster-chaos-").tempdir().expect("make a folder").keep();
        for (number, (place, said)) in self.crew.said().into_iter().enumerate() {
            let name = format!("{number}-{}.log", place.replace(' ', "-"));
            std::fs::write(folder.join(name), said).expect("keep a log");
        }
        report.figure("logs of all processes", &folder.display());
    }

    /// Waits until the last request was taken, nothing is left to do and every fact is published; else how it stands.
    async fn settle(&self, last: &str) -> Result<(), String> {
        let store = self.fleet.store().await;
        let settled = try_for(SETTLED, async || {
            let is_idle = self.taken().await.contains(last)
                && store.ledger().is_idle().await.ok()?
                && store.outbox().backlog().await.ok()?.pending == 0;
            is_idle.then_some(())
        });
        if settled.await.is_some() {
            return Ok(());
        }
        let (queues, jobs) = (self.fleet.broker.queues().await, store.ledger().counts().await);
        let outbox = store.outbox().backlog().await;
        Err(format!("not settled within {SETTLED:?}: {queues:#?} {jobs:#?} {outbox:?}"))
    }

    async fn taken(&self) -> BTreeSet<String> {
        let query = format!("SELECT message_id AS what FROM inbox WHERE source = '{SOURCE}'");
        let statement = Statement::from_string(self.looking.get_database_backend(), query);
        let rows = self.looking.query_all_raw(statement).await.expect("read the inbox");
        rows.iter().map(|row| row.try_get("", "what").expect("text")).collect()
    }

    async fn judge_requests(&self, published: &Published, own: &[String], report: &mut ChaosReport) {
        let taken = self.taken().await;
        let valid: BTreeSet<String> = published.valid.iter().chain(own).cloned().collect();
        let lost: Vec<_> = valid.difference(&taken).take(5).collect();
        let surplus: Vec<_> = taken.difference(&valid).take(5).collect();
        report.require(lost.is_empty(), || format!("good requests were not accepted: {lost:?}"));
        report.require(surplus.is_empty(), || format!("bad requests were accepted: {surplus:?}"));
    }

    fn judge_limit(&self, options: &ChaosOptions, meter: &Meter, report: &mut ChaosReport) {
        let stats = self.fleet.simulator.stats();
        let Some(limit) = options.world.tstu_limit else { return };
        let highest = stats.highest_window_tstu.values().copied().fold(0.0, f64::max);
        let of = |part: f64| 100.0 * highest / (limit * part);
        let answers = meter.answers + stats.requests.values().sum::<u64>();
        report.figure("calls answered", &answers);
        report.figure("calls refused (429)", &(meter.blocked + stats.blocked));
        report.figure("calls delayed", &(meter.delayed + stats.delayed));
        let when = if meter.learnt { "after learning" } else { "while learning" };
        let allowed = of(SHARE_OF_REQUESTS);
        let highest =
            format!("{:.1} % of the share, {allowed:.1} % of what requests may use, {when}", of(SHARE));
        report.figure("highest window", &highest);
        report.require(!meter.learnt || allowed <= 100.0 + 1e-6, || {
            format!("a window held {allowed:.1} % of what may be used of the limit")
        });
    }

    async fn scan_everything(&mut self, report: &mut ChaosReport) {
        let scan = &mut self.scan;
        for (place, said) in self.crew.said() {
            scan.look_at(&format!("log of {place}"), said.as_bytes());
        }
        for address in self.crew.addresses() {
            for path in ["metrics", "readyz", "livez"] {
                scan.look_at_answer(&format!("http://{address}/{path}")).await;
            }
        }
        scan.look_at_tables(&self.looking).await;
        scan.look_at_facts(&self.facts);
        scan.look_at_collected(&self.collector);
        for arguments in [
            &["job", "list", "-o", "json"][..],
            &["dead-letter", "list", "-o", "json"],
            &["credential", "list"],
        ] {
            let said = self.fleet.run(arguments).await;
            scan.look_at("commands", said.as_bytes());
        }
        let looked_at: usize = scan.looked_at().values().sum();
        report.figure("bytes looked at for secrets", &looked_at);
        for place in ["log of worker", "answers of /metrics", "table", "facts", "exported to", "commands"] {
            let seen = scan.looked_at().iter().any(|(name, bytes)| name.starts_with(place) && *bytes > 0);
            report.require(seen, || format!("there was nothing to look at for secrets: {place}"));
        }
        let leaks = scan.leaks().to_vec();
        report.require(leaks.is_empty(), || format!("secrets were found: {leaks:#?}"));
    }
}

/// Two sides in turns, every role on each.
fn places(fleet: &Fleet, sides: &[Side], processes: usize) -> Vec<Place> {
    let mut places = Vec::new();
    for number in 0..processes {
        let mut environment = fleet.environment();
        environment.extend(sides[number % sides.len()].urls());
        for arguments in
            [&["scheduler"][..], &["worker", "discovery"], &["worker", "sync"], &["worker", "refresh"]]
        {
            places.push(Place { arguments: arguments.to_vec(), environment: environment.clone() });
        }
    }
    places
}

async fn blow(weather: &mut Weather<'_>, plan: &Plan, mut dice: Dice) {
    let (shortest, longest) = (Duration::from_millis(500), Duration::from_secs(4));
    match plan {
        Plan::Anything(lasting) => {
            let end = Instant::now() + *lasting;
            while Instant::now() < end {
                // Misfortunes come in their own time.
                tokio::time::sleep(dice.between(shortest, longest)).await;
                weather.strike(Deed::by_chance(&mut dice)).await;
            }
        }
        Plan::These(deeds) => {
            for deed in deeds {
                // Misfortunes come in their own time.
                tokio::time::sleep(dice.between(shortest, longest / 2)).await;
                weather.strike(*deed).await;
            }
        }
    }
}

async fn keep_changing(fleet: &Fleet, administrators: &mut Administrators, mut dice: Dice) {
    loop {
        // The world changes in its own time.
        tokio::time::sleep(dice.between(SHORTEST_CHANGE, LONGEST_CHANGE)).await;
        administrators.change(&fleet.simulator);
        if dice.below(CHANGES_PER_FAULT) == 0 {
            administrators.disturb(&fleet.simulator);
        }
    }
}

/// What is promised of the limit holds from two windows after the first header: what was before is counted apart.
async fn read_meter(fleet: &Fleet, meter: &mut Meter, window: Duration) {
    while fleet.simulator.stats().flagged == 0 {
        // A meter is read from time to time, for as long as the run lasts.
        tokio::time::sleep(METER).await;
    }
    // What is promised holds from two windows on: their length is the matter, not a condition.
    tokio::time::sleep(window * 2).await;
    let stats = fleet.simulator.stats();
    meter.learnt = true;
    meter.blocked = stats.blocked;
    meter.delayed = stats.delayed;
    meter.answers = stats.requests.values().sum();
    fleet.simulator.reset_stats();
    std::future::pending::<()>().await;
}

fn weather_figures(weather: &Weather<'_>, report: &mut ChaosReport) {
    report.figure("workers and schedulers killed", &weather.count(&[Deed::KillWorker, Deed::KillScheduler]));
    report.figure("half of the fleet killed", &weather.count(&[Deed::KillHalf]));
    report.figure("processes frozen", &weather.count(&[Deed::Freeze]));
    report.figure("broker restarted, killed", &{
        let (restarts, kills) = (weather.count(&[Deed::RestartBroker]), weather.count(&[Deed::KillBroker]));
        format!("{restarts}, {kills}")
    });
    report.figure("database restarted", &weather.count(&[Deed::RestartDatabase]));
    let cuts = [Deed::CutBroker, Deed::CutDatabase, Deed::CutAzureDevOps];
    report.figure("lines cut", &weather.count(&cuts));
    let stalls = [Deed::StallBroker, Deed::StallDatabase, Deed::StallAzureDevOps];
    report.figure("lines stalled", &weather.count(&stalls));
}
