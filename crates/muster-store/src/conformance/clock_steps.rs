//! The database's clock steps back by five minutes: what is due then comes late by that much, and nothing comes twice.

use super::fixtures::{LEASE, claim, dispatch, enqueue_one, finish, sync};
use super::{Bench, on_both};
use crate::ledger::{End, Finished, NewJob};
use muster_domain::job::Role;
use std::time::Duration;

on_both!(
    due_work_is_late_by_the_step_at_most,
    a_lease_outlives_a_step_back_and_its_job_ends_once,
    a_fact_that_is_held_is_not_taken_by_another_relay,
);

fn step() -> chrono::Duration {
    chrono::Duration::minutes(5)
}

async fn due_work_is_late_by_the_step_at_most(bench: Bench) {
    enqueue_one(&bench.store, NewJob { delay: Duration::from_secs(60), ..sync("contoso", 1) }).await;
    bench.clock.advance(-step());
    bench.clock.advance(chrono::Duration::seconds(60));
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty(), "its moment is still to come");
    // What is asked for now is due now.
    enqueue_one(&bench.store, sync("contoso", 2)).await;
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 1);
    bench.clock.advance(step());
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 1, "late by the step, and once");
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty());
}

async fn a_lease_outlives_a_step_back_and_its_job_ends_once(bench: Bench) {
    enqueue_one(&bench.store, sync("contoso", 1)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let job = claim(&bench.store, &tickets, false).await.pop().expect("claimed");
    bench.clock.advance(-step());
    assert!(claim(&bench.store, &tickets, false).await.is_empty(), "it is somebody's");
    let lost = bench.store.ledger().renew(&[job.lease], LEASE).await.expect("renew");
    assert!(lost.is_empty());
    // Renewed by the clock of now, it runs out by the clock of now.
    bench.clock.advance(chrono::Duration::seconds(60));
    let reclaimed = bench.store.ledger().reclaim_expired(10, 3).await.expect("reclaim");
    assert_eq!(reclaimed.retried, 1, "a worker that is gone is noticed in time");
    assert_eq!(finish(&bench.store, &job, End::Done).await, Finished::LeaseLost);
    // Due again after a little while.
    bench.clock.advance(chrono::Duration::seconds(60));
    let again = claim(&bench.store, &dispatch(&bench.store, Role::Sync).await, false).await.pop();
    assert_eq!(finish(&bench.store, &again.expect("due again"), End::Done).await, Finished::Committed);
}

async fn a_fact_that_is_held_is_not_taken_by_another_relay(bench: Bench) {
    let main = super::fixtures::connector(&bench.store, "main").await;
    let resumed = crate::inbox::RequestEffects::offboard(&main, &asked());
    bench.store.inbox().perform(&resumed).await.expect("perform");
    let hold = Duration::from_secs(60);
    let held = bench.store.outbox().claim(10, hold).await.expect("claim");
    assert!(!held.is_empty(), "the connector's state is told");
    bench.clock.advance(-step());
    assert!(bench.store.outbox().claim(10, hold).await.expect("claim").is_empty());
    bench.clock.advance(step() + chrono::Duration::seconds(61));
    let again = bench.store.outbox().claim(10, hold).await.expect("claim");
    let ids =
        |events: &[crate::outbox::OutgoingEvent]| events.iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(ids(&again), ids(&held), "whoever held it is gone");
}

fn asked() -> crate::requests::Asked {
    crate::requests::Asked { cause: "test".to_owned(), trace: None }
}
