//! Dead letters, done after all.
//!
//! A request goes through the same door again, and into the same inbox: what was taken before is not done twice. A dead
//! job is due again with all its attempts. Whoever replays a letter holds it meanwhile, so that a second replay, also at
//! the same moment, does nothing and says so. A group that is interrupted goes on where it was: what is open is what is
//! left.

use crate::ingress::{Accepted, Incoming, Ingress, NotTaken};
use chrono::{DateTime, Utc};
use muster_store::StoreError;
use muster_store::dead_letters::{
    DeadLetter, DeadLetterFilter, DeadLetters, Discarding, LEDGER_ORIGIN, LetterStatus, OUTBOX_ORIGIN,
    ReplayAnswer, ReplayHold, ReplayStart, UNREADABLE_TICKET_CLASS,
};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Where a replayed request says that it comes from.
const ORIGIN: &str = "dead letters";
/// Class of the replay of a request whose body was not kept.
const NOT_KEPT_CLASS: &str = "not_kept";
/// Letters of a group that are looked at together.
const PAGE: u32 = 50;
/// What rates are counted in.
const SECOND: Duration = Duration::from_secs(1);

/// Replays dead letters.
#[derive(Clone)]
pub struct Replay {
    /// The door for requests, with the store.
    pub ingress: Ingress,
}

/// What a replay came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// What the letter wants is done, or on its way.
    Done {
        /// In words.
        outcome: String,
    },
    /// It was replayed or discarded before: nothing happened.
    NothingToDo {
        /// Which of both.
        status: LetterStatus,
        /// By whom.
        by: Option<String>,
        /// When.
        at: Option<DateTime<Utc>>,
        /// What became of it then, or why it was discarded.
        outcome: Option<String>,
    },
    /// Somebody else replays it at this moment: nothing happened.
    InProgress,
    /// It cannot be done yet; the letter stays open.
    Refused {
        /// Stable name of what is wrong.
        reason_class: String,
        /// What is wrong, for people.
        reason: String,
    },
}

/// What the replay of a group came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplaySummary {
    /// Letters that are done, or on their way.
    pub replayed: u64,
    /// Letters that stay open.
    pub refused: u64,
    /// Letters that somebody else dealt with meanwhile.
    pub nothing_to_do: u64,
    /// False where it was stopped before its end.
    pub is_complete: bool,
}

impl Replay {
    /// Replays one letter.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is no such letter; [`StoreError::Unavailable`]: it may be replayed again.
    pub async fn one(&self, id: Uuid, actor: &str) -> Result<Replayed, StoreError> {
        let letters = self.letters();
        let hold = match letters.start_replay(id).await? {
            ReplayStart::Held(hold) => hold,
            ReplayStart::NothingToDo(letter) => return Ok(nothing_to_do(*letter)),
            ReplayStart::InProgress => return Ok(Replayed::InProgress),
        };
        let answer = match self.answer(&hold, actor).await {
            Ok(answer) => answer,
            Err(error) => {
                // Best effort: the hold runs out by itself.
                if let Err(second) = letters.let_go(&hold).await {
                    tracing::debug!(error = %second, "a dead letter is held until its hold runs out");
                }
                return Err(error);
            }
        };
        let Some(answer) = answer else { return Ok(Replayed::InProgress) };
        tracing::info!(letter.id = %id, actor, answer = ?answer, "a dead letter is replayed");
        Ok(match answer {
            ReplayAnswer::Done { outcome, makes_work } => {
                if makes_work {
                    self.ingress.work_was_made.notify_waiters();
                }
                self.ingress.metrics.letters_settled(LetterStatus::Replayed.as_str(), 1);
                Replayed::Done { outcome }
            }
            ReplayAnswer::Refused { reason_class, reason } => {
                self.ingress.metrics.letters_settled("refused", 1);
                Replayed::Refused { reason_class, reason }
            }
        })
    }

