//! Letters of jobs, written in the transaction in which they die.

use super::{LEDGER_ORIGIN, LONGEST_KEPT_BYTES, NewDeadLetter, Written, write};
use crate::error::StoreError;
use crate::ledger::row::trace;
use crate::session::{Row, Session, places, values};
use muster_domain::{ConnectorId, JobId, ProjectId};
use sea_orm::Value;
use serde::{Deserialize, Serialize};

/// Class of a job that died without one.
const UNKNOWN_CLASS: &str = "unknown";

/// A job as its letter holds it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobDocument {
    /// A newer binary may have written a kind that this one does not know.
    pub(super) kind: String,
    pub(super) subject: SubjectDocument,
    pub(super) cause: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) progress: Option<serde_json::Value>,
}

/// What a job was about.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubjectDocument {
    pub(super) connector_id: ConnectorId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) organization: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) project_id: Option<ProjectId>,
}

/// Writes a letter for each of these jobs that is dead: call it where they died, once.
pub(crate) async fn bury(session: &Session, jobs: &[JobId]) -> Result<(), StoreError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let statement = format!(
        "SELECT id, kind, connector_id, organization, project_id, cause, progress, failure_count, first_error_class, \
         first_error, last_error_class, last_error, traceparent, tracestate FROM job \
         WHERE id IN ({}) AND state = 'dead' ORDER BY id",
        places(1, jobs.len())
    );
    let parameters = jobs.iter().map(|job| Value::from(job.0)).collect();
    for row in session.all("job", &statement, parameters).await? {
        let first_error = error_of(&row, "first_error_class", "first_error")?;
        let last_error = error_of(&row, "last_error_class", "last_error")?;
        let attempts = row.get::<i64>("failure_count")?.max(1);
        let letter = &letter_of(&row)?;
        write(session, &Written { letter, attempts, first_error, last_error }).await?;
    }
    Ok(())
}

/// The letters of a dead job that a person has run again: nobody needs to look at them any more.
pub(crate) async fn note_retried(session: &Session, job: JobId, reason: &str) -> Result<(), StoreError> {
    const BY: &str = "job retry";
    let outcome = if reason.is_empty() {
        "its job was retried".to_owned()
    } else {
        format!("its job was retried: {reason}")
    };
    session
        .run(
            "UPDATE dead_letter SET replayed_at_ms = {now}, replayed_by = $2, replay_outcome = $3 \
             WHERE job_id = $1 AND origin = $4 AND replayed_at_ms IS NULL AND discarded_at_ms IS NULL",
            values![job.0, BY, outcome, LEDGER_ORIGIN],
        )
        .await?;
    Ok(())
}

fn letter_of(row: &Row) -> Result<NewDeadLetter, StoreError> {
    let connector_id: ConnectorId = row.id("connector_id")?;
    let mut document = JobDocument {
        kind: row.get("kind")?,
        subject: SubjectDocument {
            connector_id,
            organization: row.get("organization")?,
            project_id: row.optional_id("project_id")?,
        },
        cause: row.get("cause")?,
        // Progress that cannot be read is one of the things that a job dies of.
        progress: row.get("progress").unwrap_or_default(),
    };
    let mut raw = json(&document)?;
    if raw.len() > LONGEST_KEPT_BYTES {
        document.progress = None;
        raw = json(&document)?;
    }
    let reason_class =
        row.get::<Option<String>>("last_error_class")?.unwrap_or_else(|| UNKNOWN_CLASS.to_owned());
    Ok(NewDeadLetter {
        origin: LEDGER_ORIGIN.to_owned(),
        routing_key: None,
        raw,
        headers: serde_json::Value::Null,
        reason: row.get::<Option<String>>("last_error")?.unwrap_or_else(|| reason_class.clone()),
        reason_class,
        job_id: Some(row.id("id")?),
        trace: trace(row)?,
        job_kind: Some(document.kind),
        connector_id: Some(connector_id),
    })
}

fn json(document: &JobDocument) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(document).map_err(|error| StoreError::Invalid(error.to_string()))
}

/// Class and text of an error in one line.
fn error_of(row: &Row, class: &str, text: &str) -> Result<Option<String>, StoreError> {
    let class: Option<String> = row.get(class)?;
    let text: Option<String> = row.get(text)?;
    Ok(match (class, text) {
        (Some(class), Some(text)) => Some(format!("{class}: {text}")),
        (class, text) => class.or(text),
    })
}
