//! Wishes, dispatch, put backs, sweeps, what people see and do.

use super::fixtures::{claim, claimed, dispatch, enqueue_one, finish, job, sync, uuid};
use super::{Bench, on_both};
use crate::ledger::{End, JobFilter, REQUESTED_PRIORITY};
use muster_domain::job::{JobKind, JobState, JobSubject, Role, WaitingReason};
use muster_domain::{ConnectorId, CredentialId, JobId};
use muster_messages::TraceContext;
use std::collections::HashSet;
use std::time::Duration;

on_both!(
    wishes_for_the_same_work_are_one_job,
    a_throttled_job_keeps_its_due_time,
    a_wish_for_a_running_job_runs_it_once_more,
    a_job_that_stopped_half_way_begins_anew_for_a_new_wish,
    organizations_take_turns,
    the_window_and_the_batch_bound_a_dispatch,
    a_later_job_waits_for_its_time,
    tickets_that_were_not_published_are_put_back,
    lost_tickets_are_made_anew,
    jobs_are_parked_and_released_with_their_credential,
    what_is_counted_and_when_all_is_done,
    only_what_was_done_long_ago_is_pruned,
);

async fn wishes_for_the_same_work_are_one_job(bench: Bench) {
    let ledger = bench.store.ledger();
    let mut urgent = sync("contoso", 1);
    urgent.priority = REQUESTED_PRIORITY;
    urgent.trace =
        Some(TraceContext { traceparent: "00-1-2-01".to_owned(), tracestate: Some("a=b".to_owned()) });
    let late = crate::ledger::NewJob { delay: Duration::from_secs(60), ..sync("CONTOSO", 1) };
    let answers = ledger.enqueue(&[late.clone(), sync("contoso", 2), urgent]).await.expect("enqueue");
    assert_eq!(answers[0].job_id, answers[2].job_id, "the name of an organization has no case");
    assert_eq!(answers.iter().map(|answer| answer.is_new).collect::<Vec<_>>(), [true, true, false]);
    let again = ledger.enqueue(&[late]).await.expect("enqueue");
    assert_eq!((again[0].job_id, again[0].is_new), (answers[0].job_id, false));
    let tickets = dispatch(&bench.store, Role::Sync).await;
    assert_eq!(tickets.len(), 2, "the earlier time of two wishes counts");
    assert_eq!(ledger.list(&JobFilter::default()).await.expect("list").len(), 2);
}

async fn a_throttled_job_keeps_its_due_time(bench: Bench) {
    let claimed = claimed(&bench.store, sync("contoso", 1)).await;
    let end = End::PutBack {
        reason: WaitingReason::Throttled,
        delay: Duration::from_secs(90),
        progress: Some(serde_json::json!({"page": 3})),
    };
    finish(&bench.store, &claimed, end).await;
    enqueue_one(&bench.store, sync("contoso", 1)).await;
    bench.clock.advance(chrono::Duration::seconds(89));
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty(), "a new wish does not defeat Retry-After");
    let view = bench.store.ledger().get(claimed.lease.job_id).await.expect("get").expect("the job");
    assert_eq!((view.waiting_reason, view.attempt), (Some(WaitingReason::Throttled), 0));
    bench.clock.advance(chrono::Duration::seconds(2));
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let resumed = claim(&bench.store, &tickets, false).await.pop().expect("claimed");
    assert_eq!(resumed.progress, Some(serde_json::json!({"page": 3})));
    assert_eq!(resumed.attempt, 1, "throttling costs no attempt");
}

async fn a_wish_for_a_running_job_runs_it_once_more(bench: Bench) {
    let claimed = claimed(&bench.store, sync("contoso", 1)).await;
    assert_eq!(enqueue_one(&bench.store, sync("contoso", 1)).await, claimed.lease.job_id);
    finish(&bench.store, &claimed, End::Done).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let again = claim(&bench.store, &tickets, false).await.pop().expect("once more");
    finish(&bench.store, &again, End::Done).await;
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty(), "and not a third time");
    let view = bench.store.ledger().get(claimed.lease.job_id).await.expect("get").expect("the job");
    assert_eq!(view.state, JobState::Done);
}

