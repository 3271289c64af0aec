//! What Entra says when it gives no token.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::DateTime;
use serde_json::json;
use uuid::Uuid;

/// Why no token is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    UnknownTenant { tenant: String },
    UnknownApplication { client_id: String },
    WrongSecret { client_id: String },
    WrongAssertion { client_id: String },
    MissingSecret,
    WrongScope { scope: String },
    WrongRefreshToken,
    MissingParameter { name: &'static str },
    UnsupportedGrant { grant: String },
}

impl Reason {
    /// Status, OAuth error and number. Numbers: Microsoft's list of Entra authentication error codes.
    fn nature(&self) -> (StatusCode, &'static str, u32) {
        let bad = StatusCode::BAD_REQUEST;
        let refused = StatusCode::UNAUTHORIZED;
        match self {
            Self::UnknownTenant { .. } => (bad, "invalid_request", 90_002),
            Self::UnknownApplication { .. } => (bad, "unauthorized_client", 700_016),
            Self::WrongSecret { .. } => (refused, "invalid_client", 7_000_215),
            Self::WrongAssertion { .. } => (refused, "invalid_client", 700_213),
            Self::MissingSecret => (refused, "invalid_client", 7_000_216),
            Self::WrongScope { .. } => (bad, "invalid_scope", 70_011),
            Self::WrongRefreshToken => (bad, "invalid_grant", 70_000),
            Self::MissingParameter { .. } => (bad, "invalid_request", 900_144),
            Self::UnsupportedGrant { .. } => (bad, "unsupported_grant_type", 70_003),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::UnknownTenant { tenant } => format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into \
                 the correct cloud."
            ),
            Self::UnknownApplication { client_id } => {
                format!("Application with identifier '{client_id}' was not found in the directory.")
            }
            Self::WrongSecret { client_id } => format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret \
                 value, not the client secret ID, for a secret added to app '{client_id}'."
            ),
            Self::WrongAssertion { client_id } => format!(
                "No matching federated identity record found for presented assertion subject. Application \
                 '{client_id}'."
            ),
            Self::MissingSecret => "'client_assertion', 'client_secret' or 'request' is required for the \
                'client_credentials' grant type."
                .to_owned(),
            Self::WrongScope { scope } => format!(
                "The provided request must include a 'scope' input parameter. The provided value for the input \
                 parameter 'scope' is not valid. The scope '{scope}' does not exist."
            ),
            Self::WrongRefreshToken => {
                "The provided value for the input parameter 'refresh_token' is not valid.".to_owned()
            }
            Self::MissingParameter { name } => {
                format!("The request body must contain the following parameter: '{name}'.")
            }
            Self::UnsupportedGrant { grant } => {
                format!("The app requested an unsupported grant type '{grant}'.")
            }
        }
    }
}

/// A reason, with what makes the answer one of its own.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: Reason,
    pub(super) activity: Uuid,
    pub(super) unix_seconds: u64,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error, number) = self.reason.nature();
        let moment =
            i64::try_from(self.unix_seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let timestamp = moment.unwrap_or_default().format("%Y-%m-%d %H:%M:%SZ").to_string();
        let (text, activity) = (self.reason.text(), self.activity);
        let description = format!(
            "AADSTS{number}: {text} Trace ID: {activity} Correlation ID: {activity} Timestamp: {timestamp}"
        );
        let body = json!({
            "error": error, "error_description": description, "error_codes": [number], "timestamp": timestamp,
            "trace_id": activity, "correlation_id": activity,
            "error_uri": format!("https://login.microsoftonline.com/error?code={number}")
        });
        (status, Json(body)).into_response()
    }
}
