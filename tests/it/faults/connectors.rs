//! Two claims on one organization, and a connector that is removed under load.

use muster_azdo_sim::SimulatorOptions;
use muster_domain::connector::{ConnectorState, OrganizationAccess, OrganizationsChoice};
use muster_domain::job::{JobKind, JobState, JobSubject, Role};
use muster_domain::{ConnectorId, OrganizationName, ProjectId};
use muster_messages::Ticket;
use muster_queue::{InProcessTransport, TicketTransport};
use muster_runtime::runner::RunnerSettings;
use muster_store::changes::Changes;
use muster_store::ledger::{End, Finish, Finished, JobFilter};
use muster_store::requests::Asked;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tests::waiting::{PATIENT, SOON, stays_true, wait_until};
use tests::workbench::Workbench;
use uuid::Uuid;

/// Longer than any job of a test.
const LONG: Duration = Duration::from_secs(60);

fn world() -> SimulatorOptions {
    SimulatorOptions {
        organizations: 1,
        projects: 3,
        repositories: 20,
        seed: 17,
        ..SimulatorOptions::default()
    }
}

/// Two connectors ask at the same moment: whoever claims first has it, and the other one says who has.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_connectors_that_claim_an_organization_at_once_one_has_it() {
    let bench = Workbench::start(world(), BTreeSet::new()).await;
    let token = bench.simulator.pat().to_owned();
    let organizations: Vec<_> =
        bench.simulator.organizations().into_iter().map(OrganizationName::new).collect();
    // Answers that take a while, so that both have asked before one has claimed.
    let slowly =
        json!({ "match": { "route": "connectionData" }, "action": { "delayMs": 200 }, "times": 1_000 });
    bench.simulator.install_fault(serde_json::from_value(slowly).expect("a fault")).expect("install it");
    for round in 0..3 {
        let mut pair: Vec<ConnectorId> = Vec::new();
        for name in [format!("left-{round}"), format!("right-{round}")] {
            let choice = OrganizationsChoice::Selected { organizations: organizations.clone() };
            pair.push(bench.connect(&name, &token, None, choice).await);
        }
        bench.run_workers(2, PATIENT).await;
        let mut states = Vec::new();
        for connector in &pair {
            let claims = bench.store.inventory().claims(*connector).await.expect("list").len();
            let held = bench.store.inventory().organizations(*connector).await.expect("list").len();
            states.push((bench.connector_of(*connector).await.state, claims, held));
        }
        let owner = states.iter().position(|state| *state == (ConnectorState::Active, 1, 1));
        let owner = owner.unwrap_or_else(|| panic!("one has it: {states:?}"));
        let other = 1 - owner;
        assert_eq!(states[other], (ConnectorState::Conflict, 0, 0));
        let reason = bench.connector_of(pair[other]).await.state_reason.expect("a reason");
        assert!(reason.contains(&bench.connector_of(pair[owner]).await.name), "the owner is named: {reason}");
        tests::fleet::assert_same("once", &bench.assessments().await, &bench.truth());

        bench.offboard(pair[owner]).await;
        bench.run_workers(2, PATIENT).await;
        assert_eq!(bench.connector_of(pair[other]).await.state, ConnectorState::Active, "it takes it over");
        let standings = bench.store.connectors().organizations(Some(pair[other])).await.expect("ask");
        assert_eq!(standings[0].access, OrganizationAccess::Connected);
        bench.offboard(pair[other]).await;
        bench.run_workers(2, PATIENT).await;
    }
}

