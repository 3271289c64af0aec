//! One turn of a slot: a group of tickets from claim to acknowledgement.

use super::committing::commit;
use super::outcome::{Run, finish_of};
use super::{Shared, committing, refusal};
use crate::crash_point::{self, CrashPoint};
use crate::handler::{Handler, Slice};
use crate::telemetry::link_to;
use futures::FutureExt as _;
use muster_domain::JobId;
use muster_domain::job::{JobKind, WaitingReason};
use muster_messages::Ticket;
use muster_messages::ticket::UnreadableTicket;
use muster_queue::{Acknowledger, Delivery};
use muster_store::changes::Changes;
use muster_store::ledger::{ClaimedJob, End, Finish, Lease};
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, info_span};

/// A group of deliveries in the hands of one slot.
pub(super) struct Group {
    shared: Arc<Shared>,
    deliveries: Vec<Delivery>,
}

impl Group {
    pub(super) fn new(shared: Arc<Shared>, deliveries: Vec<Delivery>) -> Self {
        Self { shared, deliveries }
    }

    /// Claims, runs, commits, acknowledges.
    pub(super) async fn run(self) {
        let Self { shared, deliveries } = self;
        let (readable, acknowledgers) = sort_out(&shared, deliveries).await;
        if readable.is_empty() {
            Acknowledger::acknowledge_many(acknowledgers).await;
            return;
        }
        let Some(jobs) = committing::claim(&shared, &readable).await else {
            // The database stayed away: the tickets go back, nothing was claimed.
            give_back_all(acknowledgers).await;
            return;
        };
        shared.context.metrics.stale_tickets(shared.role, readable.len().saturating_sub(jobs.len()));
        let leases: Vec<Lease> = jobs.iter().map(|job| job.lease).collect();
        if !jobs.is_empty() {
            crash_point::reach(CrashPoint::Claimed);
            run_jobs(&shared, jobs).await;
            crash_point::reach(CrashPoint::OutcomeCommitted);
        }
        if shared.context.shutdown.hard().is_cancelled() {
            // First the leases, so that whoever is handed a ticket next finds its job free; what was committed has none.
            shared.leases.give_back(&leases).await;
            give_back_all(acknowledgers).await;
        } else {
            Acknowledger::acknowledge_many(acknowledgers).await;
        }
    }
}

async fn give_back_all(acknowledgers: Vec<Acknowledger>) {
    for acknowledger in acknowledgers {
        acknowledger.give_back().await;
    }
}

/// Splits off what is no ticket: kept for a person, with its bytes, and acknowledged with the rest.
async fn sort_out(shared: &Shared, deliveries: Vec<Delivery>) -> (Vec<(Ticket, bool)>, Vec<Acknowledger>) {
    let mut readable = Vec::with_capacity(deliveries.len());
    let mut acknowledgers = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        match delivery.ticket {
            Ok(ticket) => readable.push((ticket, delivery.redelivered)),
            Err(UnreadableTicket::Newer { job, error }) => {
                tracing::warn!(role = %shared.role, error, "a ticket is newer than this binary");
                if !put_back_newer(shared, job).await {
                    delivery.acknowledger.give_back().await;
                    continue;
                }
            }
            Err(error) => {
                if !committing::keep_unreadable(shared, delivery.body, &error).await {
                    delivery.acknowledger.give_back().await;
                    continue;
                }
            }
        }
        acknowledgers.push(delivery.acknowledger);
    }
    (readable, acknowledgers)
}

/// Its job waits for a newer binary. False where that could not be written.
async fn put_back_newer(shared: &Shared, job: Option<(JobId, i64)>) -> bool {
    // A ticket that does not even name its job: the job is dispatched again until a newer worker takes it.
    let Some(named) = job else { return true };
    match shared.context.store.ledger().put_back_newer(&[named]).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(role = %shared.role, error = %error, "the job of a newer ticket cannot be put back now");
            false
        }
    }
}

/// Runs claimed jobs, those of one kind together, and commits each kind's outcomes in one transaction.
async fn run_jobs(shared: &Arc<Shared>, jobs: Vec<ClaimedJob>) {
    let mut by_kind: BTreeMap<JobKind, Vec<ClaimedJob>> = BTreeMap::new();
    for job in jobs {
        by_kind.entry(job.kind).or_default().push(job);
    }
    for (kind, jobs) in by_kind {
        let span = span_of(shared, kind, &jobs);
        run_kind(shared, kind, jobs).instrument(span).await;
    }
}

fn span_of(shared: &Shared, kind: JobKind, jobs: &[ClaimedJob]) -> Span {
    let queue = format!("muster.v1.{}", shared.role);
    let span = info_span!(
        parent: None,
        "process",
        otel.name = format!("process {queue}"),
        otel.kind = "consumer",
        messaging.system = "muster",
        messaging.operation.type = "process",
        messaging.destination.name = queue,
        messaging.batch.message_count = jobs.len(),
        job.kind = %kind,
        job.id = tracing::field::Empty,
    );
    if let [job] = jobs {
        span.record("job.id", tracing::field::display(job.lease.job_id));
    }
    for trace in jobs.iter().filter_map(|job| job.trace.as_ref()) {
        link_to(&span, trace);
    }
    span
}

