//! Replays. Whoever replays a letter holds it for a while, so that two who do so at the same moment do it once; what
//! became of it is written where the hold is still theirs.

use super::deaths::JobDocument;
use super::list::IS_OPEN;
use super::row::{COLUMNS, dead_letter};
use super::{DeadLetter, DeadLetters, LEDGER_ORIGIN, LetterStatus};
use crate::audit::{self, AuditEntry};
use crate::error::StoreError;
use crate::ledger::control::{self, JobAnswer};
use crate::ledger::enqueue::enqueue;
use crate::ledger::{JobDeed, NewJob, REQUESTED_PRIORITY};
use crate::session::{Session, milliseconds, values};
use muster_domain::connector::ConnectorState;
use muster_domain::job::{JobKind, JobState, JobSubject};
use muster_domain::{CredentialId, JobId, OrganizationName};
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

/// How long a letter is held: far longer than taking a request takes. After it, its holder is believed to be gone.
const HOLD: Duration = Duration::from_secs(60);
/// Class of a replay that is refused because of the connector.
const CONNECTOR_REMOVED_CLASS: &str = "connector_removed";
/// Class of a replay of what cannot be read.
const UNREADABLE_CLASS: &str = "unreadable";

/// The right to say what became of a letter.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayHold {
    /// The letter.
    pub letter: DeadLetter,
    token: Uuid,
}

/// Whether a letter can be replayed now.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplayStart {
    /// It is held, and nobody else replays it meanwhile.
    Held(Box<ReplayHold>),
    /// It was replayed or discarded before, as it says.
    NothingToDo(Box<DeadLetter>),
    /// Somebody else holds it.
    InProgress,
}

/// What a replay came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayAnswer {
    /// What the letter wants is done, or on its way.
    Done {
        /// In words.
        outcome: String,
        /// True where a job became due.
        makes_work: bool,
    },
    /// It cannot be done yet: the letter stays open.
    Refused {
        /// Stable name of what is wrong.
        reason_class: String,
        /// What is wrong, for people.
        reason: String,
    },
}

impl ReplayAnswer {
    /// Done, without a job that became due.
    pub fn done(outcome: impl Into<String>) -> Self {
        Self::Done { outcome: outcome.into(), makes_work: false }
    }

    /// Not to be done.
    pub fn refused(reason_class: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Refused { reason_class: reason_class.into(), reason: reason.into() }
    }
}

impl DeadLetters {
    /// Takes hold of a letter that is to be replayed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is no such letter; [`StoreError::Unavailable`],
    /// [`StoreError::Inconsistent`].
    pub async fn start_replay(&self, id: Uuid) -> Result<ReplayStart, StoreError> {
        let token = Uuid::new_v4();
        let statement = format!(
            "UPDATE dead_letter SET replay_token = $2, replaying_until_ms = {{now}} + $3 \
             WHERE id = $1 AND {IS_OPEN} AND (replaying_until_ms IS NULL OR replaying_until_ms <= {{now}}) \
             RETURNING {COLUMNS}"
        );
        let statement = statement.as_str();
        let held = self
            .store
            .transaction(|session| async move {
                session.one("dead_letter", statement, values![id, token, milliseconds(HOLD)]).await
            })
            .await?;
        if let Some(row) = held {
            return Ok(ReplayStart::Held(Box::new(ReplayHold { letter: dead_letter(&row)?, token })));
        }
        let letter = self.get(id).await?.ok_or_else(|| StoreError::not_found("dead letter", &id))?;
        match letter.status {
            LetterStatus::Open => Ok(ReplayStart::InProgress),
            LetterStatus::Replayed | LetterStatus::Discarded => {
                Ok(ReplayStart::NothingToDo(Box::new(letter)))
            }
        }
    }

