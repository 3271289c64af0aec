//! Claims and commits that outlast a database that goes away for a while.

use super::Shared;
use muster_domain::backoff::Schedule;
use muster_messages::Ticket;
use muster_messages::ticket::UnreadableTicket;
use muster_store::StoreError;
use muster_store::dead_letters::{NewDeadLetter, UNREADABLE_TICKET_CLASS};
use muster_store::ledger::{Claim, ClaimedJob, Finish, Finished};
use tokio::time::Instant;

/// Claims the jobs of tickets; `None` where the database stayed away.
pub(super) async fn claim(shared: &Shared, tickets: &[(Ticket, bool)]) -> Option<Vec<ClaimedJob>> {
    let began = Instant::now();
    let mut attempt = 0;
    // The same one at every attempt: where only the answer was lost, what it took is found again.
    let claim = Claim::of(tickets);
    loop {
        attempt += 1;
        let ledger = shared.context.store.ledger();
        match ledger.claim_as(&claim, &shared.context.owner, shared.settings.lease).await {
            Ok(jobs) => return Some(jobs),
            Err(error) => {
                tracing::warn!(role = %shared.role, attempt, error = %error, "jobs cannot be claimed now");
                if began.elapsed() > shared.settings.hold || !wait(shared, attempt).await {
                    return None;
                }
            }
        }
    }
}

/// Commits outcomes in one transaction. A commit whose answer was lost is safe to repeat: the ledger knows the
/// tokens that finished.
pub(super) async fn commit(shared: &Shared, finishes: Vec<Finish>) {
    if finishes.is_empty() {
        return;
    }
    let makes_work = finishes.iter().any(|finish| {
        !finish.changes.jobs.is_empty() || matches!(finish.end, muster_store::ledger::End::Continue { .. })
    });
    let mut attempt = 0;
    loop {
        attempt += 1;
        match shared.context.store.ledger().finish(finishes.clone()).await {
            Ok(results) => {
                count_lost(shared, &results);
                if makes_work {
                    shared.context.work_was_made.notify_waiters();
                }
                return;
            }
            // It is nobody's fault, so it costs no attempt.
            Err(error) if error.is_passing() => {
                tracing::warn!(role = %shared.role, attempt, error = %error, "outcomes cannot be committed now");
                if !wait(shared, attempt).await {
                    return;
                }
            }
            Err(error) if finishes.len() > 1 => {
                // One outcome spoils the group: each is committed alone, so that the others are not held up.
                tracing::warn!(role = %shared.role, error = %error, "a group is committed one by one");
                for finish in finishes {
                    Box::pin(commit(shared, vec![finish])).await;
                }
                return;
            }
            Err(error) => {
                give_up(shared, &finishes, &error).await;
                return;
            }
        }
    }
}

/// An outcome that the database refuses for good counts as a failed attempt with that reason.
async fn give_up(shared: &Shared, finishes: &[Finish], error: &StoreError) {
    use muster_store::changes::Changes;
    use muster_store::ledger::End;
    tracing::error!(role = %shared.role, error = %error, "an outcome cannot be committed");
    let failed = finishes
        .iter()
        .map(|finish| Finish {
            lease: finish.lease,
            changes: Changes::default(),
            end: End::Failed {
                class: "commit".to_owned(),
                message: error.to_string(),
                delay: Schedule::JOB_RETRY.ceiling(1),
            },
        })
        .collect();
    if let Err(error) = shared.context.store.ledger().finish(failed).await {
        tracing::warn!(role = %shared.role, error = %error, "a lease is left to run out");
    }
}

fn count_lost(shared: &Shared, results: &[Finished]) {
    let lost = results.iter().filter(|result| **result == Finished::LeaseLost).count();
    if lost > 0 {
        tracing::warn!(role = %shared.role, count = lost, "outcomes were dropped, their jobs belong to somebody else");
        shared.context.metrics.leases_lost(shared.role, lost);
    }
}

/// Waits before the next try; false when the process lets go.
async fn wait(shared: &Shared, attempt: u32) -> bool {
    tokio::select! {
        () = shared.context.shutdown.hard().cancelled() => false,
        () = tokio::time::sleep(Schedule::DATABASE.delay(attempt, rand::random())) => true,
    }
}

/// Keeps what is no ticket, with its bytes, for a person. False where it could not be kept.
pub(super) async fn keep_unreadable(shared: &Shared, body: Vec<u8>, error: &UnreadableTicket) -> bool {
    tracing::error!(role = %shared.role, error = %error, bytes = body.len(), "an unreadable ticket is set aside");
    let letter = NewDeadLetter {
        origin: format!("muster.v1.{}", shared.role),
        routing_key: Some(shared.role.as_str().to_owned()),
        raw: body,
        reason_class: UNREADABLE_TICKET_CLASS.to_owned(),
        reason: error.to_string(),
        ..NewDeadLetter::default()
    };
    match shared.context.store.dead_letters().put(&letter).await {
        Ok(_) => true,
        Err(error) => {
            tracing::error!(role = %shared.role, error = %error, "an unreadable ticket cannot be kept");
            false
        }
    }
}
