//! A transaction that fails, collides, or is committed without anybody hearing of it: who repeats what he asked for
//! ends where one try would have ended.

use super::fixtures::{self, LEASE, dispatch, enqueue_one, pass, sync, uuid};
use super::{Bench, on_both};
use crate::changes::Changes;
use crate::dead_letters::NewDeadLetter;
use crate::faults::{Fault, FaultAt};
use crate::inbox::{Acceptance, RequestEffects};
use crate::ledger::{Claim, ClaimedJob, End, Finish, Finished};
use crate::{Store, StoreError};
use muster_domain::job::{JobKind, JobState, JobSubject, Role};
use muster_domain::resource::ContentHash;
use muster_domain::{ConnectorId, OrganizationName, ProjectId};
use std::sync::Arc;

on_both!(
    a_claim_that_is_repeated_takes_its_own_leases,
    a_claim_that_is_repeated_takes_nobody_else_s_lease,
    a_finish_that_is_repeated_is_one_finish,
    a_page_that_is_repeated_is_one_page,
    a_request_that_is_repeated_has_its_effects_once,
    a_fact_that_is_forgotten_twice_is_gone_once,
    a_fault_is_what_it_says,
);

const FAULTS: [Fault; 3] = [Fault::Fails, Fault::Collides, Fault::DoneButErrored];

/// A store whose next transaction meets a fault.
async fn faulty(bench: &Bench, fault: Fault) -> Store {
    // Of an installation that is known, so that nothing is asked for but what the test does.
    let store = bench.another(|_| ()).await;
    store.installation_id().await.expect("an installation");
    let plan = Arc::new(FaultAt::new(2, fault));
    let store = bench.another(|options| options.faults = Some(plan)).await;
    store.installation_id().await.expect("the first transaction meets no fault");
    store
}

/// Asks until there is an answer, as callers do.
async fn repeated<T, F>(ask: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, StoreError>>,
{
    const MOST: usize = 2;
    for _ in 0..MOST {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert!(error.is_passing(), "{error}"),
        }
    }
    panic!("one fault is over after one try");
}

