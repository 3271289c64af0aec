//! Due jobs become tickets: fair between organizations, held back while their identity, their connector or what
//! people set about consumption does not let them run.
//!
//! A look at the first due jobs of every organization, a choice by what was spent ([`fairness`]), and a compare-and-set.
//! Where nothing is spent, organizations take turns by the places that they have.

use super::newer::known_kinds;
use super::row::trace;
use super::{Ledger, REQUESTED_PRIORITY};
use crate::budget::scopes;
use crate::clock::Backend;
use crate::error::StoreError;
use crate::session::{Row, Session, padded, places, values};
use muster_domain::budget::fairness::{self, DueJob, Standing};
use muster_domain::connector::ConnectorState;
use muster_domain::consumption_control::ControlScope;
use muster_domain::job::{JobKind, Role};
use muster_domain::{IdentityKey, JobId};
use muster_messages::Ticket;
use muster_messages::ticket::{TICKET_VERSION, TracedTicket};
use sea_orm::Value;
use std::collections::HashMap;
use std::time::Duration;

/// Joins of [`may_run`]. The control of a connector has no organization; the fairness key of a job is its connector's
/// id of 36 characters, and, behind a slash, its folded organization.
pub(super) const GATE_JOINS: &str = "
    LEFT JOIN connector c ON c.id = j.connector_id
    LEFT JOIN credential k ON k.id = j.credential_id
    LEFT JOIN budget b ON b.identity_key = k.budget_key
    LEFT JOIN consumption_control wide ON wide.connector_id = j.connector_id AND wide.organization_folded = ''
    LEFT JOIN consumption_control narrow ON narrow.connector_id = j.connector_id
        AND narrow.organization_folded = substr(j.fairness_key, 38) AND narrow.organization_folded <> ''";

/// Due jobs of one organization that are looked at: where all of them are held back, so are the others, which have the
/// same connector and credential.
const LOOKED_AT: usize = 128;
/// Due jobs of all organizations that are looked at first. Only where they leave places free are more looked at.
const LOOKED_AT_FIRST: usize = 1_024;
/// What was spent is compared over this window: every budget keeps one of about this length.
const SPENDING_WINDOW: Duration = muster_domain::budget::DEFAULT_WINDOW;

