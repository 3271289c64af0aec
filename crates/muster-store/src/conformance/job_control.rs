//! What people see of jobs, and do with them.

use super::connectors::transition;
use super::fixtures::{claim, claimed, connector, dispatch, enqueue_one, finish, job, sync, uuid};
use super::{Bench, on_both};
use crate::ledger::{End, JobControlError, JobDeed, JobFilter, NewJob};
use muster_domain::connector::ConnectorEvent;
use muster_domain::job::{JobKind, JobState, JobSubject, Role, WaitingReason};
use muster_domain::{ConnectorId, JobId, OrganizationName, ProjectId};
use std::time::Duration;

on_both!(
    a_dead_job_is_retried_with_all_its_attempts,
    what_waits_is_due_at_once_when_it_is_retried,
    a_cancelled_job_is_over_and_its_worker_hits_no_row,
    what_cannot_be_done_says_in_which_state_the_job_is,
    lists_are_filtered_and_come_in_pages,
    a_paused_connector_burns_no_attempts,
);

async fn die(bench: &Bench, wish: NewJob) -> JobId {
    let job = claimed(&bench.store, wish).await;
    finish(&bench.store, &job, End::Dead { class: "bad".to_owned(), message: "no".to_owned() }).await;
    job.lease.job_id
}

async fn a_dead_job_is_retried_with_all_its_attempts(bench: Bench) {
    let ledger = bench.store.ledger();
    let job = die(&bench, sync("contoso", 1)).await;
    let retried = ledger.retry(job, "the right was granted").await.expect("retry");
    assert_eq!((retried.state, retried.attempt, retried.finished_at), (JobState::Pending, 0, None));
    assert_eq!(retried.note.as_deref(), Some("retried: the right was granted"));
    assert_eq!(retried.last_error_class.as_deref(), Some("bad"), "what was wrong stays known");
    assert_eq!(ledger.retry(job, "").await.expect("again").due_at, retried.due_at, "once more is the same");
    let tickets = dispatch(&bench.store, Role::Sync).await;
    assert_eq!(tickets.len(), 1);
    let sent = ledger.retry(job, "").await.expect("it is on its way");
    assert_eq!((sent.state, sent.note.as_deref()), (JobState::Dispatched, Some("retried")));
    assert_eq!(claim(&bench.store, &tickets, false).await[0].attempt, 1);
}

async fn what_waits_is_due_at_once_when_it_is_retried(bench: Bench) {
    let ledger = bench.store.ledger();
    let waiting = claimed(&bench.store, sync("contoso", 1)).await;
    let end =
        End::Failed { class: "x".to_owned(), message: "y".to_owned(), delay: Duration::from_secs(3_600) };
    finish(&bench.store, &waiting, end).await;
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty());
    let view = ledger.retry(waiting.lease.job_id, "now").await.expect("retry");
    assert_eq!((view.waiting_reason, view.wait_count, view.waiting_since), (None, 0, None));
    assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 1);
}

