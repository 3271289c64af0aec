//! The end of runs: what jobs changed, what follows, what subscribers are told, and the jobs' own ends are one
//! transaction for a whole group.

use super::enqueue::value_table;
use super::{End, Finish, Finished, Lease, Ledger};
use crate::apply::{self, Applied};
use crate::changes::Changes;
use crate::dead_letters;
use crate::error::StoreError;
use crate::session::{Row, Session, milliseconds, padded, places, values};
use muster_domain::job::{JobState, WaitingReason};
use muster_domain::{JobId, LeaseToken};
use muster_messages::TraceContext;
use sea_orm::Value;
use std::collections::{HashMap, HashSet};

/// Class of the failure of a job whose changes the database refuses.
pub const REFUSED_CLASS: &str = "changes_refused";
/// Rows of one statement that ends jobs.
const ENDS_PER_STATEMENT: usize = 500;

impl Ledger {
    /// Ends runs; one answer per finish, in order. Finishes whose lease is lost are left out, all others commit. One
    /// whose changes the database refuses must not take the group with it: its job is dead, with the reason.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: nothing is committed; the same finishes may be tried again.
    pub async fn finish(&self, finishes: Vec<Finish>) -> Result<Vec<Finished>, StoreError> {
        if finishes.is_empty() {
            return Ok(Vec::new());
        }
        match self.finish_group(&finishes).await {
            Err(error) if !error.is_passing() => self.finish_each(finishes, &error).await,
            answers => answers,
        }
    }

    async fn finish_each(
        &self,
        finishes: Vec<Finish>,
        group_error: &StoreError,
    ) -> Result<Vec<Finished>, StoreError> {
        tracing::warn!(error = %group_error, count = finishes.len(), "a group of finishes is refused, trying each");
        let mut answers = Vec::with_capacity(finishes.len());
        for finish in finishes {
            let lease = finish.lease;
            let answer = match self.finish_group(&[finish]).await {
                Err(error) if !error.is_passing() => {
                    tracing::error!(job.id = %lease.job_id, error = %error, "job is dead: its changes are refused");
                    let end = End::Dead { class: REFUSED_CLASS.to_owned(), message: error.to_string() };
                    self.finish_group(&[Finish { lease, changes: Changes::default(), end }]).await
                }
                answer => answer,
            };
            answers.extend(answer?);
        }
        Ok(answers)
    }

    async fn finish_group(&self, finishes: &[Finish]) -> Result<Vec<Finished>, StoreError> {
        let installation = self.store.installation_id().await?;
        let max_attempts = self.store.inner.max_attempts;
        self.store
            .transaction(|session| async move {
                let fences = fence(&session, finishes.iter().map(|finish| finish.lease)).await?;
                let mut held = Vec::new();
                let mut answers = Vec::with_capacity(finishes.len());
                let mut seen = HashSet::new();
                for finish in finishes {
                    let (answer, is_held) = fences.judge(finish.lease);
                    answers.push(answer);
                    if is_held && seen.insert(finish.lease) {
                        held.push(finish);
                    }
                }
                let applied = Applied { installation, now_ms: fences.now_ms, max_attempts };
                let changes: Vec<(&Changes, Option<&TraceContext>)> =
                    held.iter().map(|finish| (&finish.changes, fences.trace(finish.lease.job_id))).collect();
                apply::apply(&session, &applied, &changes).await?;
                for chunk in held.chunks(ENDS_PER_STATEMENT) {
                    end(&session, chunk).await?;
                }
                Ok(answers)
            })
            .await
    }

    /// Commits one page of a run that goes on under the same lease, with where to go on from here.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: nothing is committed.
    pub async fn commit_page(
        &self,
        lease: Lease,
        changes: Changes,
        progress: serde_json::Value,
    ) -> Result<Finished, StoreError> {
        let (changes, progress) = (&changes, &progress);
        let installation = self.store.installation_id().await?;
        let max_attempts = self.store.inner.max_attempts;
        self.store
            .transaction(|session| async move {
                let fences = fence(&session, std::iter::once(lease)).await?;
                let (answer, is_held) = fences.judge(lease);
                if is_held {
                    let applied = Applied { installation, now_ms: fences.now_ms, max_attempts };
                    apply::apply(&session, &applied, &[(changes, fences.trace(lease.job_id))]).await?;
                    session
                        .run(
                            "UPDATE job SET progress = $2, updated_at_ms = {now} WHERE id = $1",
                            values![lease.job_id.0, progress.clone()],
                        )
                        .await?;
                }
                Ok(answer)
            })
            .await
    }
}

