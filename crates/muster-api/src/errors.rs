//! Azure's error envelope: `{"error":{"code","message","target","details"}}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

/// An error that names the field and the remedy.
pub(crate) fn error(status: StatusCode, code: &str, target: &str, message: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": message, "target": target, "details": [] } })))
        .into_response()
}
