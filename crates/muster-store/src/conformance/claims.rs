//! Leases: claimed once, renewed, taken over, reclaimed.

use super::fixtures::{LEASE, claim, claimed, dispatch, enqueue_one, finish, sync};
use super::{Bench, on_both};
use crate::ledger::{End, Finished, Reclaimed};
use muster_domain::job::{JobState, Role};
use std::time::Duration;

on_both!(
    a_ticket_claims_once,
    a_group_is_claimed_together,
    a_redelivered_ticket_takes_the_lease_over,
    a_job_that_takes_its_workers_along_is_dead,
    a_redelivered_ticket_of_a_job_that_is_over_claims_nothing,
    a_lease_lives_as_long_as_it_is_renewed,
    a_released_job_is_due_at_once_with_its_attempt_given_back,
    a_row_that_is_not_understood_is_dead_and_the_others_go_on,
);

async fn a_ticket_claims_once(bench: Bench) {
    enqueue_one(&bench.store, sync("contoso", 1)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let first = claim(&bench.store, &tickets, false).await;
    assert_eq!((first.len(), first[0].attempt), (1, 1));
    assert!(claim(&bench.store, &tickets, false).await.is_empty(), "a duplicate claims nothing");
    let doubled = [tickets[0].clone(), tickets[0].clone()];
    assert!(claim(&bench.store, &doubled, false).await.is_empty());
}

async fn a_group_is_claimed_together(bench: Bench) {
    let jobs: Vec<_> = (0..100).map(|project| sync("contoso", project)).collect();
    bench.store.ledger().enqueue(&jobs).await.expect("enqueue");
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let mut claimed = claim(&bench.store, &tickets, false).await;
    assert_eq!(claimed.len(), 100);
    claimed.sort_by_key(|job| job.lease.token);
    claimed.dedup_by_key(|job| job.lease.token);
    assert_eq!(claimed.len(), 100, "every lease has a token of its own");
}

async fn a_redelivered_ticket_takes_the_lease_over(bench: Bench) {
    enqueue_one(&bench.store, sync("contoso", 1)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let gone = claim(&bench.store, &tickets, true).await.pop().expect("a redelivered ticket simply claims");
    let taken = claim(&bench.store, &tickets, true).await.pop().expect("and takes over");
    assert_ne!(gone.lease.token, taken.lease.token);
    assert_eq!(taken.attempt, 1, "the worker failed, not the job");
    let view = bench.store.ledger().get(taken.lease.job_id).await.expect("get").expect("the job");
    assert_eq!(view.crash_count, 1);
    assert_eq!(finish(&bench.store, &gone, End::Done).await, Finished::LeaseLost, "the zombie hits no row");
    assert_eq!(finish(&bench.store, &taken, End::Done).await, Finished::Committed);
    assert_eq!(finish(&bench.store, &taken, End::Done).await, Finished::Committed, "it says so again");
}

async fn a_job_that_takes_its_workers_along_is_dead(bench: Bench) {
    enqueue_one(&bench.store, sync("contoso", 1)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let job = claim(&bench.store, &tickets, false).await.pop().expect("claimed").lease.job_id;
    assert_eq!(claim(&bench.store, &tickets, true).await.len(), 1);
    assert_eq!(claim(&bench.store, &tickets, true).await.len(), 1);
    assert!(claim(&bench.store, &tickets, true).await.is_empty(), "the third crash is the last");
    let view = bench.store.ledger().get(job).await.expect("get").expect("the job");
    assert_eq!((view.state, view.crash_count), (JobState::Dead, 3));
    assert!(view.finished_at.is_some());
}

async fn a_redelivered_ticket_of_a_job_that_is_over_claims_nothing(bench: Bench) {
    enqueue_one(&bench.store, sync("contoso", 1)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let job = claim(&bench.store, &tickets, false).await.pop().expect("claimed");
    finish(&bench.store, &job, End::Done).await;
    assert!(claim(&bench.store, &tickets, true).await.is_empty());
}

async fn a_lease_lives_as_long_as_it_is_renewed(bench: Bench) {
    let ledger = bench.store.ledger();
    let kept = claimed(&bench.store, sync("contoso", 1)).await;
    let left = claimed(&bench.store, sync("contoso", 2)).await;
    bench.clock.advance(chrono::Duration::seconds(30));
    assert!(ledger.renew(&[kept.lease], LEASE).await.expect("renew").is_empty());
    bench.clock.advance(chrono::Duration::seconds(30));
    assert_eq!(ledger.reclaim_expired(100, 3).await.expect("sweep"), Reclaimed { retried: 1, dead: 0 });
    assert_eq!(ledger.renew(&[kept.lease, left.lease], LEASE).await.expect("renew"), [left.lease]);
    assert_eq!(finish(&bench.store, &left, End::Done).await, Finished::LeaseLost);
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty(), "it waits a moment before it runs again");
    bench.clock.advance(chrono::Duration::seconds(5));
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 1);
}

async fn a_released_job_is_due_at_once_with_its_attempt_given_back(bench: Bench) {
    let ledger = bench.store.ledger();
    let job = claimed(&bench.store, sync("contoso", 1)).await;
    assert_eq!(ledger.release(&[job.lease]).await.expect("release"), 1);
    assert_eq!(ledger.release(&[job.lease]).await.expect("release"), 0);
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let again = ledger.claim(&[(tickets[0].clone(), false)], "another", LEASE).await.expect("claim");
    assert_eq!((again[0].attempt, again[0].dispatch_sequence), (1, 2));
    let view = ledger.get(job.lease.job_id).await.expect("get").expect("the job");
    assert_eq!((view.lease_owner.as_deref(), view.crash_count), (Some("another"), 0));
    let end = End::Failed { class: "x".to_owned(), message: "y".to_owned(), delay: Duration::ZERO };
    finish(&bench.store, &again[0], end).await;
}

async fn a_row_that_is_not_understood_is_dead_and_the_others_go_on(bench: Bench) {
    let ledger = bench.store.ledger();
    let broken = enqueue_one(&bench.store, sync("contoso", 1)).await;
    enqueue_one(&bench.store, sync("contoso", 2)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let never = "UPDATE job SET due_at_ms = 9223372036854775807 WHERE id = $1";
    bench.store.reader().run(never, crate::session::values![broken.0]).await.expect("a moment that is none");
    let jobs = claim(&bench.store, &tickets, false).await;
    assert_eq!(jobs.len(), 1);
    let error = ledger.get(broken).await.expect_err("its row is reported");
    let text = error.to_string();
    assert!(
        text.contains("job") && text.contains("due_at_ms") && text.contains(&broken.to_string()),
        "{text}"
    );
    let counts = ledger.counts().await.expect("counts");
    assert!(counts.iter().any(|count| count.state == JobState::Dead && count.jobs == 1), "{counts:?}");
}