/// 1,000 jobs in every state that lives, and one request.
#[tokio::test(flavor = "multi_thread")]
async fn removing_a_connector_cancels_a_thousand_jobs_wherever_they_are() {
    const JOBS: usize = 1_000;
    const DISPATCHED: u32 = 200;
    const RUNNING: usize = 50;
    let bench = Workbench::prepare(world()).await;
    bench.run_all().await;
    let connector = bench.connector().await;
    let organization = OrganizationName::new(bench.simulator.organizations().remove(0));
    let asked = Asked { cause: "test".to_owned(), trace: None };
    let wishes: Vec<_> = (0..JOBS)
        .map(|_| {
            let project = ProjectId(Uuid::new_v4());
            let subject = JobSubject::project(connector.id, organization.clone(), project);
            asked.job(JobKind::ProjectSync, subject, Some(connector.credential_id))
        })
        .collect();
    let ledger = bench.store.ledger();
    ledger.enqueue(&wishes).await.expect("enqueue");
    let tickets = ledger.dispatch(Role::Sync, DISPATCHED, DISPATCHED).await.expect("dispatch");
    let tickets: Vec<(Ticket, bool)> = tickets.into_iter().map(|traced| (traced.ticket, false)).collect();
    assert_eq!(tickets.len(), 200);
    let (to_claim, in_flight) = tickets.split_at(RUNNING);
    let running = ledger.claim(to_claim, "test", LONG).await.expect("claim");
    assert_eq!(running.len(), RUNNING);

    bench.offboard(connector.id).await;
    let filter = JobFilter { limit: 5_000, ..JobFilter::default() };
    let jobs = ledger.page(&filter).await.expect("list").jobs;
    let of_connector: Vec<_> = jobs.iter().filter(|job| job.kind == JobKind::ProjectSync).collect();
    let cancelled = of_connector.iter().filter(|job| job.state == JobState::Cancelled).count();
    assert!(cancelled >= JOBS, "{cancelled} are cancelled");
    assert!(of_connector.iter().all(|job| !job.state.is_live()), "nothing of it lives");
    let leases: Vec<_> = running.iter().map(|job| job.lease).collect();
    let lost = ledger.renew(&leases, LONG).await.expect("renew");
    assert_eq!(lost.len(), RUNNING, "who holds one hears that it is lost");
    let late = Finish { lease: leases[0], changes: Changes::default(), end: End::Done };
    assert_eq!(ledger.finish(vec![late]).await.expect("finish"), [Finished::LeaseLost]);
    assert!(
        ledger.claim(in_flight, "test", LONG).await.expect("claim").is_empty(),
        "tickets on the way are stale"
    );
    assert!(ledger.dispatch(Role::Sync, DISPATCHED, DISPATCHED).await.expect("dispatch").is_empty());

    bench.run_all().await;
    assert_eq!(bench.connector_of(connector.id).await.state, ConnectorState::Removed);
    assert!(bench.assessments().await.is_empty());
}

/// A job that waits for an answer when its connector is removed: it stops, and asks nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_while_its_connector_is_removed_stops() {
    let bench = Workbench::prepare(world()).await;
    bench.run_all().await;
    let connector = bench.connector().await.id;
    let (organization, project) = bench.projects().await.remove(0);
    let slowly =
        json!({ "match": { "route": "policyConfigurations" }, "action": { "delayMs": 30_000 }, "times": 1 });
    bench.simulator.install_fault(serde_json::from_value(slowly).expect("a fault")).expect("install it");
    bench.simulator.reset_stats();
    bench.ask(JobKind::ProjectSync, JobSubject::project(connector, organization, project)).await;
    // Leases that are looked at four times a second.
    let settings =
        RunnerSettings { slots: 1, lease: Duration::from_secs(1), slice: LONG, overrun: LONG, hold: LONG };
    let transport: Arc<dyn TicketTransport> = InProcessTransport::new();
    let workers = bench.start_workers(&bench.store, &transport, settings);
    let calls = || bench.simulator.stats().requests.values().sum::<u64>();
    wait_until("the read is under way", SOON, async || calls() == 1).await;
    bench.offboard(connector).await;
    wait_until("it is removed", SOON, async || {
        bench.connector_of(connector).await.state == ConnectorState::Removed
    })
    .await;
    wait_until("the run is cut off", SOON, async || {
        workers.iter().any(|worker| worker.counted("muster_job_leases_lost_total") > 0.0)
    })
    .await;
    stays_true("nothing more is asked", Duration::from_millis(300), async || calls() == 1).await;
    for worker in workers {
        worker.stop().await;
    }
    let live = bench.store.ledger().is_idle().await.expect("ask");
    assert!(live, "nothing of it is left to do");
}
