//! Facts that wait for their publication. A row is immutable; it is deleted by id once the broker has confirmed it.

use crate::Store;
use crate::apply::Applied;
use crate::entity::{event_outbox, upsert};
use crate::error::StoreError;
use crate::session::{Row, Session, milliseconds, padded, places, values};
use crate::store::Subscribers;
use chrono::{DateTime, Utc};
use muster_messages::{CloudEvent, Fact, TraceContext};
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
    /// The event; its type is where it goes, its trace is where it was caused.
    pub event: CloudEvent,
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
    /// [`StoreError::Unavailable`].
    pub async fn claim(&self, limit: u32, hold: Duration) -> Result<Vec<OutgoingEvent>, StoreError> {
        let rows = self
            .store
            .transaction(|session| async move {
                session.all("event_outbox", CLAIM, values![i64::from(limit), milliseconds(hold)]).await
            })
            .await?;
        let mut events = Vec::with_capacity(rows.len());
        for row in &rows {
            match outgoing(row) {
                Ok(event) => events.push((row.get::<i64>("sequence")?, event)),
                // One row that is not understood must not hold the others up.
                Err(error) => tracing::error!(error = %error, "a fact cannot be published"),
            }
        }
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

fn outgoing(row: &Row) -> Result<OutgoingEvent, StoreError> {
    let body: Vec<u8> = row.get("body")?;
    Ok(OutgoingEvent {
        id: row.get("id")?,
        event: serde_json::from_slice(&body).map_err(|error| row.broken("body", error))?,
        attempts: row.count("attempts")?,
        created_at: row.time("created_at_ms")?,
    })
}

const CLAIM: &str = "
    UPDATE event_outbox SET claimed_until_ms = {now} + $2, attempts = attempts + 1
    WHERE sequence IN (
        SELECT sequence FROM event_outbox WHERE due_at_ms <= {transaction_now} AND claimed_until_ms <= {now}
        ORDER BY sequence LIMIT $1 {skip_locked}
    )
    RETURNING sequence, id, body, attempts, created_at_ms";

fn ids(first: usize, events: &[Uuid]) -> (String, Vec<Value>) {
    let events = padded(events);
    (places(first, events.len()), events.iter().map(|id| Value::from(*id)).collect())
}

/// Writes facts in the transaction of what they are about. The same fact is written once; none where nobody can hear.
pub(crate) async fn put(
    session: &Session,
    applied: &Applied,
    facts: &[(Fact, Option<&TraceContext>)],
) -> Result<(), StoreError> {
    if session.subscribers() == Subscribers::None {
        return Ok(());
    }
    for chunk in facts.chunks(FACTS_AT_A_TIME) {
        put_some(session, applied, chunk).await?;
    }
    Ok(())
}

/// Facts that are made into messages at a time: a message takes many times the memory of its fact.
const FACTS_AT_A_TIME: usize = 500;

async fn put_some(
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
