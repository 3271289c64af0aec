//! A handler that panics is a defect: its caller gets an answer, and everybody else goes on.

use super::errors::ApiError;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;
use std::panic::AssertUnwindSafe;

/// Answers for a handler that panics. The hook of the process has told the panic itself.
pub(crate) async fn answer_for_panics(request: Request, next: Next) -> Response {
    // Nothing that the handler held is used again: what it shares with others is behind locks that poison.
    AssertUnwindSafe(next.run(request)).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a handler panicked");
        ApiError::internal().into_response()
    })
}
