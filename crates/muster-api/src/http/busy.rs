//! So many requests at a time: who comes beyond that is told to come again, and does not queue for the database.

use super::errors::ApiError;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Requests that are answered at a time; a handful of connections to the database serve them.
pub(crate) const REQUESTS_AT_A_TIME: usize = 64;

/// Answers 429 where all places are taken.
pub(crate) async fn refuse_beyond(
    State(places): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    let Ok(_place) = places.try_acquire() else {
        let message = "too many requests at a time; come again after the seconds that Retry-After names";
        return ApiError::busy(message).into_response();
    };
    next.run(request).await
}