async fn claimed(bench: &Bench, store: &Store, project: u128) -> ClaimedJob {
    let id = enqueue_one(&bench.store, sync("contoso", project)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let ticket = tickets.into_iter().find(|ticket| ticket.job == id).expect("a ticket");
    let claim = Claim::of(&[(ticket, false)]);
    let ledger = store.ledger();
    repeated(|| ledger.claim_as(&claim, "worker", LEASE)).await.pop().expect("claimed")
}

async fn a_claim_that_is_repeated_takes_its_own_leases(bench: Bench) {
    for (project, fault) in (1..).zip(FAULTS) {
        let job = claimed(&bench, &faulty(&bench, fault).await, project).await;
        let view = bench.store.ledger().get(job.lease.job_id).await.expect("ask").expect("the job");
        assert_eq!((view.state, view.attempt, view.crash_count), (JobState::Running, 1, 0), "{fault:?}");
        assert_eq!(fixtures::finish(&bench.store, &job, End::Done).await, Finished::Committed, "{fault:?}");
    }
}

async fn a_claim_that_is_repeated_takes_nobody_else_s_lease(bench: Bench) {
    enqueue_one(&bench.store, sync("contoso", 1)).await;
    let tickets = dispatch(&bench.store, Role::Sync).await;
    let claim = Claim::of(&[(tickets[0].clone(), false)]);
    let ledger = bench.store.ledger();
    assert_eq!(ledger.claim_as(&claim, "first", LEASE).await.expect("claim").len(), 1);
    // The broker took the first one for dead meanwhile.
    let second = fixtures::claim(&bench.store, &tickets, true).await.pop().expect("taken over");
    assert!(ledger.claim_as(&claim, "first", LEASE).await.expect("claim").is_empty());
    assert_eq!(fixtures::finish(&bench.store, &second, End::Done).await, Finished::Committed);
}

async fn a_finish_that_is_repeated_is_one_finish(bench: Bench) {
    for (number, fault) in (1..).zip(FAULTS) {
        let connector = fixtures::connector_of(&bench.store, ConnectorId(uuid(number))).await.id;
        let job = claimed(&bench, &bench.store, number).await;
        let project = ProjectId(uuid(10));
        let subject = JobSubject::project(connector, OrganizationName::new("contoso"), project);
        let changes =
            Changes { jobs: vec![fixtures::job(JobKind::ProjectRefresh, subject)], ..pass(connector) };
        let before = bench.store.outbox().backlog().await.expect("backlog").pending;
        let store = faulty(&bench, fault).await;
        let finish = Finish { lease: job.lease, changes, end: End::Done };
        let ledger = store.ledger();
        let answers = repeated(|| ledger.finish(vec![finish.clone()])).await;
        assert_eq!(answers, [Finished::Committed], "{fault:?}");
        assert_eq!(dispatch(&bench.store, Role::Refresh).await.len(), 1, "{fault:?}");
        let inventory = bench.store.inventory().not_gone(connector, 100).await.expect("rows");
        let told = bench.store.outbox().backlog().await.expect("backlog").pending - before;
        assert_eq!((inventory.len(), told), (5, 5), "{fault:?}: five resources, a fact each");
    }
}

async fn a_page_that_is_repeated_is_one_page(bench: Bench) {
    for (number, fault) in (1..).zip(FAULTS) {
        let connector = ConnectorId(uuid(number));
        let job = claimed(&bench, &bench.store, number).await;
        let store = faulty(&bench, fault).await;
        let ledger = store.ledger();
        let page = repeated(|| ledger.commit_page(job.lease, pass(connector), 7.into()));
        assert_eq!(page.await, Finished::Committed, "{fault:?}");
        let detail = bench.store.ledger().detail(job.lease.job_id).await.expect("ask").expect("the job");
        assert_eq!((detail.view.state, detail.progress), (JobState::Running, Some(7.into())), "{fault:?}");
        let rows = bench.store.inventory().not_gone(connector, 100).await.expect("rows").len();
        assert_eq!(rows, 5, "{fault:?}");
    }
}

async fn a_request_that_is_repeated_has_its_effects_once(bench: Bench) {
    for (number, fault) in (1..).zip(FAULTS) {
        let store = faulty(&bench, fault).await;
        let effects = RequestEffects { jobs: vec![sync("contoso", number)], ..RequestEffects::default() };
        let (id, body) = (number.to_string(), ContentHash::of(&"body"));
        let inbox = store.inbox();
        let answer = repeated(|| inbox.accept("source", &id, body, &effects)).await;
        let heard = matches!(answer, Acceptance::Accepted(_));
        assert_eq!(heard, fault != Fault::DoneButErrored, "{fault:?}: {answer:?}");
        assert!(heard || answer == Acceptance::Duplicate, "{fault:?}: {answer:?}");
        assert_eq!(dispatch(&bench.store, Role::Sync).await.len(), 1, "{fault:?}");
    }
}

async fn a_fact_that_is_forgotten_twice_is_gone_once(bench: Bench) {
    let connector = fixtures::connector_of(&bench.store, ConnectorId(uuid(1))).await;
    fixtures::write(&bench, pass(connector.id)).await;
    for fault in FAULTS {
        let store = faulty(&bench, fault).await;
        let before = store.outbox().backlog().await.expect("backlog").pending;
        let hold = std::time::Duration::ZERO;
        let taken = bench.store.outbox().claim(1, hold).await.expect("claim");
        let (outbox, ids) = (store.outbox(), [taken[0].id]);
        repeated(|| outbox.published(&ids)).await;
        assert_eq!(store.outbox().backlog().await.expect("backlog").pending, before - 1, "{fault:?}");
    }
}

async fn a_fault_is_what_it_says(bench: Bench) {
    let letter =
        NewDeadLetter { origin: "test".to_owned(), reason_class: "x".to_owned(), ..NewDeadLetter::default() };
    for (fault, heard, kept) in
        [(Fault::Fails, false, 0), (Fault::DoneButErrored, false, 1), (Fault::Collides, true, 1)]
    {
        let before = bench.store.dead_letters().count().await.expect("count");
        let answer = faulty(&bench, fault).await.dead_letters().put(&letter).await;
        assert_eq!(answer.is_ok(), heard, "{fault:?}: a collision is tried again in place");
        let after = bench.store.dead_letters().count().await.expect("count");
        assert_eq!(after - before, kept, "{fault:?}");
    }
}