async fn a_cancelled_job_is_over_and_its_worker_hits_no_row(bench: Bench) {
    let ledger = bench.store.ledger();
    let running = claimed(&bench.store, sync("contoso", 1)).await;
    let id = running.lease.job_id;
    let cancelled = ledger.cancel(id, "not wanted").await.expect("cancel");
    assert_eq!(
        (cancelled.state, cancelled.note.as_deref()),
        (JobState::Cancelled, Some("cancelled: not wanted"))
    );
    assert!(cancelled.finished_at.is_some());
    let late = finish(&bench.store, &running, End::Done).await;
    assert_eq!(late, crate::ledger::Finished::LeaseLost);
    let again = ledger.cancel(id, "once more").await.expect("it stays cancelled");
    assert_eq!(again.note, cancelled.note);
    enqueue_one(&bench.store, sync("contoso", 1)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    ledger.cancel(tickets[0].job, "").await.expect("a dispatched one too");
    assert!(claim(&bench.store, &tickets, false).await.is_empty());
}

async fn what_cannot_be_done_says_in_which_state_the_job_is(bench: Bench) {
    let ledger = bench.store.ledger();
    let running = claimed(&bench.store, sync("contoso", 1)).await;
    let id = running.lease.job_id;
    let error = ledger.retry(id, "").await.expect_err("it runs");
    assert!(matches!(
        error,
        JobControlError::WrongState { state: JobState::Running, deed: JobDeed::Retry, .. }
    ));
    assert_eq!(error.to_string(), format!("the job {id} is running: it cannot be retried"));
    finish(&bench.store, &running, End::Done).await;
    for error in
        [ledger.retry(id, "").await.expect_err("done"), ledger.cancel(id, "").await.expect_err("done")]
    {
        assert!(matches!(error, JobControlError::WrongState { state: JobState::Done, .. }), "{error}");
    }
    let dead = die(&bench, sync("contoso", 2)).await;
    let error = ledger.cancel(dead, "").await.expect_err("dead");
    assert!(matches!(
        error,
        JobControlError::WrongState { state: JobState::Dead, deed: JobDeed::Cancel, .. }
    ));
    let live = enqueue_one(&bench.store, sync("contoso", 2)).await;
    let error = ledger.retry(dead, "").await.expect_err("a live job does the same");
    assert!(matches!(error, JobControlError::SameWorkIsLive { live: found, .. } if found == live), "{error}");
    let unknown = JobId(uuid(3));
    assert!(matches!(ledger.cancel(unknown, "").await, Err(JobControlError::NotFound(id)) if id == unknown));
}

async fn lists_are_filtered_and_come_in_pages(bench: Bench) {
    let ledger = bench.store.ledger();
    for project in 0..5 {
        enqueue_one(&bench.store, sync(if project < 3 { "contoso" } else { "fabrikam" }, project)).await;
        bench.clock.advance(chrono::Duration::seconds(1));
    }
    let later = NewJob { delay: Duration::from_secs(3_600), ..sync("fabrikam", 9) };
    enqueue_one(&bench.store, later).await;
    let mut filter = JobFilter { limit: 2, ..JobFilter::default() };
    let mut seen = Vec::new();
    loop {
        let page = ledger.page(&filter).await.expect("page");
        seen.extend(page.jobs.iter().map(|view| (view.created_at, view.id)));
        let Some(next) = page.next else { break };
        // The way that it goes through addresses.
        filter.after = Some(next.to_string().parse().expect("a cursor"));
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    sorted.reverse();
    assert_eq!((seen.len(), &seen), (6, &sorted), "newest first, none twice, none left out");
    let count = |filter: JobFilter| {
        let ledger = ledger.clone();
        async move { ledger.list(&filter).await.expect("list").len() }
    };
    let organization = Some(OrganizationName::new("CONTOSO"));
    assert_eq!(count(JobFilter { organization, ..JobFilter::default() }).await, 3);
    assert_eq!(count(JobFilter { project_id: Some(ProjectId(uuid(4))), ..JobFilter::default() }).await, 1);
    let due_before = Some(bench.store.now().await.expect("now") + chrono::Duration::minutes(1));
    assert_eq!(count(JobFilter { due_before, ..JobFilter::default() }).await, 5);
    assert_eq!(count(JobFilter { waiting: vec![WaitingReason::Retry], ..JobFilter::default() }).await, 0);
    let kinds = vec![JobKind::ProjectSync];
    assert_eq!(
        count(JobFilter { kinds, connector: Some(ConnectorId(uuid(2))), ..JobFilter::default() }).await,
        0
    );
    let detail = ledger.detail(seen[0].1).await.expect("detail").expect("the job");
    assert_eq!((detail.view.id, detail.dispatch_sequence, detail.runs_again), (seen[0].1, 0, false));
    assert_eq!(detail.view.max_attempts, 8);
}

/// What was on its way when the pause came finds nothing to claim, and goes on where it was.
async fn a_paused_connector_burns_no_attempts(bench: Bench) {
    let main = connector(&bench.store, "main").await;
    let subject = JobSubject::project(main.id, OrganizationName::new("contoso"), ProjectId(uuid(10)));
    let id = enqueue_one(&bench.store, job(JobKind::ProjectSync, subject)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let connectors = bench.store.connectors();
    connectors.transition(&transition(main.id, ConnectorEvent::Pause), &[]).await.expect("pause");
    assert!(claim(&bench.store, &tickets, false).await.is_empty(), "its ticket is stale");
    bench.clock.advance(chrono::Duration::hours(1));
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty());
    let held = bench.store.ledger().get(id).await.expect("get").expect("the job");
    assert_eq!((held.state, held.attempt, held.crash_count), (JobState::Pending, 0, 0));
    connectors.transition(&transition(main.id, ConnectorEvent::Resume), &[]).await.expect("resume");
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let running = claim(&bench.store, &tickets, false).await.pop().expect("it goes on");
    assert_eq!(running.attempt, 1);
}