    /// Replays every open letter that a filter finds and that is there now, oldest first; `each` hears of every one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: what is done stays done, the rest is open; ask again.
    pub async fn group(
        &self,
        filter: &DeadLetterFilter,
        rate_per_second: NonZeroU32,
        actor: &str,
        stop: &CancellationToken,
        mut each: impl FnMut(&DeadLetter, &Replayed),
    ) -> Result<ReplaySummary, StoreError> {
        let mut summary = ReplaySummary::default();
        if filter.status.is_some_and(|status| status != LetterStatus::Open) {
            return Ok(ReplaySummary { is_complete: true, ..summary });
        }
        // A job that dies once more meanwhile waits for the next time.
        let now = self.ingress.store.now().await? + chrono::Duration::milliseconds(1);
        let until = filter.until.map_or(now, |until| until.min(now));
        let open =
            DeadLetterFilter { status: Some(LetterStatus::Open), until: Some(until), ..filter.clone() };
        let mut pace = interval(SECOND / rate_per_second.get());
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut after = None;
        loop {
            let page = self.letters().oldest(&open, after.as_ref(), PAGE).await?;
            for letter in page.letters {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return Ok(summary),
                    _ = pace.tick() => (),
                }
                let replayed = self.one(letter.id, actor).await?;
                match replayed {
                    Replayed::Done { .. } => summary.replayed += 1,
                    Replayed::Refused { .. } => summary.refused += 1,
                    Replayed::NothingToDo { .. } | Replayed::InProgress => summary.nothing_to_do += 1,
                }
                each(&letter, &replayed);
            }
            after = page.next;
            if after.is_none() {
                return Ok(ReplaySummary { is_complete: true, ..summary });
            }
        }
    }

    /// Discards one letter, and counts it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is no such letter; [`StoreError::Unavailable`].
    pub async fn discard(&self, id: Uuid, actor: &str, reason: &str) -> Result<Discarding, StoreError> {
        let discarding = self.letters().discard(id, actor, reason).await?;
        if discarding == Discarding::Discarded {
            self.ingress.metrics.letters_settled(LetterStatus::Discarded.as_str(), 1);
        }
        Ok(discarding)
    }

    /// Discards every open letter that a filter finds, and counts them; how many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: what is discarded stays so; ask again.
    pub async fn discard_group(
        &self,
        filter: &DeadLetterFilter,
        actor: &str,
        reason: &str,
    ) -> Result<u64, StoreError> {
        let discarded = self.letters().discard_matching(filter, actor, reason).await?;
        self.ingress.metrics.letters_settled(LetterStatus::Discarded.as_str(), discarded);
        Ok(discarded)
    }

    fn letters(&self) -> DeadLetters {
        self.ingress.store.dead_letters()
    }

    /// Does what the letter wants and writes what became of it. `None` where somebody else has the letter by now.
    async fn answer(&self, hold: &ReplayHold, actor: &str) -> Result<Option<ReplayAnswer>, StoreError> {
        let letter = &hold.letter.letter;
        if letter.origin == LEDGER_ORIGIN {
            return self.letters().replay_job(hold, actor).await;
        }
        let answer = if letter.reason_class == UNREADABLE_TICKET_CLASS {
            ReplayAnswer::done(
                "a ticket holds no work: its job is in the ledger, and its ticket is made anew from there",
            )
        } else if letter.origin == OUTBOX_ORIGIN {
            let reason = "no broker takes it, it is too large; look at it, and discard it";
            ReplayAnswer::refused(letter.reason_class.as_str(), reason)
        } else {
            self.request(&hold.letter).await?
        };
        // An effect that is done is told as done, also where the hold had run out: it is done once.
        self.letters().end_replay(hold, actor, &answer).await?;
        Ok(Some(answer))
    }

    async fn request(&self, letter: &DeadLetter) -> Result<ReplayAnswer, StoreError> {
        let Some(incoming) = Incoming::of_letter(letter, ORIGIN) else {
            let reason = "its body was not kept whole; have it sent again, and discard the letter";
            return Ok(ReplayAnswer::refused(NOT_KEPT_CLASS, reason));
        };
        match self.ingress.take_again(&incoming).await {
            Ok(Accepted::New { source, id }) => {
                Ok(ReplayAnswer::done(format!("the request {id} of {source} is taken")))
            }
            Ok(Accepted::Duplicate { source, id }) => {
                Ok(ReplayAnswer::done(format!("the request {id} of {source} was taken before")))
            }
            Err(NotTaken::Refused(refusal)) => Ok(ReplayAnswer::refused(refusal.class, refusal.reason())),
            Err(NotTaken::Unavailable(reason)) => Err(StoreError::Unavailable(reason)),
        }
    }
}

fn nothing_to_do(letter: DeadLetter) -> Replayed {
    match letter.status {
        LetterStatus::Discarded => Replayed::NothingToDo {
            status: letter.status,
            by: letter.discarded_by,
            at: letter.discarded_at,
            outcome: letter.discard_reason,
        },
        LetterStatus::Open | LetterStatus::Replayed => Replayed::NothingToDo {
            status: LetterStatus::Replayed,
            by: letter.replayed_by,
            at: letter.replayed_at,
            outcome: letter.replay_outcome,
        },
    }
}
