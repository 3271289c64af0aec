//! The consumption limit under endless demand: four processes of the sync worker on one identity, a shortened
//! window, true costs of 0.3, 1 and 3 times the first guess.
//!
//! From two windows after the first header: no call is refused or delayed, the highest sum of any sliding window is at
//! or under the share, and at least 95 % of the share is used.
//!
//! `tests/run --services-only` gives the services; `cargo bench --workspace --bench consumption` runs it.

use muster_azdo_sim::{Route, RouteCost, SimulatorOptions};
use muster_messages::request::ProjectSyncRequested;
use muster_store::Store;
use muster_store::requests::Asked;
use std::io::Write as _;
use std::time::Duration;
use tests::fleet::Fleet;
use tests::waiting::wait_until;
use tokio::time::Instant;

const WINDOW: Duration = Duration::from_secs(20);
const LIMIT_TSTU: f64 = 200.0;
const SHARE: f64 = 0.9;
const LEAST_USE: f64 = 0.95;
/// Windows that are measured after the two in which costs are learnt.
const MEASURED_WINDOWS: u32 = 3;
/// First guess of every call, and what it is multiplied with to be the truth.
const GUESS_TSTU: f64 = 0.5;
const TRUTHS: [f64; 3] = [0.3, 1.0, 3.0];

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    tests::services::install_tls_provider();
    let mut passed = true;
    for truth in TRUTHS {
        passed &= under_endless_demand(truth).await;
    }
    assert!(passed, "the consumption limit was not kept or not used");
}

async fn under_endless_demand(truth: f64) -> bool {
    let costs = Route::ALL.into_iter().map(|route| {
        let cost: RouteCost = format!("{}={}", route.name(), GUESS_TSTU * truth).parse().expect("a cost");
        cost
    });
    let mut fleet = Fleet::prepare(SimulatorOptions {
        organizations: 1,
        projects: 60,
        repositories: 200,
        seed: 3,
        tstu_limit: Some(LIMIT_TSTU),
        window_seconds: WINDOW.as_secs_f64(),
        costs: costs.collect(),
        ..SimulatorOptions::default()
    })
    .await;
    fleet.set("MUSTER_CONSUMPTION__WINDOW_SECONDS", &WINDOW.as_secs());
    fleet.set("MUSTER_CONSUMPTION__GUESS_TSTU", &GUESS_TSTU);
    fleet.set("MUSTER_CONSUMPTION__SHARE", &SHARE);
    fleet.set("RUST_LOG", &"warn,muster_runtime::serving=info");
    let mut processes = vec![fleet.start(&["scheduler"]).await, fleet.start(&["worker", "discovery"]).await];
    processes.push(fleet.start(&["worker", "refresh"]).await);
    fleet.create_connector().await;
    let store = fleet.store().await;
    wait_until("the projects are known", Duration::from_secs(120), async || {
        let connector = store.connectors().list().await.expect("list").remove(0);
        match store.inventory().organizations(connector.id).await.expect("list").first() {
            Some(known) => {
                store.inventory().projects(connector.id, known.id).await.expect("list").len() == 60
            }
            None => false,
        }
    })
    .await;
    for _ in 0..4 {
        processes.push(fleet.start(&["worker", "sync"]).await);
    }
    let demand = tokio::spawn(ask_without_end(store.clone()));
    wait_until("the first header", Duration::from_secs(120), async || fleet.simulator.stats().flagged > 0)
        .await;
    // Two windows in which costs are learnt: what is promised holds from then on.
    tokio::time::sleep(WINDOW * 2).await;
    let result = measure(&fleet, truth).await;
    demand.abort();
    result
}

/// Has every project read again as soon as it was read.
async fn ask_without_end(store: Store) {
    let connector = store.connectors().list().await.expect("list").remove(0);
    let known = store.inventory().organizations(connector.id).await.expect("list").remove(0);
    let projects = store.inventory().projects(connector.id, known.id).await.expect("list");
    let asked = Asked { cause: "bench".to_owned(), trace: None };
    let requests: Vec<_> = projects
        .iter()
        .map(|project| ProjectSyncRequested {
            connector_id: connector.id,
            organization: known.name.clone(),
            project: project.id,
        })
        .collect();
    loop {
        for request in &requests {
            let effects = muster_store::inbox::RequestEffects::sync_project(request, &connector, &asked);
            store.inbox().perform(&effects).await.expect("ask");
        }
        // Demand is endless anyhow: every project is asked for again before it was read.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn measure(fleet: &Fleet, truth: f64) -> bool {
    fleet.simulator.reset_stats();
    let began = Instant::now();
    // The time that is measured.
    tokio::time::sleep(WINDOW * MEASURED_WINDOWS).await;
    let stats = fleet.simulator.stats();
    let windows = began.elapsed().as_secs_f64() / WINDOW.as_secs_f64();
    let share = LIMIT_TSTU * SHARE;
    let highest = stats.highest_window_tstu.values().copied().fold(0.0, f64::max);
    let used = stats.spent_tstu.values().sum::<f64>() / windows / share;
    let kept = stats.blocked == 0 && stats.delayed == 0 && highest <= share + 1e-6 && used >= LEAST_USE;
    let verdict = if kept { "kept" } else { "NOT KEPT" };
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "true cost {truth} x guess: highest window {highest:.1} of {share:.0} TSTU, used {:.1} %, {} refused, {} delayed: {verdict}",
        used * 100.0,
        stats.blocked,
        stats.delayed
    )
    .expect("print");
    kept
}
