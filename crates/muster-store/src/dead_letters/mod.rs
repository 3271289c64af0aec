//! What could not be read or done, kept as it came, for a person: requests that were refused, tickets that say nothing,
//! what the broker gave up, and every death of a job.

mod deaths;
mod discard;
mod list;
mod replay;
mod row;

pub use discard::Discarding;
pub use list::{DeadLetterFilter, DeadLetterPage, ReasonCount};
pub use replay::{ReplayAnswer, ReplayHold, ReplayStart};

pub(crate) use deaths::{bury, note_retried};

use crate::Store;
use crate::apply::Applied;
use crate::error::StoreError;
use crate::outbox;
use crate::session::{Session, milliseconds, values};
use chrono::{DateTime, Utc};
use muster_domain::{ConnectorId, JobId};
use muster_messages::event::EVENT_BYTES_MAX;
use muster_messages::request::holds_secret;
use muster_messages::{Fact, TraceContext};
use serde::Serialize;
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// The dead letters of a store.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    pub(crate) store: Store,
}

/// Bytes that are kept of a message: a request that may be taken is kept whole, of a larger one its beginning.
pub const LONGEST_KEPT_BYTES: usize = EVENT_BYTES_MAX;
/// Letters that are kept. Beyond, those that were dealt with make room first; see [`DeadLetters::make_room`].
pub const MOST_KEPT: u32 = 100_000;
/// Origin of the letters of dead jobs.
pub const LEDGER_ORIGIN: &str = "ledger";
/// Origin of the letters of facts that no broker takes.
pub const OUTBOX_ORIGIN: &str = "event_outbox";
/// Class of the letters of tickets that cannot be read.
pub const UNREADABLE_TICKET_CLASS: &str = "unreadable_ticket";

/// Letters that make room in one transaction.
const ROOM_BATCH: u32 = 500;
/// Member of the headers that says why a body is not there.
const BODY_LEFT_OUT: &str = "bodyLeftOut";
/// Why a body is left out.
pub const LOOKS_LIKE_A_SECRET: &str = "it holds what looks like a secret";

/// Something that could not be read or done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewDeadLetter {
    /// The queue or door it came from.
    pub origin: String,
    /// Its routing key.
    pub routing_key: Option<String>,
    /// Its body, byte for byte.
    pub raw: Vec<u8>,
    /// Its headers.
    pub headers: serde_json::Value,
    /// Stable name of what is wrong.
    pub reason_class: String,
    /// What is wrong, for people.
    pub reason: String,
    /// The job it belongs to.
    pub job_id: Option<JobId>,
    /// Where in a trace it was asked for.
    pub trace: Option<TraceContext>,
    /// What the job does; a newer binary may know kinds that this one does not.
    pub job_kind: Option<String>,
    /// The connector that it is about.
    pub connector_id: Option<ConnectorId>,
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LetterStatus {
    /// It waits for a person.
    Open,
    /// It was taken after all.
    Replayed,
    /// A person decided that it is not wanted.
    Discarded,
}

impl LetterStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Open, Self::Replayed, Self::Discarded];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Replayed => "replayed",
            Self::Discarded => "discarded",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

impl fmt::Display for LetterStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A dead letter as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Its row.
    pub id: Uuid,
    /// What it is.
    pub letter: NewDeadLetter,
    /// Bytes that it had; more than are kept where it was cut or left out.
    pub original_bytes: u64,
    /// When it was put here.
    pub seen_at: DateTime<Utc>,
    /// What became of it.
    pub status: LetterStatus,
    /// How often it was tried: failures of the job, or tries to take the request.
    pub attempts: u32,
    /// What was wrong at first.
    pub first_error: Option<String>,
    /// What was wrong last.
    pub last_error: Option<String>,
    /// When it was replayed.
    pub replayed_at: Option<DateTime<Utc>>,
    /// By whom.
    pub replayed_by: Option<String>,
    /// What became of it then, for people.
    pub replay_outcome: Option<String>,
    /// When it was discarded.
    pub discarded_at: Option<DateTime<Utc>>,
    /// By whom.
    pub discarded_by: Option<String>,
    /// Why.
    pub discard_reason: Option<String>,
}

/// Letters that made room for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Those that were dealt with.
    pub settled: u64,
    /// Those that nobody looked at: lost.
    pub open: u64,
}

