//! Wishes become jobs, or join the live job of the same kind and subject.

use super::{Enqueued, Ledger, NewJob};
use crate::error::StoreError;
use crate::session::{Session, milliseconds, rows_of_places, values};
use muster_domain::JobId;
use muster_domain::job::JobKind;
use sea_orm::Value;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// Rows of one statement: far under the 32,766 values of SQLite and the 65,535 of PostgreSQL.
const ROWS_PER_STATEMENT: usize = 500;
/// Values of one row.
const VALUES_PER_ROW: usize = 17;

/// Statement (1) of the design, for many rows. A running job, and one that stopped half-way, is asked to run once
/// more from the start. A throttled job keeps its due time: a new wish must not defeat `Retry-After`.
const ON_CONFLICT: &str = "
    ON CONFLICT (kind, subject_key) WHERE state IN ('pending', 'dispatched', 'running') DO UPDATE SET
        rerun = job.rerun OR job.state = 'running' OR job.progress IS NOT NULL,
        due_at_ms = CASE WHEN job.state = 'pending' AND (job.waiting_reason IS NULL OR job.waiting_reason = 'retry')
            THEN {least}(job.due_at_ms, excluded.due_at_ms) ELSE job.due_at_ms END,
        priority = {least}(job.priority, excluded.priority),
        credential_id = COALESCE(excluded.credential_id, job.credential_id),
        updated_at_ms = excluded.updated_at_ms
    RETURNING id, kind, subject_key";

impl Ledger {
    /// Adds jobs, or joins them to live ones; one answer per wish, in order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn enqueue(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, StoreError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let max_attempts = self.store.inner.max_attempts;
        self.store
            .transaction(|session| async move { enqueue(&session, jobs.iter(), max_attempts).await })
            .await
    }
}

/// Wishes for the same work within one batch are joined before the database sees them.
struct Wish<'a> {
    job: &'a NewJob,
    id: JobId,
    delay_ms: i64,
    priority: i16,
}

pub(crate) async fn enqueue<'a>(
    session: &Session,
    jobs: impl Iterator<Item = &'a NewJob>,
    max_attempts: u32,
) -> Result<Vec<Enqueued>, StoreError> {
    // Sorted by key: batches that meet lock their common rows in the same order.
    let mut wishes: BTreeMap<(&'static str, String), Wish<'a>> = BTreeMap::new();
    let mut keys = Vec::new();
    for job in jobs {
        let key = (job.kind.as_str(), job.subject.key());
        let delay_ms = milliseconds(job.delay);
        let wish = wishes.entry(key.clone()).or_insert_with(|| Wish {
            job,
            id: JobId(Uuid::now_v7()),
            delay_ms,
            priority: job.priority,
        });
        wish.delay_ms = wish.delay_ms.min(delay_ms);
        wish.priority = wish.priority.min(job.priority);
        keys.push(key);
    }
    let all: Vec<(&(&'static str, String), &Wish<'a>)> = wishes.iter().collect();
    let mut stored: HashMap<(String, String), JobId> = HashMap::new();
    for chunk in all.chunks(ROWS_PER_STATEMENT) {
        insert(session, chunk, max_attempts, &mut stored).await?;
    }
    let mut seen = std::collections::HashSet::new();
    keys.into_iter()
        .map(|key| {
            let job_id = stored
                .get(&(key.0.to_owned(), key.1.clone()))
                .copied()
                .ok_or_else(|| StoreError::Statement(format!("the job {} {} gave no row", key.0, key.1)))?;
            let is_proposed = wishes.get(&key).is_some_and(|wish| wish.id == job_id);
            Ok(Enqueued { job_id, is_new: is_proposed && seen.insert(job_id) })
        })
        .collect()
}

async fn insert(
    session: &Session,
    wishes: &[(&(&'static str, String), &Wish<'_>)],
    max_attempts: u32,
    stored: &mut HashMap<(String, String), JobId>,
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(wishes.len());
    let mut parameters = Vec::with_capacity(wishes.len() * VALUES_PER_ROW);
    for (index, ((kind, subject_key), wish)) in wishes.iter().enumerate() {
        let place = |offset: usize| format!("${}", index * VALUES_PER_ROW + offset);
        let places: Vec<String> = (1..VALUES_PER_ROW).map(place).collect();
        rows.push(format!(
            "({}, {{now}} + {}, 'pending', {{now}}, {{now}})",
            places.join(", "),
            place(VALUES_PER_ROW)
        ));
        parameters.extend(row_values(wish, kind, subject_key, max_attempts));
    }
    let statement = format!(
        "INSERT INTO job (id, role, kind, subject_key, fairness_key, connector_id, organization, project_id, \
         credential_id, spends_budget, needs_connector, priority, max_attempts, cause, traceparent, tracestate, \
         due_at_ms, state, created_at_ms, updated_at_ms) VALUES {} {ON_CONFLICT}",
        rows.join(", ")
    );
    for row in session.all("job", &statement, parameters).await? {
        stored.insert((row.get("kind")?, row.get("subject_key")?), row.id("id")?);
    }
    Ok(())
}

fn row_values(wish: &Wish<'_>, kind: &str, subject_key: &str, max_attempts: u32) -> Vec<Value> {
    let job = wish.job;
    values![
        wish.id.0,
        job.kind.role().as_str(),
        kind,
        subject_key,
        job.subject.fairness_key(),
        job.subject.connector_id.0,
        job.subject.organization.as_ref().map(|name| name.as_str().to_owned()),
        job.subject.project_id.map(|id| id.0),
        job.credential_id.map(|id| id.0),
        job.kind.spends_budget(),
        needs_working_connector(job.kind),
        i64::from(wish.priority),
        i64::from(max_attempts),
        job.cause.as_str(),
        job.trace.as_ref().map(|trace| trace.traceparent.clone()),
        job.trace.as_ref().and_then(|trace| trace.tracestate.clone()),
        wish.delay_ms,
    ]
}

/// What proves a credential or takes a connector apart runs in every state of the connector.
pub(crate) fn needs_working_connector(kind: JobKind) -> bool {
    !matches!(kind, JobKind::ConnectorAuthorize | JobKind::ConnectorRemove)
}

/// `(id, …)` rows as a table of the columns `column1`, `column2`, …, which is what both databases call them.
pub(super) fn value_table(first: usize, rows: usize, columns: usize) -> String {
    format!("(VALUES {}) AS given", rows_of_places(first, rows, columns))
}