    /// Lets go of a letter about which nothing can be said now: it may be replayed again at once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: the hold runs out by itself.
    pub async fn let_go(&self, hold: &ReplayHold) -> Result<(), StoreError> {
        self.store
            .transaction(|session| async move {
                session
                    .run(
                        "UPDATE dead_letter SET replay_token = NULL, replaying_until_ms = NULL \
                         WHERE id = $1 AND replay_token = $2",
                        values![hold.letter.id, hold.token],
                    )
                    .await
            })
            .await?;
        Ok(())
    }

    /// Writes what became of a letter, and who did it. False where the hold had run out and somebody else has it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn end_replay(
        &self,
        hold: &ReplayHold,
        actor: &str,
        answer: &ReplayAnswer,
    ) -> Result<bool, StoreError> {
        self.store.transaction(|session| async move { end(&session, hold, actor, answer).await }).await
    }

    /// Has the job of a letter run again with all its attempts, and writes so, in one transaction. `None` where the
    /// hold had run out and somebody else has it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn replay_job(
        &self,
        hold: &ReplayHold,
        actor: &str,
    ) -> Result<Option<ReplayAnswer>, StoreError> {
        let max_attempts = self.store.inner.max_attempts;
        self.store
            .transaction(|session| async move {
                let held = format!(
                    "SELECT id FROM dead_letter WHERE id = $1 AND replay_token = $2 AND {IS_OPEN} {{for_update}}"
                );
                let row = session.one("dead_letter", &held, values![hold.letter.id, hold.token]).await?;
                if row.is_none() {
                    return Ok(None);
                }
                let answer = run_again(&session, &hold.letter, actor, max_attempts).await?;
                end(&session, hold, actor, &answer).await?;
                Ok(Some(answer))
            })
            .await
    }
}

async fn end(
    session: &Session,
    hold: &ReplayHold,
    actor: &str,
    answer: &ReplayAnswer,
) -> Result<bool, StoreError> {
    let (id, token) = (hold.letter.id, hold.token);
    let (touched, detail) = match answer {
        ReplayAnswer::Done { outcome, .. } => {
            let statement = "UPDATE dead_letter SET replayed_at_ms = {now}, replayed_by = $3, replay_outcome = $4, \
                 replay_token = NULL, replaying_until_ms = NULL WHERE id = $1 AND replay_token = $2";
            let touched = session.run(statement, values![id, token, actor, outcome.as_str()]).await?;
            (touched, json!({ "result": "replayed", "outcome": outcome }))
        }
        ReplayAnswer::Refused { reason_class, reason } => {
            // What a job died of stays its reason, whatever stands in the way of its replay.
            let statement = "UPDATE dead_letter SET attempts = attempts + 1, last_error = $3, \
                 reason = CASE WHEN origin = $5 THEN reason ELSE $3 END, \
                 reason_class = CASE WHEN origin = $5 THEN reason_class ELSE $4 END, \
                 replay_token = NULL, replaying_until_ms = NULL WHERE id = $1 AND replay_token = $2";
            let parameters = values![id, token, reason.as_str(), reason_class.as_str(), LEDGER_ORIGIN];
            let touched = session.run(statement, parameters).await?;
            (touched, json!({ "result": "refused", "class": reason_class, "reason": reason }))
        }
    };
    if touched > 0 {
        let entry = AuditEntry {
            actor: actor.to_owned(),
            action: "dead_letter.replay".to_owned(),
            target: id.to_string(),
            detail,
        };
        audit::write(session, &entry).await?;
    }
    Ok(touched > 0)
}