impl DeadLetters {
    /// Keeps a letter. An overlong body is cut; one that holds what looks like a secret is left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn put(&self, letter: &NewDeadLetter) -> Result<Uuid, StoreError> {
        let letter = &Written::request(letter);
        self.store.transaction(|session| async move { write(&session, letter).await }).await
    }

    /// Keeps a letter and tells facts about it, in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn put_and_tell(&self, letter: &NewDeadLetter, facts: &[Fact]) -> Result<Uuid, StoreError> {
        let letter = &Written::request(letter);
        let facts: &Vec<_> = &facts.iter().map(|fact| (fact.clone(), None)).collect();
        let installation = self.store.installation_id().await?;
        let max_attempts = self.store.inner.max_attempts;
        self.store
            .transaction(|session| async move {
                let applied = Applied { installation, now_ms: session.now_ms().await?, max_attempts };
                outbox::put(&session, &applied, facts).await?;
                write(&session, letter).await
            })
            .await
    }

    /// Letters, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn list(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(self.page(&DeadLetterFilter::default(), None, limit).await?.letters)
    }

    /// How many letters wait for a person.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn count(&self) -> Result<u64, StoreError> {
        let open = DeadLetterFilter { status: Some(LetterStatus::Open), ..DeadLetterFilter::default() };
        self.count_matching(&open).await
    }

    /// Forgets letters older than that.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn prune(&self, older_than: Duration) -> Result<u64, StoreError> {
        self.store
            .transaction(|session| async move {
                session
                    .run(
                        "DELETE FROM dead_letter WHERE seen_at_ms < {now} - $1",
                        values![milliseconds(older_than)],
                    )
                    .await
            })
            .await
    }

    /// Forgets what is beyond `most`: the oldest of those that were dealt with, then the oldest of all. Callers tell of
    /// those that were open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn make_room(&self, most: u32) -> Result<Forgotten, StoreError> {
        let mut forgotten = Forgotten::default();
        loop {
            let kept = self.count_matching(&DeadLetterFilter::default()).await?;
            let beyond = kept.saturating_sub(u64::from(most)).min(u64::from(ROOM_BATCH));
            if beyond == 0 {
                return Ok(forgotten);
            }
            let beyond = i64::try_from(beyond).unwrap_or(i64::from(ROOM_BATCH));
            let (settled, open) = self
                .store
                .transaction(|session| async move {
                    let settled = session.run(FORGET_SETTLED, values![beyond]).await?;
                    let rest = beyond - i64::try_from(settled).unwrap_or(beyond);
                    let open = session.run(FORGET_OLDEST, values![rest]).await?;
                    Ok((settled, open))
                })
                .await?;
            forgotten.settled += settled;
            forgotten.open += open;
            if settled + open == 0 {
                return Ok(forgotten);
            }
        }
    }
}

const FORGET_SETTLED: &str = "
    DELETE FROM dead_letter WHERE id IN (
        SELECT id FROM dead_letter WHERE replayed_at_ms IS NOT NULL OR discarded_at_ms IS NOT NULL
        ORDER BY seen_at_ms, id LIMIT $1 {skip_locked}
    )";

const FORGET_OLDEST: &str = "
    DELETE FROM dead_letter WHERE id IN (
        SELECT id FROM dead_letter ORDER BY seen_at_ms, id LIMIT $1 {skip_locked}
    )";

/// A letter with how often what it holds was tried.
struct Written<'a> {
    letter: &'a NewDeadLetter,
    attempts: i64,
    first_error: Option<String>,
    last_error: Option<String>,
}

impl<'a> Written<'a> {
    /// What was looked at once, and refused.
    fn request(letter: &'a NewDeadLetter) -> Self {
        let error = Some(letter.reason.clone());
        Self { letter, attempts: 1, first_error: error.clone(), last_error: error }
    }
}

async fn write(session: &Session, written: &Written<'_>) -> Result<Uuid, StoreError> {
    let id = Uuid::now_v7();
    let letter = written.letter;
    let (raw, headers) = fit_to_keep(letter);
    let trace = letter.trace.as_ref();
    session
        .run(
            "INSERT INTO dead_letter (id, origin, routing_key, raw, original_bytes, headers, reason_class, reason, \
             job_id, job_kind, connector_id, attempts, first_error, last_error, traceparent, tracestate, seen_at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, {now})",
            values![
                id,
                letter.origin.as_str(),
                letter.routing_key.clone(),
                raw,
                i64::try_from(letter.raw.len()).unwrap_or(i64::MAX),
                headers,
                letter.reason_class.as_str(),
                without_nul(&letter.reason),
                letter.job_id.map(|job| job.0),
                letter.job_kind.clone(),
                letter.connector_id.map(|connector| connector.0),
                written.attempts,
                written.first_error.as_deref().map(without_nul),
                written.last_error.as_deref().map(without_nul),
                trace.map(|trace| trace.traceparent.clone()),
                trace.and_then(|trace| trace.tracestate.clone()),
            ],
        )
        .await?;
    Ok(id)
}

/// What is kept of body and headers: nothing that looks like a secret, nothing that PostgreSQL cannot hold, and no more
/// than there is room for.
fn fit_to_keep(letter: &NewDeadLetter) -> (Vec<u8>, serde_json::Value) {
    let mut headers = match serde_json::to_string(&letter.headers) {
        Ok(text) if text.len() > LONGEST_KEPT_BYTES => {
            serde_json::json!({ "headersLeftOut": "they are too long" })
        }
        Ok(text) if holds_secret(text.as_bytes()) => {
            serde_json::json!({ "headersLeftOut": "they hold what looks like a secret" })
        }
        // How JSON writes the one character that PostgreSQL's cannot hold.
        Ok(text) if text.contains("\\u0000") => {
            serde_json::json!({ "headersLeftOut": "they hold a NUL character" })
        }
        _ => letter.headers.clone(),
    };
    if holds_secret(&letter.raw) {
        if !headers.is_object() {
            headers = serde_json::json!({});
        }
        headers[BODY_LEFT_OUT] = LOOKS_LIKE_A_SECRET.into();
        return (Vec::new(), headers);
    }
    (letter.raw[..letter.raw.len().min(LONGEST_KEPT_BYTES)].to_vec(), headers)
}

/// Text of a database holds no NUL character.
fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
