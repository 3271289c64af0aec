//! Many workers on one identity, many organizations on one worker, people who use the identity or say how much of it may be
//! used.

use chrono::{DateTime, TimeDelta, Timelike as _, Utc, Weekday};
use muster_azdo_sim::{Route, RouteCost, SimulatorOptions};
use muster_domain::budget::BudgetSettings;
use muster_domain::connector::Connector;
use muster_domain::consumption_control::{ControlChange, ControlScope, QuietHours, Setting, Share};
use muster_domain::job::{JobKind, JobState, JobSubject, WaitingReason};
use muster_domain::{OrganizationName, ProjectId};
use muster_store::Store;
use muster_store::ledger::{BACKGROUND_PRIORITY, JobFilter, NewJob, REQUESTED_PRIORITY};
use serde_json::json;
use std::time::Duration;
use tests::fleet::Fleet;
use tests::processes::Process;
use tests::waiting::{PATIENT, SOON, stays_true, wait_until};
use tests::workbench::Workbench;

/// A shortened window, so that several fit into a test.
const WINDOW: Duration = Duration::from_secs(8);
const LIMIT_TSTU: f64 = 200.0;
const SHARE_TSTU: f64 = 180.0;
/// Of every call: some hundred in a window spend the share.
const COST_TSTU: f64 = 1.5;
/// Sums of decimals.
const ROUNDING_TSTU: f64 = 1e-6;

/// Two organizations under one identity, whose projects are known.
struct Busy {
    fleet: Fleet,
    store: Store,
    connector: Connector,
    projects: Vec<(OrganizationName, ProjectId)>,
    processes: Vec<Process>,
}

impl Busy {
    /// With a scheduler, a discovery worker and some sync workers; the first pass may still run.
    async fn start(projects: usize, latency: Duration, sync_workers: usize) -> Self {
        let costs = Route::ALL.into_iter().map(|route| {
            let cost: RouteCost = format!("{}={COST_TSTU}", route.name()).parse().expect("a cost");
            cost
        });
        let mut fleet = Fleet::prepare(SimulatorOptions {
            organizations: 2,
            projects,
            repositories: projects,
            seed: 63,
            tstu_limit: Some(LIMIT_TSTU),
            window_seconds: WINDOW.as_secs_f64(),
            costs: costs.collect(),
            latency,
            ..SimulatorOptions::default()
        })
        .await;
        fleet.set("MUSTER_CONSUMPTION__WINDOW_SECONDS", &WINDOW.as_secs());
        fleet.set("MUSTER_CONSUMPTION__GUESS_TSTU", &COST_TSTU);
        let mut running =
            vec![fleet.start(&["scheduler"]).await, fleet.start(&["worker", "discovery"]).await];
        fleet.create_connector().await;
        let store = fleet.store().await;
        let connector = store.connectors().list().await.expect("list").remove(0);
        wait_until("every project is known", PATIENT, async || {
            projects_of(&store, &connector).await.len() == projects
        })
        .await;
        for _ in 0..sync_workers {
            running.push(fleet.start(&["worker", "sync"]).await);
        }
        let known = projects_of(&store, &connector).await;
        Self { fleet, store, connector, projects: known, processes: running }
    }

    fn organization(&self, index: usize) -> OrganizationName {
        OrganizationName::new(self.fleet.simulator.organizations()[index].clone())
    }

    fn scope(&self, organization: &OrganizationName) -> ControlScope {
        ControlScope::organization(self.connector.id, organization.clone())
    }

    /// A wish for the settings of a project.
    fn sync(&self, organization: &OrganizationName, project: ProjectId, priority: i16) -> NewJob {
        NewJob {
            kind: JobKind::ProjectSync,
            subject: JobSubject::project(self.connector.id, organization.clone(), project),
            credential_id: Some(self.connector.credential_id),
            delay: Duration::ZERO,
            priority,
            cause: "schedule:test".to_owned(),
            trace: None,
        }
    }

    /// Asks for all projects of an organization, in the background.
    async fn ask(&self, organization: &OrganizationName) {
        let of_it = self.projects.iter().filter(|(name, _)| name == organization);
        let jobs: Vec<_> =
            of_it.map(|(name, project)| self.sync(name, *project, BACKGROUND_PRIORITY)).collect();
        self.store.ledger().enqueue(&jobs).await.expect("enqueue");
    }

