//! Due jobs become tickets: fair between organizations, held back while their identity or connector may not work.

use super::Ledger;
use super::row::trace;
use crate::error::StoreError;
use crate::session::{Row, Session, padded, values};
use muster_domain::JobId;
use muster_domain::connector::ConnectorState;
use muster_domain::job::{JobKind, Role};
use muster_messages::Ticket;
use muster_messages::ticket::{TICKET_VERSION, TracedTicket};
use sea_orm::Value;
use std::collections::HashMap;

/// Joins of [`may_run`].
pub(super) const GATE_JOINS: &str = "
    LEFT JOIN connector c ON c.id = j.connector_id
    LEFT JOIN credential k ON k.id = j.credential_id
    LEFT JOIN budget b ON b.identity_key = k.budget_key";

/// Whether the connector of `j` is at work and its identity is not paused; in a statement with [`GATE_JOINS`].
pub(super) fn may_run() -> String {
    format!(
        "({}) AND (NOT j.spends_budget OR b.blocked_until_ms IS NULL OR b.blocked_until_ms <= {{now}})",
        connector_at_work()
    )
}

/// Whether the connector `c` of `j` is at work. A job whose connector has no row is not held back.
pub(super) fn connector_at_work() -> String {
    let working = ConnectorState::ALL
        .into_iter()
        .filter(|state| state.may_work())
        .map(|state| format!("'{state}'"))
        .collect::<Vec<_>>()
        .join(", ");
    format!("NOT j.needs_connector OR c.state IS NULL OR c.state IN ({working})")
}

impl Ledger {
    /// Takes up to `batch` due jobs of `role` into the window of dispatched ones, which is soft: dispatchers that
    /// run at the same moment may each add a batch. Commit comes first: what is returned must be published, or put
    /// back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn dispatch(
        &self,
        role: Role,
        window: u32,
        batch: u32,
    ) -> Result<Vec<TracedTicket>, StoreError> {
        let statement = dispatch_statement();
        let statement = statement.as_str();
        let rows = self
            .store
            .transaction(|session| async move {
                let parameters = values![role.as_str(), i64::from(window), i64::from(batch)];
                session.all("job", statement, parameters).await
            })
            .await?;
        in_turn(rows)
    }

    /// Puts back what could not be published: due at once, where it was not claimed meanwhile. The number of rows.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn put_back(&self, tickets: &[(JobId, i64)]) -> Result<u64, StoreError> {
        if tickets.is_empty() {
            return Ok(0);
        }
        self.store.transaction(|session| async move { put_back(&session, tickets).await }).await
    }
}

/// Statement (2) of the design. The due time is compared with the start of the transaction, so that the index
/// bounds the scan, and again with the clock on the locked row.
fn dispatch_statement() -> String {
    format!(
        "WITH room AS (
            SELECT {{greatest}}(0, {{least}}($3, $2 - count(*))) AS free FROM job
            WHERE role = $1 AND state = 'dispatched'
        ), pick AS (
            SELECT id FROM (
                SELECT j.id, j.priority, j.due_at_ms,
                    row_number() OVER (PARTITION BY j.fairness_key ORDER BY j.priority, j.due_at_ms) AS turn
                FROM job j {GATE_JOINS}
                WHERE j.role = $1 AND j.state = 'pending' AND j.waiting_reason IS DISTINCT FROM 'needs_auth'
                    AND j.due_at_ms <= {{transaction_now}} AND {gate}
            ) AS due ORDER BY turn, priority, due_at_ms LIMIT (SELECT free FROM room)
        ), locked AS (
            SELECT id FROM job
            WHERE id IN (SELECT id FROM pick) AND state = 'pending'
                AND waiting_reason IS DISTINCT FROM 'needs_auth' AND due_at_ms <= {{now}}
            {{skip_locked}}
        )
        UPDATE job SET state = 'dispatched', waiting_reason = NULL, dispatched_at_ms = {{now}},
            dispatch_sequence = dispatch_sequence + 1, updated_at_ms = {{now}}
        WHERE id IN (SELECT id FROM locked)
        RETURNING id, dispatch_sequence, kind, subject_key, fairness_key, priority, due_at_ms, cause,
            traceparent, tracestate",
        gate = may_run()
    )
}

/// Rows come back in any order: organizations take turns again.
fn in_turn(rows: Vec<Row>) -> Result<Vec<TracedTicket>, StoreError> {
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let order: (i64, i64) = (row.get("priority")?, row.get("due_at_ms")?);
        found.push((row.get::<String>("fairness_key")?, order, ticket(&row)?));
    }
    found.sort_by_key(|(_, order, _)| *order);
    let mut turns: HashMap<String, u64> = HashMap::new();
    let mut ordered: Vec<(u64, (i64, i64), TracedTicket)> = found
        .into_iter()
        .map(|(fairness_key, order, ticket)| {
            let turn = turns.entry(fairness_key).or_default();
            *turn += 1;
            (*turn, order, ticket)
        })
        .collect();
    ordered.sort_by_key(|(turn, order, _)| (*turn, *order));
    Ok(ordered.into_iter().map(|(_, _, ticket)| ticket).collect())
}

fn ticket(row: &Row) -> Result<TracedTicket, StoreError> {
    Ok(TracedTicket {
        ticket: Ticket {
            v: TICKET_VERSION,
            job: row.id("id")?,
            seq: row.get("dispatch_sequence")?,
            kind: row.parse("kind", JobKind::parse)?,
            subject: row.get("subject_key")?,
            cause: row.get("cause")?,
        },
        trace: trace(row)?,
    })
}

async fn put_back(session: &Session, tickets: &[(JobId, i64)]) -> Result<u64, StoreError> {
    const TICKETS_PER_STATEMENT: usize = 500;
    let mut count = 0;
    for chunk in tickets.chunks(TICKETS_PER_STATEMENT) {
        let chunk = padded(chunk);
        let pairs: Vec<String> = (0..chunk.len())
            .map(|index| format!("(id = ${} AND dispatch_sequence = ${})", index * 2 + 1, index * 2 + 2))
            .collect();
        let parameters: Vec<Value> =
            chunk.iter().flat_map(|(job, sequence)| values![job.0, *sequence]).collect();
        let statement = format!(
            "UPDATE job SET state = 'pending', due_at_ms = {{now}}, updated_at_ms = {{now}} \
             WHERE state = 'dispatched' AND id IN (SELECT id FROM job WHERE {} {{for_update}})",
            pairs.join(" OR ")
        );
        count += session.run(&statement, parameters).await?;
    }
    Ok(count)
}