async fn a_job_that_stopped_half_way_begins_anew_for_a_new_wish(bench: Bench) {
    let first = claimed(&bench.store, sync("contoso", 1)).await;
    finish(&bench.store, &first, End::Continue { progress: serde_json::json!(1) }).await;
    enqueue_one(&bench.store, sync("contoso", 1)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let second = claim(&bench.store, &tickets, false).await.pop().expect("claimed");
    assert_eq!(second.progress, Some(serde_json::json!(1)));
    finish(&bench.store, &second, End::Done).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let third = claim(&bench.store, &tickets, false).await.pop().expect("once more from the start");
    assert_eq!(third.progress, None);
}

async fn organizations_take_turns(bench: Bench) {
    let ledger = bench.store.ledger();
    let large: Vec<_> = (0..50).map(|project| sync("large", project)).collect();
    ledger.enqueue(&large).await.expect("enqueue");
    bench.clock.advance(chrono::Duration::seconds(1));
    ledger.enqueue(&[sync("small", 1), sync("tiny", 1)]).await.expect("enqueue");
    let tickets = ledger.dispatch(Role::Sync, 100, 6).await.expect("dispatch");
    let organizations: Vec<&str> =
        tickets.iter().map(|ticket| ticket.ticket.subject.split('/').nth(1).expect("a name")).collect();
    assert_eq!(organizations[..3].iter().collect::<HashSet<_>>().len(), 3, "{organizations:?}");
    assert_eq!(organizations[3..], ["large"; 3]);
}

async fn the_window_and_the_batch_bound_a_dispatch(bench: Bench) {
    let ledger = bench.store.ledger();
    let jobs: Vec<_> = (0..10).map(|project| sync("contoso", project)).collect();
    ledger.enqueue(&jobs).await.expect("enqueue");
    assert_eq!(ledger.dispatch(Role::Sync, 7, 4).await.expect("dispatch").len(), 4);
    assert_eq!(ledger.dispatch(Role::Sync, 7, 4).await.expect("dispatch").len(), 3, "room for three");
    assert_eq!(ledger.dispatch(Role::Sync, 7, 4).await.expect("dispatch").len(), 0);
    assert_eq!(ledger.dispatch(Role::Discovery, 7, 4).await.expect("dispatch").len(), 0, "another role");
}

async fn a_later_job_waits_for_its_time(bench: Bench) {
    let later = crate::ledger::NewJob { delay: Duration::from_secs(60), ..sync("contoso", 1) };
    enqueue_one(&bench.store, later).await;
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty());
    assert!(bench.store.ledger().is_idle().await.expect("idle"), "what is planned for later is no work");
    bench.clock.advance(chrono::Duration::seconds(60));
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 1);
}

async fn tickets_that_were_not_published_are_put_back(bench: Bench) {
    let ledger = bench.store.ledger();
    ledger.enqueue(&[sync("contoso", 1), sync("contoso", 2), sync("contoso", 3)]).await.expect("enqueue");
    let tickets = dispatch(&bench.store, Role::Sync).await;
    claim(&bench.store, &tickets[..1], false).await;
    let back: Vec<(JobId, i64)> = tickets.iter().map(|ticket| (ticket.job, ticket.seq)).collect();
    assert_eq!(ledger.put_back(&back).await.expect("put back"), 2, "what was claimed meanwhile stays");
    let again = dispatch(&bench.store, Role::Sync).await;
    assert_eq!(again.iter().map(|ticket| ticket.seq).collect::<Vec<_>>(), [2, 2]);
    assert_eq!(ledger.put_back(&back).await.expect("put back"), 0, "old tickets put nothing back");
}

