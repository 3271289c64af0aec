//! Ends of runs, with what they change.

use super::fixtures::{claim, claimed, dispatch, enqueue_one, finish, finish_with, job, pass, sync, uuid};
use super::{Bench, on_both};
use crate::changes::Changes;
use crate::ledger::{End, Finish, Finished, REFUSED_CLASS};
use muster_domain::ConnectorId;
use muster_domain::job::{JobKind, JobState, JobSubject, Role, WaitingReason};
use muster_messages::fact::{FactPayload, IdentityThrottled};
use muster_messages::{Fact, TraceContext};
use std::time::Duration;

on_both!(
    what_a_job_changed_and_its_end_are_one,
    a_lost_lease_is_left_out_of_a_group,
    a_failing_job_is_dead_after_its_last_attempt,
    progress_gives_the_attempts_back,
    pages_commit_under_the_lease,
    facts_carry_the_trace_of_their_job,
    refused_changes_do_not_take_the_group_along,
    follow_up_jobs_join_jobs_that_end_in_the_same_group,
);

fn fact(number: i64) -> Fact {
    Fact {
        subject: "someone".to_owned(),
        sequence: number,
        time: super::fixtures::start(),
        payload: FactPayload::IdentityThrottled(IdentityThrottled {
            identity: "someone".to_owned(),
            until: super::fixtures::start(),
        }),
    }
}

async fn what_a_job_changed_and_its_end_are_one(bench: Bench) {
    let connector = ConnectorId(uuid(1));
    let job = claimed(&bench.store, sync("contoso", 10)).await;
    let subject = JobSubject::project(connector, "contoso".parse_name(), muster_domain::ProjectId(uuid(10)));
    let changes = Changes {
        jobs: vec![super::fixtures::job(JobKind::ProjectRefresh, subject)],
        facts: vec![fact(1), fact(1), fact(2)],
        ..pass(connector)
    };
    assert_eq!(finish_with(&bench.store, &job, changes.clone(), End::Done).await, Finished::Committed);
    assert_eq!(bench.store.inventory().not_gone(connector, 100).await.expect("rows").len(), 5);
    assert_eq!(dispatch(&bench.store, Role::Refresh).await.len(), 1);
    let backlog = bench.store.outbox().backlog().await.expect("backlog");
    assert_eq!(backlog.pending, 2, "the same fact is written once");
    // The same finish once more, as after an answer that got lost: committed, and nothing twice.
    assert_eq!(finish_with(&bench.store, &job, changes, End::Done).await, Finished::Committed);
    assert!(dispatch(&bench.store, Role::Refresh).await.is_empty());
    assert_eq!(bench.store.outbox().backlog().await.expect("backlog").pending, 2);
}

trait Named {
    fn parse_name(&self) -> muster_domain::OrganizationName;
}

impl Named for str {
    fn parse_name(&self) -> muster_domain::OrganizationName {
        muster_domain::OrganizationName::new(self)
    }
}

async fn a_lost_lease_is_left_out_of_a_group(bench: Bench) {
    let ledger = bench.store.ledger();
    ledger.enqueue(&[sync("contoso", 1), sync("contoso", 2), sync("contoso", 3)]).await.expect("enqueue");
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let jobs = claim(&bench.store, &tickets, false).await;
    claim(&bench.store, &tickets[1..2], true).await;
    let lost = jobs.iter().position(|job| job.lease.job_id == tickets[1].job).expect("the job");
    let finishes: Vec<Finish> = jobs
        .iter()
        .map(|job| {
            let connector = ConnectorId(job.lease.job_id.0);
            Finish { lease: job.lease, changes: pass(connector), end: End::Done }
        })
        .collect();
    let answers = ledger.finish(finishes).await.expect("finish");
    for (index, job) in jobs.iter().enumerate() {
        let written =
            bench.store.inventory().not_gone(ConnectorId(job.lease.job_id.0), 100).await.expect("rows").len();
        let expected = if index == lost { (Finished::LeaseLost, 0) } else { (Finished::Committed, 5) };
        assert_eq!((answers[index], written), expected);
    }
}

async fn a_failing_job_is_dead_after_its_last_attempt(bench: Bench) {
    let id = enqueue_one(&bench.store, sync("contoso", 1)).await;
    for attempt in 1..=8_u32 {
        let tickets = dispatch(&bench.store, Role::Sync).await;
        let job = claim(&bench.store, &tickets, false).await.pop().expect("claimed");
        assert_eq!(job.attempt, attempt);
        let delay = Duration::from_secs(10);
        let end = End::Failed { class: "timeout".to_owned(), message: "late".to_owned(), delay };
        finish(&bench.store, &job, end).await;
        let view = bench.store.ledger().get(id).await.expect("get").expect("the job");
        assert_eq!(view.last_error.as_deref(), Some("late"));
        let expected = if attempt < 8 {
            (JobState::Pending, Some(WaitingReason::Retry))
        } else {
            (JobState::Dead, None)
        };
        assert_eq!((view.state, view.waiting_reason), expected);
        assert!(dispatch(&bench.store, Role::Sync).await.is_empty(), "not before its time");
        bench.clock.advance(chrono::Duration::seconds(10));
    }
    assert!(dispatch(&bench.store, Role::Sync).await.is_empty());
}

