//! `POST /api/v1/dead-letters/{letterId}/replay` and `…/discard`: what people decide about one letter.

use super::dead_letters::no_letter;
use crate::Api;
use crate::http::body::JsonBody;
use crate::http::caller::Caller;
use crate::http::errors::ApiError;
use crate::http::path::InPath;
use crate::views::dead_letter::LetterOutcome;
use axum::Json;
use axum::extract::State;
use muster_runtime::replay::Replayed;
use muster_store::StoreError;
use muster_store::dead_letters::Discarding;
use serde::Deserialize;
use uuid::Uuid;

/// Nothing is said about a replay.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Why a letter is not wanted any more.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Unwanted {
    reason: String,
}

/// Does what the letter wants. One that was dealt with before stays as it is.
pub(crate) async fn replay(
    State(api): State<Api>,
    caller: Caller,
    InPath(id): InPath<Uuid>,
    JsonBody(Nothing {}): JsonBody<Nothing>,
) -> Result<Json<LetterOutcome>, ApiError> {
    let replayed = api.replay().one(id, &caller.actor).await.map_err(|error| failed(id, error))?;
    match replayed {
        Replayed::Done { outcome } => Ok(Json(LetterOutcome::replayed(id, outcome))),
        Replayed::NothingToDo { status, by, at, outcome } => {
            Ok(Json(LetterOutcome::nothing_to_do(id, status, by, at, outcome)))
        }
        Replayed::InProgress => {
            let message =
                format!("somebody else replays the dead letter {id} at this moment; look at it again");
            Err(ApiError::conflict("letterId", message))
        }
        Replayed::Refused { reason_class, reason } => Err(ApiError::refused(reason_class, reason)),
    }
}

/// Keeps the letter as one that nobody wants, with the reason.
pub(crate) async fn discard(
    State(api): State<Api>,
    caller: Caller,
    InPath(id): InPath<Uuid>,
    JsonBody(unwanted): JsonBody<Unwanted>,
) -> Result<Json<LetterOutcome>, ApiError> {
    let reason = given_reason(&unwanted.reason)?;
    let discarding =
        api.replay().discard(id, &caller.actor, reason).await.map_err(|error| failed(id, error))?;
    Ok(Json(match discarding {
        Discarding::Discarded => LetterOutcome::discarded(id, reason.to_owned()),
        Discarding::NothingToDo(letter) => LetterOutcome::of_letter(&letter),
    }))
}

/// A reason that says something.
pub(super) fn given_reason(reason: &str) -> Result<&str, ApiError> {
    match reason.trim() {
        "" => Err(ApiError::invalid("reason", "say why: it is kept with the letter and in the audit")),
        reason => Ok(reason),
    }
}

fn failed(id: Uuid, error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound { .. } => no_letter(id),
        error => error.into(),
    }
}
