//! `POST /events`: requests as CloudEvents.

use crate::errors::error;
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use muster_messages::event::EVENT_BYTES_MAX;
use muster_runtime::ingress::{Accepted, Incoming, Ingress, Refused};
use serde_json::json;

/// Takes one request. `202` with what became of it; a duplicate is a success.
pub(crate) async fn publish(State(ingress): State<Ingress>, headers: HeaderMap, body: Body) -> Response {
    let Ok(body) = to_bytes(body, EVENT_BYTES_MAX).await else {
        return error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "EventTooLarge",
            "body",
            &format!("an event may have {EVENT_BYTES_MAX} bytes; send ids, not data"),
        );
    };
    let headers = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    let headers: Vec<(String, String)> = headers.collect();
    let content_type = headers.iter().find(|(name, _)| name == header::CONTENT_TYPE.as_str());
    let incoming = Incoming {
        content_type: content_type.map(|(_, value)| value.clone()),
        headers,
        body: body.to_vec(),
        publisher: None,
        origin: "POST /events",
    };
    match ingress.accept(incoming).await {
        Ok(Accepted::New { source, id }) => accepted("accepted", &source, &id),
        Ok(Accepted::Duplicate { source, id }) => accepted("duplicate", &source, &id),
        Err(refused) => refusal(&refused),
    }
}

fn accepted(result: &str, source: &str, id: &str) -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "result": result, "source": source, "id": id }))).into_response()
}

fn refusal(refused: &Refused) -> Response {
    match refused {
        Refused::TooLarge(rejection) => rejected(StatusCode::PAYLOAD_TOO_LARGE, "EventTooLarge", rejection),
        Refused::UnsupportedContentType(rejection) => {
            rejected(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedContentType", rejection)
        }
        Refused::Invalid(rejection) => rejected(StatusCode::BAD_REQUEST, "InvalidRequest", rejection),
        Refused::Conflict(rejection) => rejected(StatusCode::CONFLICT, "Conflict", rejection),
        Refused::Unavailable(message) => {
            tracing::warn!(error = message, "a request cannot be taken now");
            error(
                StatusCode::SERVICE_UNAVAILABLE,
                "Unavailable",
                "",
                "the request cannot be taken now; send it again",
            )
        }
    }
}

fn rejected(status: StatusCode, code: &str, rejection: &muster_messages::fact::RequestRejected) -> Response {
    let message = format!("{}; {}", rejection.reason, rejection.remedy);
    error(status, code, rejection.field.as_deref().unwrap_or_default(), &message)
}