async fn progress_gives_the_attempts_back(bench: Bench) {
    let job = claimed(&bench.store, sync("contoso", 1)).await;
    let failed = || End::Failed { class: "x".to_owned(), message: "y".to_owned(), delay: Duration::ZERO };
    finish(&bench.store, &job, failed()).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let second = claim(&bench.store, &tickets, false).await.pop().expect("claimed");
    assert_eq!(second.attempt, 2);
    finish(&bench.store, &second, End::Continue { progress: serde_json::json!({"page": 1}) }).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let third = claim(&bench.store, &tickets, false).await.pop().expect("claimed");
    assert_eq!((third.attempt, third.progress.clone()), (1, Some(serde_json::json!({"page": 1}))));
    finish(&bench.store, &third, failed()).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let fourth = claim(&bench.store, &tickets, false).await.pop().expect("claimed");
    assert_eq!(fourth.progress, Some(serde_json::json!({"page": 1})), "a failed attempt keeps what was done");
    assert_eq!(finish(&bench.store, &fourth, End::Released).await, Finished::Committed);
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let fifth = claim(&bench.store, &tickets, false).await.pop().expect("claimed");
    assert_eq!((fifth.attempt, fifth.progress.is_some()), (2, true));
}

async fn pages_commit_under_the_lease(bench: Bench) {
    let ledger = bench.store.ledger();
    let connector = ConnectorId(uuid(1));
    enqueue_one(&bench.store, sync("contoso", 1)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let job = claim(&bench.store, &tickets, false).await.pop().expect("claimed");
    let progress = serde_json::json!({"page": 1});
    let committed = ledger.commit_page(job.lease, pass(connector), progress.clone()).await.expect("commit");
    assert_eq!(committed, Finished::Committed);
    let taken = claim(&bench.store, &tickets, true).await.pop().expect("taken over");
    assert_eq!(taken.progress, Some(progress), "the next worker goes on after the page");
    let changes = pass(ConnectorId(uuid(2)));
    let late = ledger.commit_page(job.lease, changes, serde_json::json!({"page": 2})).await.expect("commit");
    assert_eq!(late, Finished::LeaseLost);
    assert!(bench.store.inventory().not_gone(ConnectorId(uuid(2)), 10).await.expect("rows").is_empty());
}

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

async fn facts_carry_the_trace_of_their_job(bench: Bench) {
    let trace = TraceContext { traceparent: TRACEPARENT.to_owned(), tracestate: Some("x=y".to_owned()) };
    let mut wish = sync("contoso", 1);
    wish.trace = Some(trace.clone());
    let job = claimed(&bench.store, wish).await;
    assert_eq!(job.trace, Some(trace));
    let changes = Changes { facts: vec![fact(1)], ..Changes::default() };
    finish_with(&bench.store, &job, changes, End::Done).await;
    let events = bench.store.outbox().claim(10, Duration::from_secs(30)).await.expect("claim");
    assert_eq!(events[0].event.traceparent.as_deref(), Some(TRACEPARENT));
    assert_eq!(events[0].event.tracestate.as_deref(), Some("x=y"));
}

async fn refused_changes_do_not_take_the_group_along(bench: Bench) {
    let ledger = bench.store.ledger();
    ledger.enqueue(&[sync("contoso", 1), sync("contoso", 2)]).await.expect("enqueue");
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let jobs = claim(&bench.store, &tickets, false).await;
    // An assessment of a resource that nobody ever saw.
    let organization =
        muster_domain::resource::ResourceKey::organization(muster_domain::OrganizationId(uuid(5)));
    let state = muster_domain::assessment::AssessmentState::Healthy;
    let write = super::fixtures::assessment(&bench, ConnectorId(uuid(2)), &organization, state, 1);
    let refused = Changes { assessments: vec![write], ..Changes::default() };
    let finishes = vec![
        Finish { lease: jobs[0].lease, changes: refused, end: End::Done },
        Finish { lease: jobs[1].lease, changes: pass(ConnectorId(uuid(1))), end: End::Done },
    ];
    assert_eq!(ledger.finish(finishes).await.expect("finish"), [Finished::Committed, Finished::Committed]);
    let dead = ledger.get(jobs[0].lease.job_id).await.expect("get").expect("the job");
    assert_eq!(dead.state, JobState::Dead);
    assert!(dead.last_error.is_some());
    let done = ledger.get(jobs[1].lease.job_id).await.expect("get").expect("the job");
    assert_eq!(done.state, JobState::Done);
    assert_eq!(REFUSED_CLASS, "changes_refused");
}

async fn follow_up_jobs_join_jobs_that_end_in_the_same_group(bench: Bench) {
    let ledger = bench.store.ledger();
    let refresh = job(JobKind::ConnectorDiscover, JobSubject::connector(ConnectorId(uuid(1))));
    let proof = job(JobKind::ConnectorAuthorize, JobSubject::connector(ConnectorId(uuid(1))));
    ledger.enqueue(&[refresh.clone(), proof]).await.expect("enqueue");
    let tickets = dispatch(&bench.store, Role::Discovery).await;
    let jobs = claim(&bench.store, &tickets, false).await;
    let finishes = jobs
        .iter()
        .map(|job| {
            let follows = job.kind == JobKind::ConnectorAuthorize;
            let jobs = if follows { vec![refresh.clone()] } else { Vec::new() };
            Finish { lease: job.lease, changes: Changes { jobs, ..Changes::default() }, end: End::Done }
        })
        .collect();
    ledger.finish(finishes).await.expect("finish");
    let tickets = dispatch(&bench.store, Role::Discovery).await;
    assert_eq!(tickets.len(), 1, "the discovery that just ended runs once more");
    assert_eq!(tickets[0].kind, JobKind::ConnectorDiscover);
}
