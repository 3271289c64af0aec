//! A ticket becomes a lease. One statement claims a whole group.

use super::enqueue::value_table;
use super::newer::NEWER_WAITS;
use super::row::{CLAIMED_COLUMNS, claimed};
use super::{ClaimedJob, Ledger};
use crate::dead_letters;
use crate::error::StoreError;
use crate::session::{Row, Session, milliseconds, values};
use muster_domain::job::{JobKind, JobState};
use muster_domain::{JobId, LeaseToken};
use muster_messages::Ticket;
use sea_orm::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// Class of the failure of a job whose worker vanished too often.
pub const CRASH_LIMIT_CLASS: &str = "crash_limit";
/// Class of the failure of a job whose worker vanished, and which another worker took over.
pub const CRASHED_CLASS: &str = "crashed";
/// What is said of both.
const CRASHED_ERROR: &str = "its worker vanished while it had the job";
/// Class of the failure of a job whose row is not understood.
pub const INCONSISTENT_CLASS: &str = "inconsistent";

/// A claim of a group of tickets, with the tokens that its leases will have.
#[derive(Clone, Debug)]
pub struct Claim {
    asked: BTreeMap<JobId, Asked>,
}

impl Claim {
    /// A claim with fresh tokens: one for each time that tickets come.
    pub fn of(tickets: &[(Ticket, bool)]) -> Self {
        Self { asked: asked(tickets) }
    }
}

/// What a group of tickets asks for, one entry a job.
#[derive(Clone, Debug)]
struct Asked {
    sequence: i64,
    redelivered: bool,
    token: LeaseToken,
}

impl Ledger {
    /// Claims the jobs of tickets, each with whether the broker delivered it before. A redelivered ticket also takes
    /// over the lease of the worker that had it: that worker is gone, or will find its lease lost. Such a job has
    /// crashed once more, and is dead at the limit. Tickets that are missing in the answer are stale or duplicates,
    /// or their job is dead: acknowledge and forget them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn claim(
        &self,
        tickets: &[(Ticket, bool)],
        owner: &str,
        lease: Duration,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        self.claim_as(&Claim::of(tickets), owner, lease).await
    }

    /// The same for a claim that may be asked for again, where its answer was lost: what it took before is still its
    /// own, and is no crash.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: ask again with the same claim.
    pub async fn claim_as(
        &self,
        claim: &Claim,
        owner: &str,
        lease: Duration,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        let asked = &claim.asked;
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let crash_limit = i64::from(self.store.inner.crash_limit);
        self.store
            .transaction(|session| async move { take(&session, asked, owner, lease, crash_limit).await })
            .await
    }
}

fn asked(tickets: &[(Ticket, bool)]) -> BTreeMap<JobId, Asked> {
    let mut asked: BTreeMap<JobId, Asked> = BTreeMap::new();
    for (ticket, redelivered) in tickets {
        let entry = asked.entry(ticket.job).or_insert_with(|| Asked {
            sequence: ticket.seq,
            redelivered: *redelivered,
            token: LeaseToken(Uuid::new_v4()),
        });
        // Only the newest ticket of a job can claim anything.
        if ticket.seq > entry.sequence {
            entry.sequence = ticket.seq;
            entry.redelivered = *redelivered;
        }
    }
    asked
}

async fn take(
    session: &Session,
    asked: &BTreeMap<JobId, Asked>,
    owner: &str,
    lease: Duration,
    crash_limit: i64,
) -> Result<Vec<ClaimedJob>, StoreError> {
    const FIRST_ROW: usize = 7;
    const COLUMNS: usize = 4;
    let mut parameters: Vec<Value> =
        values![owner, milliseconds(lease), crash_limit, CRASH_LIMIT_CLASS, CRASHED_CLASS, CRASHED_ERROR];
    for (job, asked) in asked {
        parameters.extend(values![job.0, asked.sequence, asked.redelivered, asked.token.0]);
    }
    let given = value_table(FIRST_ROW, asked.len(), COLUMNS);
    let statement = claim_statement(&given);
    let mut jobs = Vec::new();
    let mut dead = Vec::new();
    for row in session.all("job", &statement, parameters).await? {
        if row.parse("state", JobState::parse)? == JobState::Dead {
            let job: JobId = row.id("id")?;
            tracing::warn!(job.id = %job, "job is dead: its worker vanished too often");
            dead.push(job);
            continue;
        }
        match claimed(&row) {
            Ok(job) => jobs.push(job),
            Err(error) => dead.extend(set_aside(session, &row, &error).await?),
        }
    }
    dead_letters::bury(session, &dead).await?;
    Ok(jobs)
}