    /// Has every project read again as soon as it was read, until the task is dropped.
    fn demand_without_end(&self) -> tokio::task::JoinHandle<()> {
        self.demand_of(|_| true)
    }

    /// The same for some organizations.
    fn demand_of(&self, wanted: impl Fn(&OrganizationName) -> bool) -> tokio::task::JoinHandle<()> {
        let store = self.store.clone();
        let jobs: Vec<_> = self
            .projects
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(name, project)| self.sync(name, *project, BACKGROUND_PRIORITY))
            .collect();
        tokio::spawn(async move {
            loop {
                store.ledger().enqueue(&jobs).await.expect("enqueue");
                // Demand comes at a pace, too.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    }

    /// Live sync jobs of an organization.
    async fn live(&self, organization: &OrganizationName) -> Vec<muster_store::ledger::JobView> {
        let filter = JobFilter {
            states: vec![JobState::Pending, JobState::Dispatched, JobState::Running],
            kinds: vec![JobKind::ProjectSync],
            organization: Some(organization.clone()),
            limit: 10_000,
            ..JobFilter::default()
        };
        self.store.ledger().list(&filter).await.expect("list")
    }

    /// When syncs of an organization ended.
    async fn read(&self, organization: &OrganizationName) -> Vec<DateTime<Utc>> {
        let filter = JobFilter {
            states: vec![JobState::Done],
            kinds: vec![JobKind::ProjectSync],
            organization: Some(organization.clone()),
            limit: 10_000,
            ..JobFilter::default()
        };
        let jobs = self.store.ledger().list(&filter).await.expect("list");
        jobs.into_iter().filter_map(|job| job.finished_at).collect()
    }

    async fn set(&self, scope: &ControlScope, change: ControlChange) {
        self.store.consumption_controls().set(scope, change, "ada").await.expect("set the control");
    }

    fn calls(&self) -> u64 {
        self.fleet.simulator.stats().requests.values().sum()
    }

    fn highest_tstu(&self) -> f64 {
        self.fleet.simulator.stats().highest_window_tstu.values().copied().fold(0.0, f64::max)
    }

    async fn wait_for_a_window(&self) {
        let since = tokio::time::Instant::now();
        wait_until("a window passes", WINDOW * 3, async || since.elapsed() >= WINDOW).await;
    }
}

async fn projects_of(store: &Store, connector: &Connector) -> Vec<(OrganizationName, ProjectId)> {
    let mut found = Vec::new();
    for known in store.inventory().organizations(connector.id).await.expect("list") {
        let projects = store.inventory().projects(connector.id, known.id).await.expect("list");
        found.extend(projects.into_iter().map(|project| (known.name.clone(), project.id)));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn four_processes_on_one_identity_stay_under_the_share_together() {
    let busy = Busy::start(40, Duration::ZERO, 4).await;
    let demand = busy.demand_without_end();
    wait_until("the first header", PATIENT, async || busy.fleet.simulator.stats().flagged > 0).await;
    // Two windows in which costs are learnt: what is promised holds from then on.
    busy.wait_for_a_window().await;
    busy.wait_for_a_window().await;
    busy.fleet.simulator.reset_stats();
    // The other role is not starved by what sync asks for.
    let subject = JobSubject::connector(busy.connector.id);
    let planned = NewJob {
        kind: JobKind::ConnectorDiscover,
        subject,
        ..busy.sync(&busy.organization(0), busy.projects[0].1, BACKGROUND_PRIORITY)
    };
    let discovery = busy.store.ledger().enqueue(&[planned]).await.expect("enqueue")[0].job_id;
    busy.wait_for_a_window().await;
    busy.wait_for_a_window().await;
    wait_until("the discovery is done beside", PATIENT, async || {
        let job = busy.store.ledger().get(discovery).await.expect("get").expect("there");
        job.state == JobState::Done
    })
    .await;
    let stats = busy.fleet.simulator.stats();
    demand.abort();
    let highest = busy.highest_tstu();
    assert!(highest <= SHARE_TSTU + ROUNDING_TSTU, "highest window {highest} TSTU: {stats:?}");
    assert_eq!((stats.blocked, stats.delayed), (0, 0), "{stats:?}");
    assert!(highest > SHARE_TSTU / 2.0, "the demand was no demand: {highest} TSTU");
    let budgets = busy.store.budget(settings()).list().await.expect("list");
    let budget = budgets.iter().find(|budget| !budget.identity.is_provisional()).expect("the identity's");
    assert!(!budget.spent.is_empty(), "{budget:?}");
    drop(busy.processes);
}

fn settings() -> BudgetSettings {
    BudgetSettings { window: WINDOW, default_guess_tstu: COST_TSTU, ..BudgetSettings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_block_the_waiting_jobs_come_back_at_the_pace_of_the_share() {
    let busy = Busy::start(24, Duration::ZERO, 2).await;
    let fault = json!({
        "match": { "route": "buildDefinitions", "nth": 5 },
        "action": { "status": 429, "headers": { "Retry-After": "6" } },
    });
    busy.fleet.simulator.install_fault(serde_json::from_value(fault).expect("a fault")).expect("install");
    busy.ask(&busy.organization(0)).await;
    busy.ask(&busy.organization(1)).await;
    wait_until("the block is played", PATIENT, async || busy.fleet.simulator.stats().faults == 1).await;
    let blocked = async || {
        let budgets = busy.store.budget(settings()).list().await.expect("list");
        budgets.into_iter().any(|budget| budget.view.blocked_until.is_some())
    };
    wait_until("the identity keeps still", SOON, blocked).await;
    // What was under way when it began ends; then nobody calls.
    wait_until("the last calls have ended", SOON, async || {
        let budgets = busy.store.budget(settings()).list().await.expect("list");
        budgets.iter().all(|budget| budget.view.in_flight == 0)
    })
    .await;
    let calls = busy.calls();
    stays_true("nobody calls in the pause", Duration::from_secs(2), async || busy.calls() == calls).await;
    let waiting = busy.live(&busy.organization(0)).await;
    assert!(waiting.len() > 5 && waiting.iter().all(|job| job.attempt <= 1), "{} jobs wait", waiting.len());
    assert!(waiting.iter().all(|job| job.state != JobState::Running), "nobody holds a slot in the pause");
    busy.fleet.simulator.reset_stats();
    wait_until("every job is done", PATIENT, async || {
        busy.live(&busy.organization(0)).await.is_empty() && busy.live(&busy.organization(1)).await.is_empty()
    })
    .await;
    let stats = busy.fleet.simulator.stats();
    let highest = busy.highest_tstu();
    assert!(highest <= SHARE_TSTU + ROUNDING_TSTU, "highest window {highest} TSTU: {stats:?}");
    assert_eq!((stats.blocked, stats.delayed), (0, 0), "{stats:?}");
    let failed = JobFilter { states: vec![JobState::Dead], ..JobFilter::default() };
    assert!(busy.store.ledger().list(&failed).await.expect("list").is_empty());
    drop(busy.processes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_organization_is_read_while_a_big_one_has_hundreds_of_projects_due() {
    let busy = Busy::start(240, Duration::ZERO, 1).await;
    let (big, small) = (busy.organization(0), busy.organization(1));
    let demand = busy.demand_of(|name| *name == big);
    wait_until("the big one is under way", PATIENT, async || {
        busy.live(&big).await.iter().any(|job| job.state == JobState::Running)
    })
    .await;
    // What the first pass asked of the small one is not wanted: a few of its projects are, later.
    wait_until("nothing is asked of the small one", PATIENT, async || {
        for job in busy.live(&small).await {
            // A running one may have ended meanwhile.
            let _ = busy.store.ledger().cancel(job.id, "test").await;
        }
        busy.live(&small).await.is_empty()
    })
    .await;
    let of_small: Vec<_> = busy.projects.iter().filter(|(name, _)| *name == small).take(3).collect();
    let jobs: Vec<_> =
        of_small.iter().map(|(name, project)| busy.sync(name, *project, BACKGROUND_PRIORITY)).collect();
    let read_before = busy.read(&big).await.len();
    let asked = busy.store.ledger().enqueue(&jobs).await.expect("enqueue");
    let mut ends = Vec::new();
    wait_until("the small one is read", PATIENT * 3, async || {
        ends.clear();
        for job in &asked {
            ends.extend(
                busy.store.ledger().get(job.job_id).await.expect("get").and_then(|job| job.finished_at),
            );
        }
        ends.len() == asked.len()
    })
    .await;
    let end = ends.into_iter().max().expect("an end");
    let read = busy.read(&big).await;
    let meanwhile = read.iter().filter(|finished_at| **finished_at <= end).count() - read_before;
    let waits = busy.projects.iter().filter(|(name, _)| *name == big).count();
    // By due time nearly all of them would be first; by turns, what had a ticket already.
    assert!(meanwhile < waits / 2, "{meanwhile} projects of the big one were read first, where {waits} wait");
    demand.abort();
    drop(busy.processes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_organization_rests_at_once_and_goes_on_where_it_was() {
    let busy = Busy::start(40, Duration::from_millis(20), 1).await;
    let (held, free) = (busy.organization(0), busy.organization(1));
    let demand = busy.demand_without_end();
    wait_until("the organization is under way", PATIENT, async || {
        busy.live(&held).await.iter().any(|job| job.state == JobState::Running)
    })
    .await;
    busy.set(&busy.scope(&held), ControlChange { paused: Some(true), ..ControlChange::default() }).await;
    let rests = async || {
        let live = busy.live(&held).await;
        live.iter().all(|job| job.state == JobState::Pending)
            && live.iter().any(|job| job.waiting_reason == Some(WaitingReason::Throttled))
    };
    wait_until("its jobs are parked", SOON, rests).await;
    stays_true("nothing of it runs", Duration::from_secs(2), async || {
        busy.live(&held).await.iter().all(|job| job.state == JobState::Pending && job.attempt == 0)
    })
    .await;
    wait_until("the other one goes on", SOON, async || {
        busy.live(&free).await.iter().any(|job| job.state == JobState::Running)
    })
    .await;
    // Not even what a person asks for.
    let wish = busy.sync(
        &held,
        busy.projects.iter().find(|(name, _)| *name == held).expect("one").1,
        REQUESTED_PRIORITY,
    );
    busy.store.ledger().enqueue(&[wish]).await.expect("enqueue");
    stays_true("nothing of it runs", Duration::from_secs(1), async || {
        busy.live(&held).await.iter().all(|job| job.state == JobState::Pending)
    })
    .await;
    let budgets = busy.store.budget(settings()).list().await.expect("list");
    let waits = budgets.iter().flat_map(|budget| &budget.waiting);
    assert!(waits.into_iter().any(|waiting| waiting.organization.as_ref() == Some(&held)), "{budgets:?}");
    busy.store.consumption_controls().clear(&busy.scope(&held), "ada").await.expect("resume");
    wait_until("it goes on", SOON, async || {
        busy.live(&held).await.iter().any(|job| job.state == JobState::Running)
    })
    .await;
    demand.abort();
    let deeds = busy.store.audit().list(10).await.expect("list");
    let of_controls = deeds.iter().filter(|deed| deed.entry.action.starts_with("consumption_control."));
    assert_eq!(of_controls.count(), 2);
    drop(busy.processes);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_quiet_hours_only_what_a_person_asks_for_is_read() {
    let busy = Busy::start(12, Duration::ZERO, 1).await;
    let quiet = busy.organization(0);
    wait_until("the first pass is done", PATIENT, async || busy.live(&quiet).await.is_empty()).await;
    let week =
        [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
    let now = busy.store.now().await.expect("the time");
    let time = |moment: DateTime<Utc>| format!("{:02}:{:02}", moment.hour(), moment.minute());
    let (from, to) = (time(now - TimeDelta::hours(1)), time(now + TimeDelta::hours(2)));
    let hours = QuietHours::new("UTC", &week, &from, &to).expect("quiet hours");
    let change = ControlChange { quiet_hours: Setting::Set(hours), ..ControlChange::default() };
    // Of the whole connector: they hold for each organization of it.
    let scope = ControlScope::connector(busy.connector.id);
    busy.set(&scope, change).await;
    busy.ask(&quiet).await;
    let project = busy.projects.iter().find(|(name, _)| *name == quiet).expect("a project").1;
    stays_true("nothing is read", Duration::from_secs(2), async || {
        busy.live(&quiet).await.iter().all(|job| job.state == JobState::Pending && job.attempt == 0)
    })
    .await;
    let before = busy.live(&quiet).await.len();
    // The wish of a person joins the job that waits, and takes it along.
    busy.store.ledger().enqueue(&[busy.sync(&quiet, project, REQUESTED_PRIORITY)]).await.expect("enqueue");
    wait_until("a person's wish is read", SOON, async || busy.live(&quiet).await.len() == before - 1).await;
    stays_true("the others rest", Duration::from_secs(1), async || {
        busy.live(&quiet).await.len() == before - 1
    })
    .await;
    busy.store.consumption_controls().clear(&scope, "ada").await.expect("clear");
    wait_until("the others are read", SOON, async || busy.live(&quiet).await.is_empty()).await;
    drop(busy.processes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_a_connector_bounds_what_it_spends_in_every_window() {
    let busy = Busy::start(40, Duration::ZERO, 2).await;
    let share = Share::new(0.2).expect("a share");
    let scope = ControlScope::connector(busy.connector.id);
    busy.set(&scope, ControlChange { share: Setting::Set(share), ..ControlChange::default() }).await;
    let demand = busy.demand_without_end();
    // What was spent before the share was set leaves the window.
    busy.wait_for_a_window().await;
    busy.wait_for_a_window().await;
    busy.fleet.simulator.reset_stats();
    busy.wait_for_a_window().await;
    busy.wait_for_a_window().await;
    let highest = busy.highest_tstu();
    demand.abort();
    assert!(highest <= 0.2 * LIMIT_TSTU + ROUNDING_TSTU, "highest window {highest} TSTU");
    assert!(highest > 0.0, "the share was not used at all");
    drop(busy.processes);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_on_the_identity_makes_muster_give_way() {
    const PERSON_TSTU: f64 = 80.0;
    let busy = Busy::start(40, Duration::ZERO, 2).await;
    let demand = busy.demand_without_end();
    wait_until("the first header", PATIENT, async || busy.fleet.simulator.stats().flagged > 0).await;
    busy.wait_for_a_window().await;
    busy.wait_for_a_window().await;
    let (url, token) = (busy.fleet.simulator.base_url().to_owned(), busy.fleet.simulator.pat().to_owned());
    let url = format!("{url}/{}/_apis/connectionData", busy.organization(0));
    let person = tokio::spawn(async move {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let mut turn = tokio::time::interval(WINDOW.mul_f64(COST_TSTU / PERSON_TSTU));
        loop {
            turn.tick().await;
            let answer = client.get(&url).basic_auth("", Some(&token)).send().await.expect("an answer");
            assert!(answer.status().is_success(), "the person is refused: {}", answer.status());
        }
    });
    wait_until("others are noticed", WINDOW * 6, async || {
        let budgets = busy.store.budget(settings()).list().await.expect("list");
        budgets.iter().any(|budget| budget.view.foreign_tstu > PERSON_TSTU / 2.0)
    })
    .await;
    busy.wait_for_a_window().await;
    busy.fleet.simulator.reset_stats();
    busy.wait_for_a_window().await;
    let stats = busy.fleet.simulator.stats();
    let budgets = busy.store.budget(settings()).list().await.expect("list");
    let budget = budgets.iter().find(|budget| !budget.identity.is_provisional()).expect("the identity's");
    let own = budget.view.spent_tstu - budget.view.foreign_tstu;
    assert!(!person.is_finished(), "the person was refused");
    person.abort();
    demand.abort();
    assert_eq!(stats.blocked, 0, "{stats:?}");
    assert!(own < SHARE_TSTU - PERSON_TSTU / 2.0, "{own} TSTU of its own beside {PERSON_TSTU}: {budget:?}");
    drop(busy.processes);
}

/// The service holds throttled answers back for up to 30 s: they are waited for, used, and slow the identity down.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_held_back_for_half_a_minute_is_waited_for() {
    let bench =
        Workbench::prepare(SimulatorOptions { projects: 2, repositories: 4, ..SimulatorOptions::default() })
            .await;
    let fault = json!({
        "match": { "route": "projects" },
        "action": { "delayMs": 30_500, "headers": { "X-RateLimit-Delay": "30.5", "Retry-After": "2" } },
    });
    bench.simulator.install_fault(serde_json::from_value(fault).expect("a fault")).expect("install");
    bench.run_workers(2, PATIENT).await;
    assert_eq!(bench.simulator.stats().faults, 1, "it was asked once, and the answer used");
    assert_eq!(bench.projects().await.len(), 2);
    let budgets = bench.store.budget(BudgetSettings::default()).list().await.expect("list");
    assert_eq!(budgets.iter().map(|budget| budget.view.throttled_count).sum::<u64>(), 1, "{budgets:?}");
}