async fn run_kind(shared: &Arc<Shared>, kind: JobKind, jobs: Vec<ClaimedJob>) {
    let began = Instant::now();
    let now = shared.context.store.now().await.ok();
    for job in &jobs {
        if let Some(now) = now {
            shared.context.metrics.claimed(shared.role, (now - job.due_at).to_std().unwrap_or_default());
        }
    }
    let Some(handler) = shared.handlers.get(&kind).cloned() else {
        // This worker does not do it: it waits for one that does, and costs neither an attempt nor a crash.
        tracing::warn!(job.kind = %kind, count = jobs.len(), "no handler of this worker does this kind of job");
        let delay = muster_store::ledger::NEWER_WAITS;
        let end = || End::PutBack { reason: WaitingReason::UnknownVersion, delay, progress: None };
        let back =
            jobs.iter().map(|job| Finish { lease: job.lease, changes: Changes::default(), end: end() });
        commit(shared, back.collect()).await;
        return;
    };
    let lost: Vec<CancellationToken> = jobs.iter().map(|job| shared.leases.hold(job.lease)).collect();
    let runs = run_handler(shared, handler.as_ref(), &jobs, &lost).await;
    shared.context.metrics.processed(shared.role, kind, began.elapsed());
    let finishes = finishes_of(shared, &jobs, runs, now).await;
    crash_point::reach(CrashPoint::OutcomeReady);
    commit(shared, finishes).await;
    if shared.context.shutdown.hard().is_cancelled() {
        // What was committed has no lease any more; what was cut off is given back with all others.
        return;
    }
    for job in &jobs {
        shared.leases.forget(job.lease);
    }
}

async fn run_handler(
    shared: &Shared,
    handler: &dyn Handler,
    jobs: &[ClaimedJob],
    lost: &[CancellationToken],
) -> Vec<Run> {
    let settings = &shared.settings;
    let ends_at = Instant::now() + settings.slice;
    let slice = Slice::new(&shared.context.store, ends_at, shared.context.shutdown.soft().clone());
    let work = AssertUnwindSafe(handler.handle_group(jobs, &slice)).catch_unwind();
    let all_lost = async {
        for token in lost {
            token.cancelled().await;
        }
    };
    tokio::select! {
        biased;
        () = shared.context.shutdown.hard().cancelled() => each(jobs, || Run::Abandoned),
        result = work => match result {
            Ok(results) => results.into_iter().map(Run::from).collect(),
            Err(panic) => each(jobs, || Run::Panicked(text_of(panic.as_ref()))),
        },
        () = tokio::time::sleep_until(ends_at + settings.overrun) => each(jobs, || Run::Overran),
        () = all_lost => each(jobs, || Run::Abandoned),
    }
}

fn each(jobs: &[ClaimedJob], run: impl Fn() -> Run) -> Vec<Run> {
    jobs.iter().map(|_| run()).collect()
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the handler panicked".to_owned())
}

async fn finishes_of(
    shared: &Shared,
    jobs: &[ClaimedJob],
    runs: Vec<Run>,
    claimed_at: Option<chrono::DateTime<chrono::Utc>>,
) -> Vec<Finish> {
    // The database's clock decides how long a pause still is; the moment of the claim is the safe side.
    let now = match shared.context.store.now().await {
        Ok(now) => now,
        Err(_) => claimed_at.unwrap_or_default(),
    };
    let mut finishes = Vec::with_capacity(jobs.len());
    for (job, run) in jobs.iter().zip(runs) {
        let run = refusal::unless_outdated(&shared.context.store, job, run, claimed_at).await;
        if let Some((finish, name)) = finish_of(job, run, now, rand::random()) {
            log_failure(job, &finish);
            shared.context.metrics.ended(job.kind, name);
            finishes.push(finish);
        }
    }
    finishes
}

fn log_failure(job: &ClaimedJob, finish: &Finish) {
    match &finish.end {
        End::Failed { class, message, delay } => tracing::warn!(
            job.id = %job.lease.job_id, job.kind = %job.kind, job.attempt = job.attempt, class, error = message,
            delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), "an attempt failed"
        ),
        End::Dead { class, message } => tracing::error!(
            job.id = %job.lease.job_id, job.kind = %job.kind, class, error = message, "a job is set aside"
        ),
        End::PutBack { reason, .. } => tracing::info!(
            job.id = %job.lease.job_id, job.kind = %job.kind, reason = reason.as_str(), "a job waits"
        ),
        End::Parked { reason, class, message, delay } => tracing::info!(
            job.id = %job.lease.job_id, job.kind = %job.kind, reason = reason.as_str(), class, error = message,
            delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), "a job waits"
        ),
        End::Done | End::Continue { .. } | End::Released | End::Cancelled => (),
    }
}
