//! The consumption limit under endless demand: processes of the sync worker on one identity and on eight, a shortened
//! window, true costs of 0.1 to 10 times the first guess, and other ones for every route. The service says nothing about
//! consumption before half of the limit is used.
//!
//! Passes where, from two windows after the first header: no call is refused or delayed, the highest sum of any sliding
//! window is at or under the share, at least 95 % of the share is used; where a job that a person waits for starts
//! within two seconds (99 of 100) meanwhile; and where eight identities spend eight times as much as one.
//!
//! `tests/run --services-only` gives the services; `cargo bench --workspace --bench consumption` runs everything in about
//! half an hour, `-- costs processes routes identities` parts of it, `-- window=12 windows=2` shorter.

use muster_azdo_sim::{Route, RouteCost, SimulatorOptions};
use muster_domain::connector::Connector;
use muster_domain::job::{JobKind, JobState, JobSubject};
use muster_store::Store;
use muster_store::ledger::{BACKGROUND_PRIORITY, NewJob, REQUESTED_PRIORITY};
use std::io::Write as _;
use std::time::Duration;
use tests::fleet::Fleet;
use tests::waiting::{PATIENT, wait_until};
use tokio::time::Instant;

const LIMIT_TSTU: f64 = 200.0;
const SHARE: f64 = 0.9;
const INTERACTIVE_SHARE: f64 = 0.95;
const LEAST_USE: f64 = 0.95;
/// Sums of decimals.
const ROUNDING_TSTU: f64 = 1e-6;
/// True cost of a call, or its mean: ten calls a second spend the share of a window of 20 s.
const COST_TSTU: f64 = 0.9;
/// True costs in relation to the first guess.
const TRUTHS: [f64; 5] = [0.1, 0.3, 1.0, 3.0, 10.0];
/// Costs of routes, in relation to their mean, in turns.
const ROUTE_FACTORS: [f64; 5] = [0.2, 0.5, 0.8, 1.3, 2.2];
const PROCESSES: [usize; 4] = [1, 2, 4, 8];
const IDENTITIES: usize = 8;
const PROJECTS_PER_ORGANIZATION: usize = 60;
/// Between two jobs of a person.
const PERSON_EVERY: Duration = Duration::from_secs(2);
const LONGEST_START: Duration = Duration::from_secs(2);
/// How often a waiting job is looked at.
const LOOK: Duration = Duration::from_millis(10);
const FIRST_HEADER_DEADLINE: Duration = Duration::from_secs(240);

/// What is run.
struct Settings {
    parts: Vec<String>,
    window: Duration,
    /// Windows that are measured after the two in which costs are learnt.
    windows: u32,
}

impl Settings {
    fn from_arguments() -> Self {
        let mut settings = Self { parts: Vec::new(), window: Duration::from_secs(20), windows: 3 };
        for argument in std::env::args().skip(1) {
            match argument.split_once('=') {
                Some(("window", seconds)) => {
                    settings.window = Duration::from_secs(seconds.parse().expect("seconds"));
                }
                Some(("windows", count)) => settings.windows = count.parse().expect("a number of windows"),
                Some(_) => panic!("no such setting: {argument}"),
                // What cargo adds.
                None if argument.starts_with("--") => (),
                None => settings.parts.push(argument),
            }
        }
        settings
    }

    fn runs(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|name| name == part)
    }
}

/// One fleet and what it meets.
#[derive(Clone, Debug)]
struct Case {
    name: String,
    processes: usize,
    identities: usize,
    /// True mean cost in relation to the first guess.
    truth: f64,
    differs_by_route: bool,
}

impl Case {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), processes: 4, identities: 1, truth: 1.0, differs_by_route: false }
    }
}

/// What came of a case.
struct Measured {
    kept: bool,
    spent_per_window: f64,
    starts: Vec<Duration>,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    tests::services::install_tls_provider();
    let settings = Settings::from_arguments();
    let mut cases = Vec::new();
    if settings.runs("costs") {
        let of_truth = |truth| Case { truth, ..Case::new(&format!("true cost {truth} x guess")) };
        cases.extend(TRUTHS.map(of_truth));
    }
    if settings.runs("routes") {
        cases.push(Case { differs_by_route: true, ..Case::new("another cost for every route") });
    }
    if settings.runs("processes") {
        let of_processes = |processes| Case { processes, ..Case::new(&format!("{processes} processes")) };
        cases.extend(PROCESSES.map(of_processes));
    }
    let (mut failures, mut starts) = (Vec::new(), Vec::new());
    for case in cases {
        let measured = case.run(&settings).await;
        starts.extend(measured.starts);
        if !measured.kept {
            failures.push(case.name);
        }
    }
    if settings.runs("identities") {
        failures.extend(eight_times_as_much(&settings, &mut starts).await);
    }
    failures.extend(judge_starts(starts));
    assert!(failures.is_empty(), "not kept: {}", failures.join("; "));
}