/// The locked rows of a group.
struct Fences {
    now_ms: i64,
    rows: HashMap<JobId, Fence>,
}

struct Fence {
    state: JobState,
    token: Option<LeaseToken>,
    finished_token: Option<LeaseToken>,
    trace: Option<TraceContext>,
}

impl Fences {
    /// What is to be said of a finish, and whether its lease is held, so that it is to be written.
    fn judge(&self, lease: Lease) -> (Finished, bool) {
        match self.rows.get(&lease.job_id) {
            Some(fence) if fence.state == JobState::Running && fence.token == Some(lease.token) => {
                (Finished::Committed, true)
            }
            Some(fence) if fence.finished_token == Some(lease.token) => (Finished::Committed, false),
            _ => (Finished::LeaseLost, false),
        }
    }

    fn trace(&self, job: JobId) -> Option<&TraceContext> {
        self.rows.get(&job).and_then(|fence| fence.trace.as_ref())
    }
}

/// Locks the jobs in the order of their ids, so that groups that meet wait for each other instead of dying.
async fn fence(session: &Session, leases: impl Iterator<Item = Lease>) -> Result<Fences, StoreError> {
    let mut jobs: Vec<JobId> = leases.map(|lease| lease.job_id).collect();
    jobs.sort();
    jobs.dedup();
    let jobs = padded(&jobs);
    let statement = format!(
        "SELECT id, state, lease_token, finished_token, traceparent, tracestate FROM job \
         WHERE id IN ({}) ORDER BY id {{for_update}}",
        places(1, jobs.len())
    );
    let rows = session.all("job", &statement, jobs.iter().map(|job| Value::from(job.0)).collect()).await?;
    // Read after the locks were waited for.
    let now_ms = session.now_ms().await?;
    let rows =
        rows.iter().map(|row| Ok((row.id("id")?, read_fence(row)?))).collect::<Result<_, StoreError>>()?;
    Ok(Fences { now_ms, rows })
}

fn read_fence(row: &Row) -> Result<Fence, StoreError> {
    Ok(Fence {
        state: row.parse("state", JobState::parse)?,
        token: row.optional_id("lease_token")?,
        finished_token: row.optional_id("finished_token")?,
        trace: super::row::trace(row)?,
    })
}

/// Statements (5), (6), (7) and (11) of the design in one, by the name of the end. A wish that came while the job
/// ran is kept until the job is done, and then runs it once more. An attempt is one without progress before it:
/// `Continue` counts from the start again; the failures, and the first error, are those since the job was asked for.
async fn end(session: &Session, finishes: &[&Finish]) -> Result<(), StoreError> {
    const COLUMNS: usize = 7;
    if finishes.is_empty() {
        return Ok(());
    }
    let parameters = finishes.iter().flat_map(|finish| end_values(finish)).collect();
    let statement = format!("{END} FROM {} {END_WHERE}", value_table(1, finishes.len(), COLUMNS));
    session.run(&statement, parameters).await?;
    let may_have_died = |end: &End| matches!(end, End::Failed { .. } | End::Dead { .. });
    let jobs: Vec<JobId> = finishes
        .iter()
        .filter(|finish| may_have_died(&finish.end))
        .map(|finish| finish.lease.job_id)
        .collect();
    dead_letters::bury(session, &jobs).await
}