/// Whether the connector of `j` is at work, its identity is not paused, and no control holds it; in a statement with
/// [`GATE_JOINS`].
pub(super) fn may_run() -> String {
    let held = |control: &str| {
        format!(
            "(COALESCE({control}.paused, false) OR (j.priority > {REQUESTED_PRIORITY} \
             AND COALESCE({control}.rests_until_ms, 0) > {{now}}))"
        )
    };
    format!(
        "({}) AND (NOT j.spends_budget OR (COALESCE(b.blocked_until_ms, 0) <= {{now}} \
         AND NOT {} AND NOT {}))",
        connector_at_work(),
        held("wide"),
        held("narrow")
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
    /// run at the same moment may each add a batch. What a person waits for has a window of its own and comes first.
    /// Commit comes first: what is returned must be published, or put back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn dispatch(
        &self,
        role: Role,
        window: u32,
        batch: u32,
    ) -> Result<Vec<TracedTicket>, StoreError> {
        let reader = self.store.reader();
        let under_way = under_way(&reader, role).await?;
        let free = |taken: u32| usize::try_from(window.saturating_sub(taken).min(batch)).unwrap_or(0);
        let places = (free(under_way.urgent_tickets), free(under_way.other_tickets));
        if places == (0, 0) {
            return Ok(Vec::new());
        }
        let due = due_jobs(&reader, role, self.store.backend(), places).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let mut standings = under_way.standings;
        if due.iter().any(|job| job.identity.is_some()) {
            standings.extend(spendings(&self.store, &reader).await?);
        }
        let (urgent, others): (Vec<_>, Vec<_>) = due.into_iter().partition(is_urgent);
        let mut chosen = fairness::in_turn(urgent, &standings, places.0);
        let places_left = usize::try_from(batch).unwrap_or(usize::MAX).saturating_sub(chosen.len());
        chosen.extend(fairness::in_turn(others, &standings, places.1.min(places_left)));
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let chosen = &chosen;
        self.store.transaction(|session| async move { take(&session, chosen).await }).await
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

/// What is dispatched or runs.
struct UnderWay {
    urgent_tickets: u32,
    other_tickets: u32,
    standings: Vec<Standing>,
}

/// Two halves, so that each has its index.
async fn under_way(reader: &Session, role: Role) -> Result<UnderWay, StoreError> {
    let half = |state: &str| {
        format!(
            "SELECT j.fairness_key, k.budget_key, j.priority <= {REQUESTED_PRIORITY} AS urgent, \
                '{state}' AS state, count(*) AS jobs \
             FROM job j LEFT JOIN credential k ON k.id = j.credential_id \
             WHERE j.role = '{role}' AND j.state = '{state}' GROUP BY 1, 2, 3"
        )
    };
    let statement = format!("{} UNION ALL {}", half("dispatched"), half("running"));
    let mut under_way = UnderWay { urgent_tickets: 0, other_tickets: 0, standings: Vec::new() };
    for row in reader.all("job", &statement, values![]).await? {
        let jobs: u32 = row.count("jobs")?;
        if row.get::<String>("state")? == "dispatched" {
            let tickets = if row.get::<bool>("urgent")? {
                &mut under_way.urgent_tickets
            } else {
                &mut under_way.other_tickets
            };
            *tickets += jobs;
        }
        let identity: Option<String> = row.get("budget_key")?;
        let fairness_key: String = row.get("fairness_key")?;
        let Some(scope) = ControlScope::parse(&fairness_key) else {
            // One row that is not understood must not hold the others up.
            tracing::error!(fairness_key, "the fairness key of a job names no connector");
            continue;
        };
        under_way.standings.push(Standing {
            identity: identity.map(IdentityKey::subject),
            connector_id: scope.connector_id,
            fairness_key,
            spent_tstu: 0.0,
            on_the_way: jobs,
        });
    }
    Ok(under_way)
}

/// What every organization spent lately.
async fn spendings(store: &crate::Store, reader: &Session) -> Result<Vec<Standing>, StoreError> {
    let now = store.now().await?;
    let spent = scopes::spent_lately(reader).await?;
    let standing = |spent: scopes::Spent| Standing {
        spent_tstu: spent.at(now, SPENDING_WINDOW),
        identity: Some(IdentityKey::subject(spent.identity)),
        connector_id: spent.scope.connector_id,
        fairness_key: spent.scope.fairness_key(),
        on_the_way: 0,
    };
    Ok(spent.into_iter().map(standing).collect())
}

/// The first due jobs of every organization that may run: a few of each, or as many of each as there are places (of what
/// a person waits for, and of others) where those few leave places of others free. What a person waits for is first in
/// every organization, and what is left of it is found in the next round.
async fn due_jobs(
    reader: &Session,
    role: Role,
    backend: Backend,
    (urgent_places, other_places): (usize, usize),
) -> Result<Vec<DueJob<JobId>>, StoreError> {
    let places = urgent_places.max(other_places);
    let statement =
        format!("{} SELECT count(fairness_key) AS organizations FROM organizations", organizations(role));
    let counted = reader.one("job", &statement, values![]).await?;
    let organizations: usize = counted.map_or(Ok(0), |row| row.count("organizations"))?;
    if organizations == 0 {
        return Ok(Vec::new());
    }
    let of_each = LOOKED_AT.max(places);
    let few = (LOOKED_AT_FIRST.max(places) / organizations).clamp(1, of_each);
    let due = heads(reader, role, backend, places, few).await?;
    let others = due.iter().filter(|job| !is_urgent(job)).count();
    if few == of_each || others >= other_places {
        return Ok(due);
    }
    heads(reader, role, backend, places, of_each).await
}

/// Whether a person waits for it.
fn is_urgent(job: &DueJob<JobId>) -> bool {
    job.priority <= i64::from(REQUESTED_PRIORITY)
}

/// Up to `places` due jobs that may run, of the first `of_each` due jobs of every organization.
async fn heads(
    reader: &Session,
    role: Role,
    backend: Backend,
    places: usize,
    of_each: usize,
) -> Result<Vec<DueJob<JobId>>, StoreError> {
    let parameters = [places, of_each].map(|most| Value::from(i64::try_from(most).unwrap_or(i64::MAX)));
    let rows = reader.all("job", &due_statement(role, backend), parameters.to_vec()).await?;
    rows.iter()
        .map(|row| {
            let identity: Option<String> = row.get("budget_key")?;
            Ok(DueJob {
                id: row.id("id")?,
                identity: identity.map(IdentityKey::subject),
                connector_id: row.id("connector_id")?,
                fairness_key: row.get("fairness_key")?,
                priority: row.get("priority")?,
                due_at_ms: row.get("due_at_ms")?,
            })
        })
        .collect()
}

/// What can be dispatched, by its index `job_fair_ix`. The role stands in the text, so that the index is seen to fit.
fn indexed(job: &str, role: Role) -> String {
    format!(
        "{job}.role = '{role}' AND {job}.state = 'pending' AND {job}.waiting_reason IS DISTINCT FROM 'needs_auth'"
    )
}

/// Steps from organization to organization along the index `job_fair_ix`, so that the cost goes with their number and not
/// with that of pending jobs. The last row has none.
fn organizations(role: Role) -> String {
    format!(
        "WITH RECURSIVE organizations(fairness_key) AS (
            SELECT min(first.fairness_key) FROM job first WHERE {}
            UNION ALL
            SELECT (SELECT min(next.fairness_key) FROM job next
                WHERE {} AND next.fairness_key > organizations.fairness_key)
            FROM organizations WHERE organizations.fairness_key IS NOT NULL
        )",
        indexed("first", role),
        indexed("next", role)
    )
}

/// Looks at the head of every organization: of the first `$2` due jobs up to `$1` that may run.
pub(crate) fn due_statement(role: Role, backend: Backend) -> String {
    // Left alone, SQLite takes the index by due time and sorts.
    let by_index = match backend {
        Backend::Postgres => "",
        Backend::Sqlite => "INDEXED BY job_fair_ix",
    };
    let head = format!(
        "SELECT j.id FROM (
            SELECT j.id, j.kind, j.connector_id, j.credential_id, j.fairness_key, j.priority, j.due_at_ms,
                j.spends_budget, j.needs_connector
            FROM job j {by_index} WHERE {} AND j.fairness_key = organizations.fairness_key
                AND j.due_at_ms <= {{transaction_now}}
            ORDER BY j.priority, j.due_at_ms LIMIT $2
         ) AS j {GATE_JOINS} WHERE {} AND {} ORDER BY j.priority, j.due_at_ms LIMIT $1",
        indexed("j", role),
        known_kinds(),
        may_run()
    );
    let heads = match backend {
        Backend::Postgres => format!("CROSS JOIN LATERAL ({head}) AS head JOIN job due ON due.id = head.id"),
        Backend::Sqlite => format!("CROSS JOIN job due ON due.id IN ({head})"),
    };
    format!(
        "{} SELECT due.id, due.connector_id, due.fairness_key, due.priority, due.due_at_ms,
            CASE WHEN due.spends_budget THEN paid.budget_key END AS budget_key
        FROM organizations {heads}
        LEFT JOIN credential paid ON paid.id = due.credential_id
        WHERE organizations.fairness_key IS NOT NULL",
        organizations(role)
    )
}

