//! Many processes at once, on the database's own clock.

use super::fixtures::{claim, dispatch, sync};
use super::{Bench, on_both};
use crate::Store;
use crate::ledger::{End, Finish, Finished, JobFilter, NewJob};
use muster_domain::job::{JobState, Role};
use muster_domain::{JobId, LeaseToken};
use muster_messages::Ticket;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

on_both!(
    racing_wishes_make_one_job_a_subject,
    racing_dispatchers_dispatch_each_job_once,
    racing_workers_claim_each_ticket_once,
    racing_take_overs_leave_one_holder,
    racing_finishes_commit_once,
    a_crowd_ends_every_job_exactly_once,
);

const TASKS: u32 = 8;

/// Runs `work` in as many tasks at once and gathers what they give.
async fn crowd<T, W, F>(store: &Store, work: W) -> Vec<T>
where
    T: Send + 'static,
    W: Fn(Store, u32) -> F,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..TASKS).map(|task| tokio::spawn(work(store.clone(), task))).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("the task"));
    }
    results
}

fn projects(count: u128) -> Vec<NewJob> {
    (0..count).map(|project| sync(&format!("organization-{}", project % 5), project)).collect()
}

async fn racing_wishes_make_one_job_a_subject(bench: Bench) {
    let store = bench.racing(TASKS).await;
    let ids = crowd(&store, |store, task| async move {
        let mut seen = HashSet::new();
        for round in 0..20_usize {
            let mut jobs = projects(20);
            jobs.rotate_left((usize::try_from(task).expect("small") * 3 + round) % 20);
            let answers = store.ledger().enqueue(&jobs).await.expect("enqueue");
            seen.extend(answers.into_iter().map(|answer| answer.job_id));
        }
        seen
    })
    .await;
    let all: HashSet<JobId> = ids.into_iter().flatten().collect();
    assert_eq!(all.len(), 20);
    let rows = store.ledger().list(&JobFilter::default()).await.expect("list");
    assert_eq!(rows.len(), 20);
}

async fn racing_dispatchers_dispatch_each_job_once(bench: Bench) {
    let store = bench.racing(TASKS).await;
    store.ledger().enqueue(&projects(400)).await.expect("enqueue");
    let tickets = crowd(&store, |store, _| async move {
        let mut mine: Vec<Ticket> = Vec::new();
        loop {
            let batch = store.ledger().dispatch(Role::Sync, 1_000, 7).await.expect("dispatch");
            mine.extend(batch.into_iter().map(|traced| traced.ticket));
            let left = store.ledger().counts().await.expect("counts");
            if left.iter().all(|count| count.state != JobState::Pending) {
                return mine;
            }
        }
    })
    .await;
    let tickets: Vec<Ticket> = tickets.into_iter().flatten().collect();
    let distinct: HashSet<JobId> = tickets.iter().map(|ticket| ticket.job).collect();
    assert_eq!((tickets.len(), distinct.len()), (400, 400));
    assert!(tickets.iter().all(|ticket| ticket.seq == 1));
}

async fn racing_workers_claim_each_ticket_once(bench: Bench) {
    let store = bench.racing(TASKS).await;
    store.ledger().enqueue(&projects(200)).await.expect("enqueue");
    let tickets = dispatch(&store, Role::Sync).await;
    let claimed = crowd(&store, |store, task| {
        let mut tickets = tickets.clone();
        tickets.rotate_left(usize::try_from(task).expect("small") * 25);
        async move {
            let mut mine = Vec::new();
            for group in tickets.chunks(10) {
                mine.extend(claim(&store, group, false).await.into_iter().map(|job| job.lease.job_id));
            }
            mine
        }
    })
    .await;
    let claimed: Vec<JobId> = claimed.into_iter().flatten().collect();
    assert_eq!(claimed.len(), 200);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>().len(), 200);
}

