//! `POST /api/v1/dead-letters/replay` and `POST /api/v1/dead-letters/discard`: what people decide about many letters.

use super::dead_letter_deeds::given_reason;
use crate::Api;
use crate::http::body::JsonBody;
use crate::http::caller::Caller;
use crate::http::errors::ApiError;
use crate::views::dead_letter::{GroupDiscarded, GroupReplay};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use muster_domain::job::JobKind;
use muster_domain::{ConnectorId, JobId};
use muster_store::dead_letters::{DeadLetterFilter, LetterStatus};
use serde::Deserialize;
use std::num::NonZeroU32;
use std::sync::Arc;

/// Letters that are replayed a second where nothing else is said: what they ask for must not come as a burst.
const DEFAULT_RATE: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
/// Most letters a second: each is a few transactions.
const HIGHEST_RATE: u32 = 100;

/// Which letters, of those that are open. What is absent does not matter; an empty filter means all.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Filter {
    origin: Option<String>,
    class: Option<String>,
    job_kind: Option<JobKind>,
    job_id: Option<JobId>,
    connector_id: Option<ConnectorId>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
}

impl From<Filter> for DeadLetterFilter {
    fn from(filter: Filter) -> Self {
        Self {
            status: Some(LetterStatus::Open),
            origin: filter.origin,
            reason_class: filter.class,
            job_kind: filter.job_kind,
            job: filter.job_id,
            connector: filter.connector_id,
            since: filter.since,
            until: filter.until,
        }
    }
}

/// A group to replay.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Replays {
    filter: Filter,
    rate_per_second: Option<NonZeroU32>,
}

/// A group that is not wanted any more.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Unwanted {
    filter: Filter,
    reason: String,
}

/// Begins to replay every open letter that the filter finds, oldest first, and answers at once: what is left is what is
/// open. One group at a time.
pub(crate) async fn replay(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(replays): JsonBody<Replays>,
) -> Result<(StatusCode, Json<GroupReplay>), ApiError> {
    let rate = replays.rate_per_second.unwrap_or(DEFAULT_RATE);
    if rate.get() > HIGHEST_RATE {
        let message = format!("ratePerSecond is a number from 1 to {HIGHEST_RATE}");
        return Err(ApiError::invalid("ratePerSecond", message));
    }
    let Ok(place) = Arc::clone(&api.group_place).try_acquire_owned() else {
        return Err(ApiError::busy("a group of dead letters is being replayed; come again when it is done"));
    };
    let filter = DeadLetterFilter::from(replays.filter);
    let letters = api.store().dead_letters().count_matching(&filter).await?;
    let (replay, stop) = (api.replay(), api.shutdown.soft().clone());
    api.shutdown.spawn("replay of dead letters", async move {
        let _place = place;
        match replay.group(&filter, rate, &caller.actor, &stop, |_, _| ()).await {
            Ok(summary) => tracing::info!(
                replayed = summary.replayed,
                refused = summary.refused,
                nothing_to_do = summary.nothing_to_do,
                is_complete = summary.is_complete,
                "a group of dead letters was replayed"
            ),
            Err(error) => {
                tracing::warn!(error = %error, "the replay of a group ended early; the rest is open");
            }
        }
    });
    Ok((StatusCode::ACCEPTED, Json(GroupReplay { letters, rate_per_second: rate.get() })))
}

/// Discards every open letter that the filter finds.
pub(crate) async fn discard(
    State(api): State<Api>,
    caller: Caller,
    JsonBody(unwanted): JsonBody<Unwanted>,
) -> Result<Json<GroupDiscarded>, ApiError> {
    let reason = given_reason(&unwanted.reason)?;
    let filter = DeadLetterFilter::from(unwanted.filter);
    let discarded = api.replay().discard_group(&filter, &caller.actor, reason).await?;
    Ok(Json(GroupDiscarded { discarded }))
}