/// Dispatches what was chosen and is still pending; in the order of the choice.
async fn take(session: &Session, chosen: &[JobId]) -> Result<Vec<TracedTicket>, StoreError> {
    let ids = padded(chosen);
    let statement = format!(
        "UPDATE job SET {DISPATCHED} WHERE id IN (
            SELECT id FROM job WHERE id IN ({}) AND {STILL_DUE} {{skip_locked}}
        ) RETURNING {TICKET_COLUMNS}",
        places(1, ids.len())
    );
    let rows = session.all("job", &statement, ids.iter().map(|job| Value::from(job.0)).collect()).await?;
    let mut tickets: HashMap<JobId, TracedTicket> = HashMap::with_capacity(rows.len());
    for row in &rows {
        let ticket = ticket(row)?;
        tickets.insert(ticket.ticket.job, ticket);
    }
    Ok(chosen.iter().filter_map(|job| tickets.remove(job)).collect())
}

const DISPATCHED: &str = "state = 'dispatched', waiting_reason = NULL, dispatched_at_ms = {now}, \
     dispatch_sequence = dispatch_sequence + 1, updated_at_ms = {now}";
const STILL_DUE: &str =
    "state = 'pending' AND waiting_reason IS DISTINCT FROM 'needs_auth' AND due_at_ms <= {now}";
const TICKET_COLUMNS: &str = "id, dispatch_sequence, kind, subject_key, fairness_key, priority, due_at_ms, \
     cause, traceparent, tracestate";

fn ticket(row: &Row) -> Result<TracedTicket, StoreError> {
    Ok(TracedTicket {
        ticket: Ticket {
            v: TICKET_VERSION,
            job: row.id("id")?,
            seq: row.get("dispatch_sequence")?,
            kind: row.parse("kind", JobKind::parse)?,
            subject: row.get("subject_key")?,
            cause: row.get("cause")?,
            urgent: row.get::<i64>("priority")? <= i64::from(REQUESTED_PRIORITY),
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
