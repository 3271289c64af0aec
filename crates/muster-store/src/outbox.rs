//! Facts that wait for their publication. A row is immutable; it is deleted by id once the broker has confirmed it.

use crate::Store;
use crate::apply::Applied;
use crate::entity::{event_outbox, upsert};
use crate::error::StoreError;
use crate::ledger::row::trace;
use crate::session::{Session, milliseconds, padded, places, values};
use chrono::{DateTime, Utc};
use muster_messages::{Fact, TraceContext};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::Value;
use sea_orm::sea_query::OnConflict;
use std::time::Duration;
use uuid::Uuid;

/// The event outbox of a store.
#[derive(Clone, Debug)]
pub struct Outbox {
    pub(crate) store: Store,
}

/// An event on its way out.
#[derive(Clone, Debug, PartialEq)]
pub struct OutgoingEvent {
    /// Its id: the same fact always has the same one.
    pub id: Uuid,
    /// Where it goes; also its type.
    pub routing_key: String,
    /// The event in structured JSON.
    pub body: Vec<u8>,
    /// Where in a trace it was caused.
    pub trace: Option<TraceContext>,
    /// How often its publication was tried, this time included.
    pub attempts: u32,
    /// When it was written.
    pub created_at: DateTime<Utc>,
}

/// What waits in the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxBacklog {
    /// Events.
    pub pending: u64,
    /// Age of the oldest.
    pub oldest_age: Option<Duration>,
}

impl Outbox {
    /// Takes up to `limit` due events in the order in which they were written, and keeps others off them for
    /// `hold`. What is neither published nor put back until then is taken again.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn claim(&self, limit: u32, hold: Duration) -> Result<Vec<OutgoingEvent>, StoreError> {
        let rows = self
            .store
            .transaction(|session| async move {
                session.all("event_outbox", CLAIM, values![i64::from(limit), milliseconds(hold)]).await
            })
            .await?;
        let mut events = rows
            .iter()
            .map(|row| {
                let event = OutgoingEvent {
                    id: row.id("id")?,
                    routing_key: row.get("routing_key")?,
                    body: row.get("body")?,
                    trace: trace(row)?,
                    attempts: row.count("attempts")?,
                    created_at: row.time("created_at_ms")?,
                };
                Ok((row.get::<i64>("sequence")?, event))
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        events.sort_by_key(|(sequence, _)| *sequence);
        Ok(events.into_iter().map(|(_, event)| event).collect())
    }

    /// Forgets events that the broker has confirmed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: they are published once more, under the same ids.
    pub async fn published(&self, events: &[Uuid]) -> Result<u64, StoreError> {
        if events.is_empty() {
            return Ok(0);
        }
        let (list, parameters) = &ids(1, events);
        self.store
            .transaction(|session| async move {
                session
                    .run(&format!("DELETE FROM event_outbox WHERE id IN ({list})"), parameters.clone())
                    .await
            })
            .await
    }

    /// Puts events back that could not be published.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn reschedule(&self, events: &[Uuid], delay: Duration) -> Result<u64, StoreError> {
        if events.is_empty() {
            return Ok(0);
        }
        let (list, mut parameters) = ids(2, events);
        parameters.insert(0, Value::from(milliseconds(delay)));
        let (list, parameters) = (&list, &parameters);
        self.store
            .transaction(|session| async move {
                let statement = format!(
                    "UPDATE event_outbox SET due_at_ms = {{now}} + $1, claimed_until_ms = 0 WHERE id IN ({list})"
                );
                session.run(&statement, parameters.clone()).await
            })
            .await
    }

    /// What waits.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn backlog(&self) -> Result<OutboxBacklog, StoreError> {
        let row = self
            .store
            .reader()
            .one(
                "event_outbox",
                "SELECT count(*) AS pending, {now} - min(created_at_ms) AS age_ms FROM event_outbox",
                values![],
            )
            .await?;
        let Some(row) = row else { return Ok(OutboxBacklog::default()) };
        let age: Option<i64> = row.get("age_ms")?;
        Ok(OutboxBacklog {
            pending: row.count("pending")?,
            oldest_age: age.map(|age| Duration::from_millis(u64::try_from(age).unwrap_or_default())),
        })
    }
}

const CLAIM: &str = "
    UPDATE event_outbox SET claimed_until_ms = {now} + $2, attempts = attempts + 1
    WHERE sequence IN (
        SELECT sequence FROM event_outbox WHERE due_at_ms <= {transaction_now} AND claimed_until_ms <= {now}
        ORDER BY sequence LIMIT $1 {skip_locked}
    )
    RETURNING sequence, id, routing_key, body, traceparent, tracestate, attempts, created_at_ms";

fn ids(first: usize, events: &[Uuid]) -> (String, Vec<Value>) {
    let events = padded(events);
    (places(first, events.len()), events.iter().map(|id| Value::from(*id)).collect())
}

/// Writes facts in the transaction of what they are about. The same fact is written once.
pub(crate) async fn put(
    session: &Session,
    applied: &Applied,
    facts: &[(Fact, Option<&TraceContext>)],
) -> Result<(), StoreError> {
    let mut seen = std::collections::HashSet::new();
    let mut rows = Vec::with_capacity(facts.len());
    for (fact, trace) in facts {
        let event = fact.to_event(applied.installation, *trace);
        let id = Uuid::parse_str(&event.id)
            .map_err(|error| StoreError::Invalid(format!("id {} of a fact: {error}", event.id)))?;
        if !seen.insert(id) {
            continue;
        }
        let body = serde_json::to_vec(&event)
            .map_err(|error| StoreError::Invalid(format!("body of the fact {id}: {error}")))?;
        rows.push(event_outbox::ActiveModel {
            sequence: NotSet,
            id: Set(id),
            routing_key: Set(event.event_type),
            body: Set(body),
            traceparent: Set(event.traceparent),
            tracestate: Set(event.tracestate),
            due_at_ms: Set(applied.now_ms),
            attempts: Set(0),
            claimed_until_ms: Set(0),
            created_at_ms: Set(applied.now_ms),
        });
    }
    let once = OnConflict::column(event_outbox::Column::Id).do_nothing().to_owned();
    upsert(session, rows, once).await?;
    Ok(())
}