async fn eight_times_as_much(settings: &Settings, starts: &mut Vec<Duration>) -> Vec<String> {
    let mut spent = Vec::new();
    let mut failures = Vec::new();
    for identities in [1, IDENTITIES] {
        let case = Case { identities, processes: 8, ..Case::new(&format!("{identities} identities")) };
        let measured = case.run(settings).await;
        spent.push(measured.spent_per_window);
        starts.extend(measured.starts);
        if !measured.kept {
            failures.push(case.name);
        }
    }
    let ratio = spent[1] / spent[0];
    say(&format!("{IDENTITIES} identities spend {ratio:.2} times as much as one"));
    let expected = f64::from(u32::try_from(IDENTITIES).expect("a few"));
    if ratio < LEAST_USE * expected {
        failures.push(format!("{IDENTITIES} identities spend only {ratio:.2} times as much"));
    }
    failures
}

fn judge_starts(mut starts: Vec<Duration>) -> Option<String> {
    starts.sort();
    let p99 = *starts.get(starts.len().checked_sub(1)?.min(starts.len() * 99 / 100))?;
    let median = starts[starts.len() / 2];
    say(&format!(
        "{} jobs of people started after {:.0} ms (median), {:.0} ms (99 of 100)",
        starts.len(),
        median.as_secs_f64() * 1000.0,
        p99.as_secs_f64() * 1000.0
    ));
    (p99 > LONGEST_START).then(|| "a person's job starts within two seconds".to_owned())
}

impl Case {
    async fn run(&self, settings: &Settings) -> Measured {
        let fleet = self.fleet(settings).await;
        let mut processes = vec![fleet.start(&["scheduler"]).await];
        processes.push(fleet.start(&["worker", "discovery"]).await);
        processes.push(fleet.start(&["worker", "refresh"]).await);
        self.connect(&fleet).await;
        let store = fleet.store().await;
        let connectors = store.connectors().list().await.expect("list");
        wait_until("the projects are known", PATIENT * 3, async || {
            let mut known = 0;
            for connector in &connectors {
                known += background_jobs(&store, connector).await.len();
            }
            known == self.identities * PROJECTS_PER_ORGANIZATION
        })
        .await;
        for _ in 0..self.processes {
            processes.push(fleet.start(&["worker", "sync"]).await);
        }
        let mut jobs = Vec::new();
        for connector in &connectors {
            jobs.extend(background_jobs(&store, connector).await);
        }
        let demand = tokio::spawn(ask_without_end(store.clone(), jobs));
        wait_until("the first header", FIRST_HEADER_DEADLINE, async || fleet.simulator.stats().flagged > 0)
            .await;
        // Two windows in which costs are learnt: what is promised holds from then on.
        tokio::time::sleep(settings.window * 2).await;
        let mut measured = self.measure(&fleet, settings).await;
        measured.kept &=
            self.with_a_person(&fleet, settings, &store, &connectors, &mut measured.starts).await;
        demand.abort();
        drop(processes);
        measured
    }

    async fn fleet(&self, settings: &Settings) -> Fleet {
        let factor = |index: usize| {
            if self.differs_by_route { ROUTE_FACTORS[index % ROUTE_FACTORS.len()] } else { 1.0 }
        };
        let costs = Route::ALL.into_iter().enumerate().map(|(index, route)| {
            let cost: RouteCost =
                format!("{}={}", route.name(), COST_TSTU * factor(index)).parse().expect("a cost");
            cost
        });
        let projects = self.identities * PROJECTS_PER_ORGANIZATION;
        let mut fleet = Fleet::prepare(SimulatorOptions {
            organizations: self.identities,
            identities: self.identities,
            projects,
            repositories: projects * 3,
            seed: 3,
            tstu_limit: Some(LIMIT_TSTU),
            window_seconds: settings.window.as_secs_f64(),
            costs: costs.collect(),
            ..SimulatorOptions::default()
        })
        .await;
        fleet.set("MUSTER_CONSUMPTION__WINDOW_SECONDS", &settings.window.as_secs());
        fleet.set("MUSTER_CONSUMPTION__GUESS_TSTU", &(COST_TSTU / self.truth));
        fleet.set("MUSTER_CONSUMPTION__SHARE", &SHARE);
        fleet.set("RUST_LOG", &"warn,muster_runtime::serving=info");
        fleet
    }

    /// A connector of one organization for each identity.
    async fn connect(&self, fleet: &Fleet) {
        let folder = tempfile::tempdir().expect("a folder");
        let organizations = fleet.simulator.organizations();
        for (index, (identity, organization)) in
            fleet.simulator.identities().iter().zip(&organizations).take(self.identities).enumerate()
        {
            let name = format!("identity-{index}");
            let file = folder.path().join(&name);
            std::fs::write(&file, &identity.pats[0]).expect("write the token");
            let path = file.display().to_string();
            fleet.run(&["credential", "set", &name, "--pat-file", &path]).await;
            let mut create = vec!["connector", "create", &name, "--credential", &name];
            create.extend(["--subscription-id", "11111111-2222-4333-8444-555555555555"]);
            create.extend(["--resource-group", "devops", "--region", "westeurope"]);
            create.extend(["--organization", organization]);
            fleet.run(&create).await;
        }
    }