async fn run_again(
    session: &Session,
    letter: &DeadLetter,
    actor: &str,
    max_attempts: u32,
) -> Result<ReplayAnswer, StoreError> {
    let Some(job) = letter.letter.job_id else {
        return Ok(ReplayAnswer::refused(UNREADABLE_CLASS, "it names no job"));
    };
    let credential = match connector_of(session, letter).await? {
        Ok(credential) => credential,
        Err(refused) => return Ok(refused),
    };
    let before = session.one("job", "SELECT state FROM job WHERE id = $1", values![job.0]).await?;
    let before = before.map(|row| row.parse("state", JobState::parse)).transpose()?;
    if before
        .is_some_and(|state| matches!(state, JobState::Pending | JobState::Dispatched | JobState::Running))
    {
        return Ok(ReplayAnswer::done("its job is live already"));
    }
    let note = format!("replayed by {actor}");
    Ok(match control::change(session, job, JobDeed::Retry, &note).await? {
        JobAnswer::Stands(view) => ReplayAnswer::Done {
            outcome: format!("its job is due again, with all its {} attempts", view.max_attempts),
            makes_work: true,
        },
        JobAnswer::SameWorkIsLive(live) => {
            ReplayAnswer::done(format!("the same work is live already, as the job {live}"))
        }
        JobAnswer::WrongState(JobState::Done) => ReplayAnswer::done("its job was done meanwhile"),
        JobAnswer::WrongState(_) => ReplayAnswer::done("its job is live already"),
        JobAnswer::NoSuchJob => ask_anew(session, letter, credential, max_attempts).await?,
    })
}

/// The credential of the letter's connector, or why its work is not wanted any more.
async fn connector_of(
    session: &Session,
    letter: &DeadLetter,
) -> Result<Result<Option<CredentialId>, ReplayAnswer>, StoreError> {
    let Some(connector) = letter.letter.connector_id else { return Ok(Ok(None)) };
    let statement = "SELECT id, state, name, credential_id FROM connector WHERE id = $1";
    let Some(row) = session.one("connector", statement, values![connector.0]).await? else {
        let reason = format!("its connector {connector} is not there any more; discard the letter");
        return Ok(Err(ReplayAnswer::refused(CONNECTOR_REMOVED_CLASS, reason)));
    };
    let state = row.parse("state", ConnectorState::parse)?;
    let takes_apart = letter.letter.job_kind.as_deref() == Some(JobKind::ConnectorRemove.as_str());
    if state == ConnectorState::Removed || state == ConnectorState::Removing && !takes_apart {
        let name: String = row.get("name")?;
        let reason = format!("its connector {name} is {state}; discard the letter");
        return Ok(Err(ReplayAnswer::refused(CONNECTOR_REMOVED_CLASS, reason)));
    }
    row.optional_id("credential_id").map(Ok)
}

/// A dead job whose row was forgotten is asked for anew, from what its letter holds.
async fn ask_anew(
    session: &Session,
    letter: &DeadLetter,
    credential: Option<CredentialId>,
    max_attempts: u32,
) -> Result<ReplayAnswer, StoreError> {
    let document = serde_json::from_slice::<JobDocument>(&letter.letter.raw).ok();
    let wish = document.and_then(|document| {
        let kind = JobKind::parse(&document.kind)?;
        Some(NewJob {
            kind,
            subject: JobSubject {
                connector_id: document.subject.connector_id,
                organization: document.subject.organization.map(OrganizationName::new),
                project_id: document.subject.project_id,
            },
            credential_id: credential.filter(|_| kind.spends_budget()),
            delay: Duration::ZERO,
            priority: REQUESTED_PRIORITY,
            cause: document.cause,
            trace: letter.letter.trace.clone(),
        })
    });
    let Some(wish) = wish else {
        return Ok(ReplayAnswer::refused(UNREADABLE_CLASS, "what its job was is not understood"));
    };
    let enqueued = enqueue(session, std::iter::once(&wish), max_attempts).await?;
    let job: Option<JobId> = enqueued.first().map(|enqueued| enqueued.job_id);
    let job = job.map(|job| job.to_string()).unwrap_or_default();
    Ok(ReplayAnswer::Done {
        outcome: format!("its job was forgotten; it is asked for anew, as the job {job}"),
        makes_work: true,
    })
}
