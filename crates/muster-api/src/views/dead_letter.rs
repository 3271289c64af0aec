//! Dead letters.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{DateTime, Utc};
use muster_domain::{ConnectorId, JobId};
use muster_store::dead_letters::{DeadLetter, LetterStatus};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// A dead letter as it is listed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterEntry {
    /// The letter.
    pub id: Uuid,
    /// When it was put here.
    pub seen_at: DateTime<Utc>,
    /// What became of it.
    pub status: LetterStatus,
    /// The queue or door it came from; `ledger` for a dead job.
    pub origin: String,
    /// Stable name of what is wrong.
    pub class: String,
    /// What is wrong, and what to do.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// How long it was when it came.
    pub bytes: u64,
    /// The job it belongs to.
    pub job_id: Option<JobId>,
    /// What that job does.
    pub job_kind: Option<String>,
    /// The connector that it is about.
    pub connector_id: Option<ConnectorId>,
}

impl From<&DeadLetter> for DeadLetterEntry {
    fn from(kept: &DeadLetter) -> Self {
        let letter = &kept.letter;
        Self {
            id: kept.id,
            seen_at: kept.seen_at,
            status: kept.status,
            origin: letter.origin.clone(),
            class: letter.reason_class.clone(),
            reason: letter.reason.clone(),
            attempts: kept.attempts,
            bytes: kept.original_bytes,
            job_id: letter.job_id,
            job_kind: letter.job_kind.clone(),
            connector_id: letter.connector_id,
        }
    }
}

/// A dead letter with what it said and what became of it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterDocument {
    /// What lists show.
    #[serde(flatten)]
    pub letter: DeadLetterEntry,
    /// What was wrong at first.
    pub first_error: Option<String>,
    /// What was wrong last.
    pub last_error: Option<String>,
    /// Its routing key.
    pub routing_key: Option<String>,
    /// Its headers.
    pub headers: Value,
    /// What it said; absent where that is no text.
    pub body: Option<String>,
    /// What it said, byte for byte.
    pub body_base64: String,
    /// Where in a trace it was asked for (W3C).
    pub traceparent: Option<String>,
    /// What belongs to that.
    pub tracestate: Option<String>,
    /// When it was replayed.
    pub replayed_at: Option<DateTime<Utc>>,
    /// By whom.
    pub replayed_by: Option<String>,
    /// What became of it then.
    pub replay_outcome: Option<String>,
    /// When it was discarded.
    pub discarded_at: Option<DateTime<Utc>>,
    /// By whom.
    pub discarded_by: Option<String>,
    /// Why.
    pub discard_reason: Option<String>,
}

impl From<&DeadLetter> for DeadLetterDocument {
    fn from(kept: &DeadLetter) -> Self {
        let letter = &kept.letter;
        Self {
            letter: DeadLetterEntry::from(kept),
            first_error: kept.first_error.clone(),
            last_error: kept.last_error.clone(),
            routing_key: letter.routing_key.clone(),
            headers: letter.headers.clone(),
            body: String::from_utf8(letter.raw.clone()).ok(),
            body_base64: BASE64_STANDARD.encode(&letter.raw),
            traceparent: letter.trace.as_ref().map(|trace| trace.traceparent.clone()),
            tracestate: letter.trace.as_ref().and_then(|trace| trace.tracestate.clone()),
            replayed_at: kept.replayed_at,
            replayed_by: kept.replayed_by.clone(),
            replay_outcome: kept.replay_outcome.clone(),
            discarded_at: kept.discarded_at,
            discarded_by: kept.discarded_by.clone(),
            discard_reason: kept.discard_reason.clone(),
        }
    }
}

/// What became of a letter by what was asked for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LetterOutcome {
    /// The letter.
    pub id: Uuid,
    /// True where this request did it; false where it was done before, and nothing happened.
    pub is_done_now: bool,
    /// What became of the letter.
    pub status: LetterStatus,
    /// What came of the replay, or why it was discarded.
    pub outcome: Option<String>,
    /// Who did it before.
    pub by: Option<String>,
    /// When.
    pub at: Option<DateTime<Utc>>,
}

impl LetterOutcome {
    /// Replayed now.
    pub fn replayed(id: Uuid, outcome: String) -> Self {
        Self::now(id, LetterStatus::Replayed, outcome)
    }

    /// Discarded now.
    pub fn discarded(id: Uuid, reason: String) -> Self {
        Self::now(id, LetterStatus::Discarded, reason)
    }

    fn now(id: Uuid, status: LetterStatus, outcome: String) -> Self {
        Self { id, is_done_now: true, status, outcome: Some(outcome), by: None, at: None }
    }

    /// Dealt with before.
    pub fn nothing_to_do(
        id: Uuid,
        status: LetterStatus,
        by: Option<String>,
        at: Option<DateTime<Utc>>,
        outcome: Option<String>,
    ) -> Self {
        Self { id, is_done_now: false, status, outcome, by, at }
    }

    /// Dealt with before, as the letter says.
    pub fn of_letter(letter: &DeadLetter) -> Self {
        let replayed = letter.status == LetterStatus::Replayed;
        let (by, at, outcome) = if replayed {
            (&letter.replayed_by, letter.replayed_at, &letter.replay_outcome)
        } else {
            (&letter.discarded_by, letter.discarded_at, &letter.discard_reason)
        };
        Self::nothing_to_do(letter.id, letter.status, by.clone(), at, outcome.clone())
    }
}

/// A group of letters whose replay began.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupReplay {
    /// Open letters that the filter finds.
    pub letters: u64,
    /// How many are replayed a second.
    pub rate_per_second: u32,
}

/// A group of letters that was discarded.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupDiscarded {
    /// How many.
    pub discarded: u64,
}