const END: &str = "
    UPDATE job SET
        state = CASE given.column2
            WHEN 'done' THEN CASE WHEN job.rerun THEN 'pending' ELSE 'done' END
            WHEN 'failed' THEN CASE WHEN job.attempt >= job.max_attempts THEN 'dead' ELSE 'pending' END
            WHEN 'dead' THEN 'dead'
            WHEN 'cancelled' THEN 'cancelled'
            ELSE 'pending' END,
        waiting_reason = CASE given.column2
            WHEN 'put_back' THEN given.column3
            WHEN 'failed' THEN CASE WHEN job.attempt >= job.max_attempts THEN NULL ELSE 'retry' END
            ELSE NULL END,
        progress = CASE given.column2
            WHEN 'done' THEN NULL
            WHEN 'continue' THEN given.column4
            WHEN 'put_back' THEN COALESCE(given.column4, job.progress)
            ELSE job.progress END,
        attempt = CASE
            WHEN given.column2 IN ('done', 'continue') THEN 0
            WHEN given.column2 IN ('put_back', 'released') THEN {greatest}(job.attempt - 1, 0)
            ELSE job.attempt END,
        crash_count = CASE WHEN given.column2 IN ('done', 'continue') THEN 0 ELSE job.crash_count END,
        failure_count = CASE
            WHEN given.column2 = 'done' THEN 0
            WHEN given.column2 IN ('failed', 'dead') THEN job.failure_count + 1
            ELSE job.failure_count END,
        first_error_class = CASE
            WHEN given.column2 = 'done' THEN NULL
            WHEN given.column2 IN ('failed', 'dead') THEN COALESCE(job.first_error_class, given.column6)
            ELSE job.first_error_class END,
        first_error = CASE
            WHEN given.column2 = 'done' THEN NULL
            WHEN given.column2 IN ('failed', 'dead') AND job.first_error_class IS NULL THEN given.column7
            ELSE job.first_error END,
        wait_count = CASE
            WHEN given.column2 = 'done' THEN 0
            WHEN given.column2 IN ('put_back', 'failed') THEN job.wait_count + 1
            ELSE job.wait_count END,
        waiting_since_ms = CASE
            WHEN given.column2 IN ('done', 'continue') THEN NULL
            WHEN given.column2 IN ('put_back', 'failed') THEN COALESCE(job.waiting_since_ms, {now})
            ELSE job.waiting_since_ms END,
        due_at_ms = {now} + given.column5,
        last_error_class = CASE WHEN given.column2 = 'done' THEN NULL
            ELSE COALESCE(given.column6, job.last_error_class) END,
        last_error = CASE WHEN given.column2 = 'done' THEN NULL
            ELSE COALESCE(given.column7, job.last_error) END,
        rerun = CASE WHEN given.column2 IN ('done', 'dead', 'cancelled') THEN false ELSE job.rerun END,
        finished_token = job.lease_token,
        lease_token = NULL, lease_until_ms = NULL, lease_owner = NULL,
        finished_at_ms = CASE
            WHEN given.column2 = 'done' AND NOT job.rerun THEN {now}
            WHEN given.column2 IN ('dead', 'cancelled') THEN {now}
            WHEN given.column2 = 'failed' AND job.attempt >= job.max_attempts THEN {now}
            ELSE NULL END,
        updated_at_ms = {now}";

const END_WHERE: &str = "WHERE job.id = given.column1 AND job.state = 'running'";

fn end_values(finish: &Finish) -> Vec<Value> {
    let mut reason: Option<WaitingReason> = None;
    let mut progress: Option<serde_json::Value> = None;
    let mut delay_ms = 0_i64;
    let mut failure: Option<(String, String)> = None;
    let name = match &finish.end {
        End::Done => "done",
        End::Continue { progress: next } => {
            progress = Some(next.clone());
            "continue"
        }
        End::PutBack { reason: why, delay, progress: next } => {
            reason = Some(*why);
            delay_ms = milliseconds(*delay);
            progress.clone_from(next);
            "put_back"
        }
        End::Parked { reason: why, class, message, delay } => {
            reason = Some(*why);
            failure = Some((class.clone(), message.clone()));
            delay_ms = milliseconds(*delay);
            "put_back"
        }
        End::Failed { class, message, delay } => {
            failure = Some((class.clone(), message.clone()));
            delay_ms = milliseconds(*delay);
            "failed"
        }
        End::Dead { class, message } => {
            failure = Some((class.clone(), message.clone()));
            "dead"
        }
        End::Released => "released",
        End::Cancelled => "cancelled",
    };
    let (class, message) = failure.unzip();
    values![
        finish.lease.job_id.0,
        name,
        reason.map(|reason| reason.as_str().to_owned()),
        progress,
        delay_ms,
        class,
        message
    ]
}
