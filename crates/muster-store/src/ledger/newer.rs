//! Jobs of a newer binary: two releases run side by side while a fleet is brought up to date. What this one does not
//! know it neither dispatches nor lists; it waits as `unknown_version` for a binary that knows it.

use super::Ledger;
use crate::error::StoreError;
use crate::session::{Row, Session, milliseconds, padded, values};
use muster_domain::JobId;
use muster_domain::job::JobKind;
use sea_orm::Value;
use std::time::Duration;

/// How long a job of a newer binary waits where no newer binary starts meanwhile: an older worker that still takes
/// tickets must not have it again and again, and it must not wait long once that worker is gone.
pub const NEWER_WAITS: Duration = Duration::from_secs(10 * 60);
/// How long jobs of unknown kinds are due before they are marked: a newer dispatcher takes them sooner.
const NOBODY_TOOK_IT: Duration = Duration::from_secs(60);

/// Jobs of a kind that this binary does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKind {
    /// Its name.
    pub kind: String,
    /// Live jobs of it.
    pub jobs: u64,
}

impl Ledger {
    /// Puts back the jobs of tickets that a newer binary made, each with its sequence: they wait for such a binary, and
    /// no attempt is spent. The number of rows.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn put_back_newer(&self, tickets: &[(JobId, i64)]) -> Result<u64, StoreError> {
        if tickets.is_empty() {
            return Ok(0);
        }
        let tickets = &padded(tickets);
        self.store.transaction(|session| async move { put_back(&session, tickets).await }).await
    }

    /// Marks due jobs of unknown kinds which nobody took: they wait for a newer binary. The number of rows.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn park_unknown_kinds(&self) -> Result<u64, StoreError> {
        let statement = &format!(
            "UPDATE job AS j SET waiting_reason = 'unknown_version', due_at_ms = {{now}} + $1, \
             waiting_since_ms = COALESCE(j.waiting_since_ms, {{now}}), updated_at_ms = {{now}} \
             WHERE j.state = 'pending' AND j.waiting_reason IS DISTINCT FROM 'needs_auth' \
             AND j.due_at_ms <= {{now}} - $2 AND NOT ({})",
            known_kinds()
        );
        let parameters = &values![milliseconds(NEWER_WAITS), milliseconds(NOBODY_TOOK_IT)];
        self.store
            .transaction(|session| async move { session.run(statement, parameters.clone()).await })
            .await
    }

    /// Makes due what waits for a newer binary and this one knows: call it when a process starts.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn release_unknown_versions(&self) -> Result<u64, StoreError> {
        self.release_unknown_versions_of(&JobKind::ALL.map(JobKind::as_str)).await
    }

    /// The same for a binary that knows these kinds.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn release_unknown_versions_of(&self, kinds: &[&str]) -> Result<u64, StoreError> {
        if kinds.is_empty() {
            return Ok(0);
        }
        let statement = &format!(
            "UPDATE job SET due_at_ms = {{now}}, updated_at_ms = {{now}} \
             WHERE state = 'pending' AND waiting_reason = 'unknown_version' AND due_at_ms > {{now}} AND kind IN ({})",
            crate::session::places(1, kinds.len())
        );
        let parameters: &Vec<Value> = &kinds.iter().map(|kind| Value::from(*kind)).collect();
        self.store
            .transaction(|session| async move { session.run(statement, parameters.clone()).await })
            .await
    }

    /// Live jobs that this binary does not know, by their kind.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn unknown_kinds(&self) -> Result<Vec<UnknownKind>, StoreError> {
        let statement = format!(
            "SELECT j.kind AS name, count(*) AS jobs FROM job j \
             WHERE j.state IN ('pending', 'dispatched', 'running') AND NOT ({}) GROUP BY j.kind ORDER BY j.kind",
            known_kinds()
        );
        let rows = self.store.reader().all("job", &statement, values![]).await?;
        rows.iter()
            .map(|row: &Row| Ok(UnknownKind { kind: row.get("name")?, jobs: row.count("jobs")? }))
            .collect()
    }
}

/// Whether this binary knows the kind of `j`.
pub(super) fn known_kinds() -> String {
    let kinds: Vec<String> = JobKind::ALL.iter().map(|kind| format!("'{kind}'")).collect();
    format!("j.kind IN ({})", kinds.join(", "))
}

async fn put_back(session: &Session, tickets: &[(JobId, i64)]) -> Result<u64, StoreError> {
    /// Places before the pairs.
    const FIRST_PAIR: usize = 2;
    let pairs: Vec<String> = (0..tickets.len())
        .map(|index| {
            let place = FIRST_PAIR + 2 * index;
            format!("(id = ${place} AND dispatch_sequence = ${})", place + 1)
        })
        .collect();
    let mut parameters: Vec<Value> = values![milliseconds(NEWER_WAITS)];
    parameters.extend(tickets.iter().flat_map(|(job, sequence)| values![job.0, *sequence]));
    let statement = format!(
        "UPDATE job SET state = 'pending', waiting_reason = 'unknown_version', due_at_ms = {{now}} + $1, \
         wait_count = wait_count + 1, waiting_since_ms = COALESCE(waiting_since_ms, {{now}}), updated_at_ms = {{now}} \
         WHERE state = 'dispatched' AND ({})",
        pairs.join(" OR ")
    );
    session.run(&statement, parameters).await
}