async fn lost_tickets_are_made_anew(bench: Bench) {
    let ledger = bench.store.ledger();
    enqueue_one(&bench.store, sync("contoso", 1)).await;
    let lost = dispatch(&bench.store, Role::Sync).await;
    assert_eq!(ledger.redispatch_all_dispatched().await.expect("sweep"), 0, "it may just be on its way");
    bench.clock.advance(chrono::Duration::seconds(6));
    assert_eq!(ledger.redispatch_lost(Duration::from_secs(120)).await.expect("sweep"), 0);
    assert_eq!(ledger.redispatch_all_dispatched().await.expect("sweep"), 1);
    let tickets = dispatch(&bench.store, Role::Sync).await;
    assert!(claim(&bench.store, &lost, true).await.is_empty(), "the old ticket turned up: it claims nothing");
    assert_eq!(claim(&bench.store, &tickets, false).await.len(), 1);
}

async fn jobs_are_parked_and_released_with_their_credential(bench: Bench) {
    let ledger = bench.store.ledger();
    let credential = CredentialId(uuid(7));
    let mut wish = sync("contoso", 1);
    wish.credential_id = Some(credential);
    enqueue_one(&bench.store, wish.clone()).await;
    let mut proof = job(JobKind::ConnectorAuthorize, JobSubject::connector(ConnectorId(uuid(1))));
    proof.credential_id = Some(credential);
    enqueue_one(&bench.store, proof).await;
    assert_eq!(ledger.park_for_auth(credential).await.expect("park"), 1);
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty());
    assert_eq!(dispatch(&bench.store, Role::Discovery).await.len(), 1, "the proof itself goes on");
    enqueue_one(&bench.store, wish).await;
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty(), "a new wish does not release it");
    assert_eq!(ledger.release_auth(credential).await.expect("release"), 1);
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 1);
}

async fn what_is_counted_and_when_all_is_done(bench: Bench) {
    let ledger = bench.store.ledger();
    assert!(ledger.is_idle().await.expect("idle"));
    ledger.enqueue(&[sync("contoso", 1), sync("contoso", 2)]).await.expect("enqueue");
    bench.clock.advance(chrono::Duration::seconds(5));
    assert_eq!(ledger.oldest_due_age(Role::Sync).await.expect("age"), Some(Duration::from_secs(5)));
    assert_eq!(ledger.oldest_due_age(Role::Refresh).await.expect("age"), None);
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let jobs = claim(&bench.store, &tickets, false).await;
    let load = |loads: Vec<crate::ledger::RoleLoad>| loads.into_iter().find(|load| load.role == Role::Sync);
    let busy = load(ledger.load().await.expect("load")).expect("the role");
    assert_eq!((busy.runnable, busy.running, busy.parked), (0, 2, 0));
    assert!(!ledger.is_idle().await.expect("idle"));
    finish(&bench.store, &jobs[0], End::Done).await;
    let failed =
        End::Failed { class: "x".to_owned(), message: "y".to_owned(), delay: Duration::from_secs(9) };
    finish(&bench.store, &jobs[1], failed).await;
    assert!(!ledger.is_idle().await.expect("idle"), "a job that waits for its next attempt is work");
    let parked = load(ledger.load().await.expect("load")).expect("the role");
    assert_eq!((parked.runnable, parked.running, parked.parked), (0, 0, 1));
    let counts = ledger.counts().await.expect("counts");
    assert_eq!(counts.len(), 1, "{counts:?}");
    assert_eq!((counts[0].waiting_reason, counts[0].jobs), (Some(WaitingReason::Retry), 1));
}

async fn only_what_was_done_long_ago_is_pruned(bench: Bench) {
    let ledger = bench.store.ledger();
    let done = claimed(&bench.store, sync("contoso", 1)).await;
    finish(&bench.store, &done, End::Done).await;
    let dead = claimed(&bench.store, sync("contoso", 2)).await;
    finish(&bench.store, &dead, End::Dead { class: "x".to_owned(), message: "y".to_owned() }).await;
    let day = Duration::from_secs(24 * 60 * 60);
    assert_eq!(ledger.prune_finished(day, 100).await.expect("prune"), 0);
    bench.clock.advance(chrono::Duration::hours(25));
    assert_eq!(ledger.prune_finished(day, 100).await.expect("prune"), 1);
    assert!(ledger.get(dead.lease.job_id).await.expect("get").is_some(), "a dead job stays for a person");
}
