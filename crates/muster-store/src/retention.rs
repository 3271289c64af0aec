//! Nothing grows for ever: what is forgotten, when, and in batches that nobody waits for.
//!
//! Every table of the schema has a line in [`DECISIONS`]; a test compares them, so that a new table without a decision
//! is noticed.

mod expired;

pub use expired::Expired;

use crate::Store;
use crate::clock::Backend;
use crate::error::StoreError;
use crate::session::{milliseconds, padded, places, values};
use muster_domain::ConnectorId;
use muster_domain::connector::ConnectorState;
use sea_orm::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// Most rows that are deleted in one transaction: it takes well under a second, and work waits no longer for it.
pub const MOST_ROWS_PER_BATCH: u32 = 5_000;

/// How long things are kept after they have served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepFor {
    /// Jobs that are done or cancelled, since they ended.
    pub done_jobs: Duration,
    /// Jobs that are dead, since they ended; those with an open dead letter stay with it.
    pub dead_jobs: Duration,
    /// Requests by which duplicates are known, since they came.
    pub requests: Duration,
    /// Facts that no broker took, since they were written.
    pub unpublished_facts: Duration,
    /// What assessments were, since they changed; the last change of each stays while its resource is known.
    pub assessment_history: Duration,
    /// Who changed what.
    pub audit: Duration,
    /// Dead letters that nobody settled.
    pub open_dead_letters: Duration,
    /// Dead letters that were replayed or discarded, since then.
    pub settled_dead_letters: Duration,
    /// Resources that are gone, since then, with all that hangs on them.
    pub gone_resources: Duration,
    /// Processes that gave no sign of life.
    pub silent_processes: Duration,
    /// What was learnt of identities and scopes that spend nothing any more.
    pub unused_budgets: Duration,
    /// Connectors that were removed, since then.
    pub removed_connectors: Duration,
}

/// What is decided about every table: its name, and for how long its rows live.
pub const DECISIONS: [(&str, &str); 21] = [
    ("assessment", "with its resource"),
    ("assessment_history", "a while; the last change of each assessment with its resource"),
    ("audit", "a while"),
    ("budget", "while a credential draws on it, and a while longer"),
    ("connector", "until it is removed, and a while longer"),
    ("connector_organization", "with its connector"),
    ("consumption_control", "with its connector"),
    ("consumption_scope", "while something is spent, and a while longer"),
    ("credential", "until a person deletes it"),
    ("dead_letter", "a while; less once it is settled"),
    ("event_outbox", "until it is published; a while where nobody takes it, then it is told and forgotten"),
    ("heartbeat", "while the process gives signs of life, and a while longer"),
    ("inbox", "longer than any replay"),
    ("installation", "for ever: it is one row"),
    ("job", "while there is something to do, and a while longer"),
    ("organization_claim", "until its connector lets go of the organization"),
    ("reading", "while its organization or project is known, and a while longer"),
    ("relation", "while both ends are known"),
    ("resource", "until it is gone, and a while longer"),
    ("schedule", "with its connector"),
    ("seaql_migrations", "for ever: a row a release"),
];

/// Forgets what has served.
#[derive(Clone, Debug)]
pub struct Retention {
    pub(crate) store: Store,
}

impl Retention {
    /// Forgets one batch, at most `limit` rows; fewer mean that nothing more of this is due.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn forget(&self, what: Expired, keep: &KeepFor, limit: u32) -> Result<u64, StoreError> {
        let limit = limit.min(MOST_ROWS_PER_BATCH);
        if what == Expired::SchedulesOfNobody {
            return self.forget_schedules().await;
        }
        match self.store.backend() {
            Backend::Postgres => self.forget_at_once(what, what.kept(keep), limit).await,
            Backend::Sqlite => self.forget_what_was_seen(what, what.kept(keep), limit).await,
        }
    }

    /// One statement; rows that somebody else works on are left for the next time.
    async fn forget_at_once(&self, what: Expired, kept: Duration, limit: u32) -> Result<u64, StoreError> {
        let (table, condition) = (what.table(), what.condition());
        let statement = &format!(
            "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT t.ctid FROM {table} AS t WHERE {condition} LIMIT $2 \
             FOR UPDATE OF t SKIP LOCKED))"
        );
        self.store
            .transaction(|session| async move {
                session.run(statement, values![milliseconds(kept), i64::from(limit)]).await
            })
            .await
    }

    /// Looks beside the one writer, which is held for the deletion only; what changed meanwhile stays.
    async fn forget_what_was_seen(
        &self,
        what: Expired,
        kept: Duration,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let (table, condition) = (what.table(), what.condition());
        let look = format!("SELECT t.rowid AS place FROM {table} AS t WHERE {condition} LIMIT $2");
        let rows =
            self.store.reader().all(table, &look, values![milliseconds(kept), i64::from(limit)]).await?;
        let rows: Vec<i64> = rows.iter().map(|row| row.get("place")).collect::<Result<_, _>>()?;
        if rows.is_empty() {
            return Ok(0);
        }
        let rows = padded(&rows);
        let mut parameters: Vec<Value> = values![milliseconds(kept)];
        parameters.extend(rows.iter().map(|row| Value::from(*row)));
        let statement =
            &format!("DELETE FROM {table} AS t WHERE t.rowid IN ({}) AND {condition}", places(2, rows.len()));
        let parameters = &parameters;
        self.store
            .transaction(|session| async move { session.run(statement, parameters.clone()).await })
            .await
    }

    /// Schedules name their connector in text, which databases write in different ways.
    async fn forget_schedules(&self) -> Result<u64, StoreError> {
        let rows = self
            .store
            .reader()
            .all("schedule", "SELECT DISTINCT scope AS name FROM schedule WHERE scope <> ''", values![])
            .await?;
        // Looked at afterwards: whoever has a schedule has a row.
        let connectors = self.store.connectors().list().await?;
        let living: BTreeSet<ConnectorId> = connectors
            .iter()
            .filter(|connector| connector.state != ConnectorState::Removed)
            .map(|connector| connector.id)
            .collect();
        let mut forgotten = 0;
        for row in rows {
            let scope: String = row.get("name")?;
            let is_of_nobody = scope.parse::<ConnectorId>().is_ok_and(|id| !living.contains(&id));
            if is_of_nobody {
                forgotten += self.store.schedules().remove_scope(&scope).await?;
            }
        }
        Ok(forgotten)
    }
}
