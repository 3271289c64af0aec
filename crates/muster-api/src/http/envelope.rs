//! Errors that no handler of ours made get the envelope, too.

use super::errors::ApiError;
use axum::body::HttpBody as _;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Puts errors without a word into the envelope; their headers (`Allow`) stay.
pub(crate) async fn wrap_errors(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || !response.body().is_end_stream() {
        return response;
    }
    let headers = response.headers().clone();
    let mut wrapped = ApiError::of_status(status).into_response();
    for (name, value) in headers {
        match name {
            Some(name) if name != CONTENT_TYPE && name != axum::http::header::CONTENT_LENGTH => {
                wrapped.headers_mut().insert(name, value);
            }
            _ => {}
        }
    }
    wrapped
}