    async fn measure(&self, fleet: &Fleet, settings: &Settings) -> Measured {
        fleet.simulator.reset_stats();
        let began = Instant::now();
        // The time that is measured.
        tokio::time::sleep(settings.window * settings.windows).await;
        let stats = fleet.simulator.stats();
        let windows = began.elapsed().as_secs_f64() / settings.window.as_secs_f64();
        let share = LIMIT_TSTU * SHARE;
        let highest = stats.highest_window_tstu.values().copied().fold(0.0, f64::max);
        let least = stats.spent_tstu.values().copied().filter(|spent| *spent > 0.0).fold(f64::MAX, f64::min);
        let spent_per_window = stats.spent_tstu.values().sum::<f64>() / windows;
        let identities = f64::from(u32::try_from(self.identities).expect("a few"));
        let used = spent_per_window / identities / share;
        let kept =
            stats.blocked == 0 && stats.delayed == 0 && highest <= share + ROUNDING_TSTU && used >= LEAST_USE;
        say(&format!(
            "{}: highest window {highest:.1} of {share:.0} TSTU, used {:.1} % (least {:.1} %), {} refused, {} delayed: {}",
            self.name,
            used * 100.0,
            least / windows / share * 100.0,
            stats.blocked,
            stats.delayed,
            verdict(kept)
        ));
        Measured { kept, spent_per_window, starts: Vec::new() }
    }

    /// The same demand, while a person proves a credential again and again.
    async fn with_a_person(
        &self,
        fleet: &Fleet,
        settings: &Settings,
        store: &Store,
        connectors: &[Connector],
        starts: &mut Vec<Duration>,
    ) -> bool {
        fleet.simulator.reset_stats();
        let until = Instant::now() + settings.window * settings.windows;
        let mut turn = tokio::time::interval(PERSON_EVERY);
        let mut next = connectors.iter().cycle();
        while Instant::now() < until {
            turn.tick().await;
            let connector = next.next().expect("a connector");
            starts.push(start_of(store, connector).await);
        }
        let stats = fleet.simulator.stats();
        let most = LIMIT_TSTU * INTERACTIVE_SHARE;
        let highest = stats.highest_window_tstu.values().copied().fold(0.0, f64::max);
        let kept = stats.blocked == 0 && stats.delayed == 0 && highest <= most + ROUNDING_TSTU;
        say(&format!(
            "{}, with a person: highest window {highest:.1} of {most:.0} TSTU, {} refused, {} delayed: {}",
            self.name,
            stats.blocked,
            stats.delayed,
            verdict(kept)
        ));
        kept
    }
}

/// How long a job of a person waits for its start.
async fn start_of(store: &Store, connector: &Connector) -> Duration {
    let job = NewJob {
        kind: JobKind::ConnectorAuthorize,
        subject: JobSubject::connector(connector.id),
        priority: REQUESTED_PRIORITY,
        ..background(connector)
    };
    let asked = Instant::now();
    let job = store.ledger().enqueue(&[job]).await.expect("ask")[0].job_id;
    loop {
        let state = store.ledger().get(job).await.expect("look").map(|job| job.state);
        if !matches!(state, Some(JobState::Pending | JobState::Dispatched)) {
            return asked.elapsed();
        }
        // The pause of the polling loop.
        tokio::time::sleep(LOOK).await;
    }
}

fn background(connector: &Connector) -> NewJob {
    NewJob {
        kind: JobKind::ProjectSync,
        subject: JobSubject::connector(connector.id),
        credential_id: Some(connector.credential_id),
        delay: Duration::ZERO,
        priority: BACKGROUND_PRIORITY,
        cause: "schedule:bench".to_owned(),
        trace: None,
    }
}

/// A wish for every project of a connector.
async fn background_jobs(store: &Store, connector: &Connector) -> Vec<NewJob> {
    let mut jobs = Vec::new();
    for known in store.inventory().organizations(connector.id).await.expect("list") {
        for project in store.inventory().projects(connector.id, known.id).await.expect("list") {
            let subject = JobSubject::project(connector.id, known.name.clone(), project.id);
            jobs.push(NewJob { subject, ..background(connector) });
        }
    }
    jobs
}

/// Has every project read again as soon as it was read.
async fn ask_without_end(store: Store, jobs: Vec<NewJob>) {
    loop {
        store.ledger().enqueue(&jobs).await.expect("ask");
        // Demand is endless anyhow: every project is asked for again before it was read.
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn verdict(kept: bool) -> &'static str {
    if kept { "kept" } else { "NOT KEPT" }
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").expect("print");
}
