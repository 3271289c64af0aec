//! Azure's error envelope: `{"error":{"code","message","target","details"}}`.

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use muster_store::StoreError;
use muster_store::ledger::JobControlError;
use serde_json::json;
use std::fmt;

/// What a caller is told who does not get what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    /// Stable name, for programs.
    pub(crate) code: &'static str,
    /// The field, parameter or header that it is about; may be empty.
    pub(crate) target: String,
    /// What is wrong, and what to do.
    pub(crate) message: String,
}

/// When to come again after a passing failure: a broken connection is made anew within seconds.
const COME_AGAIN_SECONDS: HeaderValue = HeaderValue::from_static("5");

impl ApiError {
    fn new(
        status: StatusCode,
        code: &'static str,
        target: impl Into<String>,
        message: impl fmt::Display,
    ) -> Self {
        Self { status, code, target: target.into(), message: message.to_string() }
    }

    /// Correct the field.
    pub(crate) fn invalid(target: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "InvalidRequest", target, message)
    }

    /// Look in the list.
    pub(crate) fn not_found(target: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", target, message)
    }

    /// Something else stands in the way.
    pub(crate) fn conflict(target: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::new(StatusCode::CONFLICT, "Conflict", target, message)
    }

    /// Mend what it says, then replay it again: the letter stays open.
    pub(crate) fn refused(class: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "ReplayRefused", class, message)
    }

    /// Send less.
    pub(crate) fn too_large(code: &'static str, message: impl fmt::Display) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code, "body", message)
    }

    /// Say what it is.
    pub(crate) fn unsupported(message: impl fmt::Display) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedContentType", "Content-Type", message)
    }

    /// Come to the right door.
    pub(crate) fn foreign(header: &'static str, message: impl fmt::Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, "ForeignOrigin", header, message)
    }

    /// Come again a little later.
    pub(crate) fn busy(message: impl fmt::Display) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", "", message)
    }

    /// Come again when what is needed is there.
    pub(crate) fn unavailable(message: impl fmt::Display) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", "", message)
    }

    /// Tell an operator, with the id of the request.
    pub(crate) fn internal() -> Self {
        let message =
            "something went wrong here; the log has the cause under the x-ms-request-id of this answer";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "", message)
    }

    /// What a status means to which nothing was said.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => {
                Self::new(status, "RouteNotFound", "path", "nothing is served here; see GET /api/v1")
            }
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                status,
                "MethodNotAllowed",
                "method",
                "this address does not take the method; the header Allow names those that it takes",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => {
                Self::too_large("BodyTooLarge", "the body is too large; send less")
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::unsupported("send application/json"),
            StatusCode::TOO_MANY_REQUESTS => Self::busy("too much at a time; come again a little later"),
            StatusCode::SERVICE_UNAVAILABLE => Self::unavailable("this cannot be answered now; ask again"),
            status if status.is_client_error() => {
                Self::new(status, "InvalidRequest", "", "the request is not understood; see GET /api/v1")
            }
            status => Self { status, ..Self::internal() },
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let comes_again =
            matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let body = json!({
            "error": { "code": self.code, "message": self.message, "target": self.target, "details": [] }
        });
        let mut response = (self.status, Json(body)).into_response();
        if comes_again {
            response.headers_mut().insert(RETRY_AFTER, COME_AGAIN_SECONDS);
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Unavailable(_) | StoreError::Serialization(_) => {
                tracing::warn!(error = %error, "the database did not answer a request");
                Self::unavailable("the database cannot be asked now; ask again")
            }
            StoreError::NotFound { .. } => Self::not_found("", &error),
            StoreError::Conflict { .. } | StoreError::Transition(_) => Self::conflict("", &error),
            StoreError::Invalid(_) => Self::invalid("", &error),
            StoreError::Inconsistent { .. }
            | StoreError::SchemaUnknown(_)
            | StoreError::Encryption(_)
            | StoreError::Statement(_) => {
                tracing::error!(error = %error, "a request failed");
                Self::internal()
            }
        }
    }
}

impl From<JobControlError> for ApiError {
    fn from(error: JobControlError) -> Self {
        match error {
            JobControlError::NotFound(_) => Self::not_found(
                "jobId",
                format!(
                    "{error}, or it is over and forgotten (scheduling.keep_done_hours); see GET /api/v1/jobs"
                ),
            ),
            JobControlError::WrongState { .. } => {
                Self::conflict("jobId", format!("{error}; see GET /api/v1/jobs/{{jobId}}"))
            }
            JobControlError::SameWorkIsLive { live, .. } => {
                Self::conflict("jobId", format!("{error}; see GET /api/v1/jobs/{live}"))
            }
            JobControlError::Store(error) => error.into(),
        }
    }
}