/// Statement (3) of the design, for many tickets, with the take-over.
fn claim_statement(given: &str) -> String {
    let again = "job.lease_token IS NOT DISTINCT FROM given.column4";
    let crashes = &format!("job.state = 'running' AND NOT ({again})");
    let dies = &format!("{crashes} AND job.crash_count + 1 >= $3");
    format!(
        "UPDATE job SET
            state = CASE WHEN {dies} THEN 'dead' ELSE 'running' END,
            attempt = attempt + CASE WHEN job.state = 'running' THEN 0 ELSE 1 END,
            crash_count = crash_count + CASE WHEN {crashes} THEN 1 ELSE 0 END,
            lease_token = CASE WHEN {dies} THEN NULL ELSE given.column4 END,
            lease_until_ms = CASE WHEN {dies} THEN NULL ELSE {{now}} + $2 END,
            lease_owner = CASE WHEN {dies} THEN lease_owner ELSE $1 END,
            failure_count = failure_count + CASE WHEN {crashes} THEN 1 ELSE 0 END,
            first_error = CASE WHEN {crashes} AND first_error_class IS NULL THEN $6 ELSE first_error END,
            first_error_class = CASE WHEN {crashes} THEN COALESCE(first_error_class, $5) ELSE first_error_class END,
            last_error_class = CASE WHEN {dies} THEN $4 WHEN {crashes} THEN $5 ELSE last_error_class END,
            last_error = CASE WHEN {crashes} THEN $6 ELSE last_error END,
            finished_at_ms = CASE WHEN {dies} THEN {{now}} ELSE NULL END,
            updated_at_ms = {{now}}
        FROM {given}
        WHERE job.id = given.column1 AND job.dispatch_sequence = given.column2
            AND (job.state = 'dispatched' OR (job.state = 'running' AND (given.column3 OR {again})))
        RETURNING {CLAIMED_COLUMNS}"
    )
}

/// A row that is not understood: of a newer binary, whose kind of job this one does not know, or one that nobody will
/// understand. The job, where it is dead.
async fn set_aside(session: &Session, row: &Row, error: &StoreError) -> Result<Option<JobId>, StoreError> {
    let job: JobId = row.id("id")?;
    if JobKind::parse(&row.get::<String>("kind")?).is_none() {
        tracing::warn!(job.id = %job, error = %error, "a job is newer than this binary, it is put back");
        session.run(PUT_BACK_UNKNOWN, values![job.0, milliseconds(NEWER_WAITS)]).await?;
        return Ok(None);
    }
    tracing::error!(job.id = %job, error = %error, "job is dead: its row is not understood");
    session
        .run(
            "UPDATE job SET state = 'dead', lease_token = NULL, lease_until_ms = NULL, last_error_class = $2, \
             last_error = $3, first_error = CASE WHEN first_error_class IS NULL THEN $3 ELSE first_error END, \
             first_error_class = COALESCE(first_error_class, $2), failure_count = failure_count + 1, \
             finished_at_ms = {now}, updated_at_ms = {now} WHERE id = $1",
            values![job.0, INCONSISTENT_CLASS, error.to_string()],
        )
        .await?;
    Ok(Some(job))
}

/// Statement (6) of the design: no attempt is spent.
const PUT_BACK_UNKNOWN: &str = "
    UPDATE job SET state = 'pending', waiting_reason = 'unknown_version', attempt = {greatest}(attempt - 1, 0),
        wait_count = wait_count + 1, waiting_since_ms = COALESCE(waiting_since_ms, {now}), due_at_ms = {now} + $2,
        lease_token = NULL, lease_until_ms = NULL, lease_owner = NULL, updated_at_ms = {now}
    WHERE id = $1";
