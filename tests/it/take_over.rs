//! Workers that die, workers that must not touch what nobody gave them, and the link from work to what caused it.

use muster_azdo_sim::SimulatorOptions;
use muster_domain::job::{JobState, Role};
use muster_store::ledger::JobFilter;
use std::collections::HashMap;
use std::time::Duration;
use tests::fleet::{Fleet, assert_same};
use tests::processes::Process;
use tests::waiting::{SOON, stays_true, wait_until};

const PASS_DEADLINE: Duration = Duration::from_secs(240);

fn world() -> SimulatorOptions {
    SimulatorOptions {
        organizations: 2,
        projects: 30,
        repositories: 300,
        seed: 5,
        tstu_limit: None,
        // Long enough that a killed worker is in the middle of something.
        latency: Duration::from_millis(25),
        ..SimulatorOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_s_jobs_go_on_elsewhere_and_nothing_is_doubled() {
    let mut fleet = Fleet::prepare(world()).await;
    // Long leases: what goes on within seconds goes on by redelivery, not because a lease ran out.
    fleet.set("MUSTER_WORKER__LEASE_SECONDS", &600);
    fleet.create_connector().await;
    let _scheduler = fleet.start(&["scheduler"]).await;
    let mut workers: HashMap<Role, Process> = HashMap::new();
    for role in Role::ALL {
        workers.insert(role, fleet.start(&["worker", role.as_str()]).await);
    }
    let store = fleet.store().await;
    for role in Role::ALL {
        // Killed while it holds a job, replaced by another process.
        let running = JobFilter { states: vec![JobState::Running], limit: 1_000, ..JobFilter::default() };
        wait_until("a job of the role is running", PASS_DEADLINE, async || {
            store.ledger().list(&running).await.unwrap().iter().any(|job| job.kind.role() == role)
        })
        .await;
        let victim = workers.remove(&role).unwrap();
        victim.kill();
        let orphans: Vec<_> = store
            .ledger()
            .list(&running)
            .await
            .unwrap()
            .into_iter()
            .filter(|job| job.kind.role() == role)
            .collect();
        workers.insert(role, fleet.start(&["worker", role.as_str()]).await);
        wait_until("the orphans go on in the other process", Duration::from_secs(30), async || {
            let now = store.ledger().list(&running).await.unwrap();
            orphans.iter().all(|orphan| {
                now.iter().all(|job| job.id != orphan.id || job.lease_owner != orphan.lease_owner)
            })
        })
        .await;
    }
    fleet.wait_until_idle(PASS_DEADLINE).await;
    assert_same("after three kills", &fleet.assessments().await, &fleet.truth());
    assert_no_assessment_was_made_twice(&fleet).await;
}

/// Every assessment has as many rows of history as it has changes: none was made twice.
async fn assert_no_assessment_was_made_twice(fleet: &Fleet) {
    use sea_orm::{ConnectionTrait, Statement};
    let connection = fleet.database.connect().await;
    let statement = "SELECT count(*) AS doubled FROM assessment a WHERE a.change_sequence <> (
        SELECT count(*) FROM assessment_history h
        WHERE h.resource_id = a.resource_id AND h.recommendation = a.recommendation)";
    let statement = Statement::from_string(connection.get_database_backend(), statement);
    let row = connection.query_one_raw(statement).await.expect("count").expect("a row");
    let doubled: i64 = row.try_get("", "doubled").expect("a number");
    assert_eq!(doubled, 0, "assessments whose history does not match their changes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_queue_is_silent_touches_no_pending_job() {
    let fleet = Fleet::prepare(world()).await;
    fleet.create_connector().await;
    // Workers without a scheduler: nobody makes tickets.
    let _workers = [
        fleet.start(&["worker", "discovery"]).await,
        fleet.start(&["worker", "sync"]).await,
        fleet.start(&["worker", "refresh"]).await,
    ];
    wait_until("the workers consume", SOON, async || {
        fleet.broker.queue("muster.v1.discovery").await.is_some()
    })
    .await;
    let store = fleet.store().await;
    stays_true("the job of the connector stays pending", Duration::from_secs(5), async || {
        let jobs = store.ledger().list(&JobFilter::default()).await.unwrap();
        jobs.len() == 1 && jobs[0].state == JobState::Pending && jobs[0].attempt == 0
    })
    .await;
    assert!(fleet.simulator.stats().requests.values().all(|count| *count == 0));
}