async fn racing_take_overs_leave_one_holder(bench: Bench) {
    let store = bench
        .another(|options| {
            options.clock = crate::DatabaseClock::Database;
            options.max_connections = TASKS;
            options.crash_limit = 100;
        })
        .await;
    store.ledger().enqueue(&[sync("contoso", 1)]).await.expect("enqueue");
    let tickets = dispatch(&store, Role::Sync).await;
    claim(&store, &tickets, false).await;
    let leases = crowd(&store, |store, _| {
        let tickets = tickets.clone();
        async move { claim(&store, &tickets, true).await.pop().expect("each takes over").lease }
    })
    .await;
    let tokens: HashSet<LeaseToken> = leases.iter().map(|lease| lease.token).collect();
    assert_eq!(tokens.len(), leases.len());
    let lost = store.ledger().renew(&leases, Duration::from_secs(45)).await.expect("renew");
    // Leases of one job are told apart by their tokens only.
    let view = store.ledger().get(leases[0].job_id).await.expect("get").expect("the job");
    assert_eq!(view.crash_count, TASKS);
    assert!(lost.len() < leases.len(), "one of them holds it");
    let mut committed = 0;
    for lease in leases {
        let finish = Finish { lease, changes: crate::changes::Changes::default(), end: End::Done };
        let answer = store.ledger().finish(vec![finish]).await.expect("finish")[0];
        committed += u32::from(answer == Finished::Committed);
    }
    assert_eq!(committed, 1, "only the last holder ends the job");
}

async fn racing_finishes_commit_once(bench: Bench) {
    let store = bench.racing(TASKS).await;
    store.ledger().enqueue(&projects(40)).await.expect("enqueue");
    let tickets = dispatch(&store, Role::Sync).await;
    let jobs = claim(&store, &tickets, false).await;
    let finishes: Vec<Finish> = jobs
        .iter()
        .map(|job| Finish {
            lease: job.lease,
            changes: super::fixtures::pass(muster_domain::ConnectorId(job.lease.job_id.0)),
            end: End::Done,
        })
        .collect();
    let answers = crowd(&store, |store, task| {
        let mut finishes = finishes.clone();
        finishes.rotate_left(usize::try_from(task).expect("small") * 5);
        async move { store.ledger().finish(finishes).await.expect("finish") }
    })
    .await;
    assert!(answers.iter().flatten().all(|answer| *answer == Finished::Committed));
    let view = store.inventory().not_gone(muster_domain::ConnectorId(jobs[0].lease.job_id.0), 100).await;
    assert_eq!(view.expect("rows").len(), 5);
}

/// Wishes, dispatchers, workers with leases that run out, put backs and finishes, all at once.
async fn a_crowd_ends_every_job_exactly_once(bench: Bench) {
    const SUBJECTS: u128 = 60;
    let store = bench.racing(TASKS).await;
    store.ledger().enqueue(&projects(SUBJECTS)).await.expect("enqueue");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let ends = crowd(&store, |store, task| async move {
        let mut ends: Vec<(JobId, i64)> = Vec::new();
        let ledger = store.ledger();
        while tokio::time::Instant::now() < deadline {
            let tickets: Vec<(Ticket, bool)> = ledger
                .dispatch(Role::Sync, 1_000, 5)
                .await
                .expect("dispatch")
                .into_iter()
                .map(|traced| (traced.ticket, false))
                .collect();
            let lease = Duration::from_millis(if task == 0 { 1 } else { 30_000 });
            let jobs = ledger.claim(&tickets, "worker", lease).await.expect("claim");
            // The first worker always vanishes with what it has.
            if task > 0 {
                let sequences: HashMap<JobId, i64> =
                    jobs.iter().map(|job| (job.lease.job_id, job.dispatch_sequence)).collect();
                let finishes: Vec<Finish> = jobs
                    .iter()
                    .map(|job| Finish {
                        lease: job.lease,
                        changes: crate::changes::Changes::default(),
                        end: End::Done,
                    })
                    .collect();
                let answers = ledger.finish(finishes).await.expect("finish");
                for (job, answer) in jobs.iter().zip(answers) {
                    if answer == Finished::Committed {
                        ends.push((job.lease.job_id, sequences[&job.lease.job_id]));
                    }
                }
            }
            ledger.reclaim_expired(10, 1_000).await.expect("reclaim");
            ledger.retry_waiting(&store).await;
            if ledger.is_idle().await.expect("idle") {
                break;
            }
        }
        ends
    })
    .await;
    let ends: Vec<(JobId, i64)> = ends.into_iter().flatten().collect();
    let distinct: HashSet<JobId> = ends.iter().map(|(job, _)| *job).collect();
    assert_eq!(ends.len(), usize::try_from(SUBJECTS).expect("small"), "every job ends once");
    assert_eq!(distinct.len(), ends.len());
}

impl crate::ledger::Ledger {
    /// Lets reclaimed jobs run without their wait, so that the race is over soon.
    async fn retry_waiting(&self, store: &Store) {
        store
            .reader()
            .run(
                "UPDATE job SET due_at_ms = 0 WHERE state = 'pending' AND waiting_reason = 'retry'",
                Vec::new(),
            )
            .await
            .ok();
    }
}
