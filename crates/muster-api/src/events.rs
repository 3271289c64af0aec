//! `POST /events`: requests as CloudEvents.

use crate::http::errors::ApiError;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use muster_messages::event::EVENT_BYTES_MAX;
use muster_messages::fact::RequestRejected;
use muster_runtime::ingress::{Accepted, Incoming, Ingress, Refused};
use serde_json::json;

/// Takes one request. `202` with what became of it; a duplicate is a success.
pub(crate) async fn publish(State(ingress): State<Ingress>, headers: HeaderMap, body: Body) -> Response {
    let Some(body) = beginning(body).await else {
        return ApiError::invalid("body", "the body ends before its end; send it again").into_response();
    };
    let headers = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    let headers: Vec<(String, String)> = headers.collect();
    let content_type = headers.iter().find(|(name, _)| name == header::CONTENT_TYPE.as_str());
    let incoming = Incoming {
        content_type: content_type.map(|(_, value)| value.clone()),
        headers,
        body,
        publisher: None,
        origin: "POST /events",
    };
    match ingress.accept(incoming).await {
        Ok(Accepted::New { source, id }) => accepted("accepted", &source, &id),
        Ok(Accepted::Duplicate { source, id }) => accepted("duplicate", &source, &id),
        Err(refused) => refusal(&refused),
    }
}

/// A body, or the beginning of one that is too large: ingress refuses it by its size, and keeps that.
async fn beginning(body: Body) -> Option<Vec<u8>> {
    let mut parts = body.into_data_stream();
    let mut beginning = Vec::new();
    while beginning.len() <= EVENT_BYTES_MAX {
        match parts.next().await {
            Some(part) => beginning.extend_from_slice(&part.ok()?),
            None => break,
        }
    }
    Some(beginning)
}

fn accepted(result: &str, source: &str, id: &str) -> Response {
    (StatusCode::ACCEPTED, Json(json!({ "result": result, "source": source, "id": id }))).into_response()
}

fn refusal(refused: &Refused) -> Response {
    let error = match refused {
        Refused::TooLarge(rejection) => {
            ApiError { target: target(rejection), ..ApiError::too_large("EventTooLarge", words(rejection)) }
        }
        Refused::UnsupportedContentType(rejection) => {
            ApiError { target: target(rejection), ..ApiError::unsupported(words(rejection)) }
        }
        Refused::Invalid(rejection) => ApiError::invalid(target(rejection), words(rejection)),
        Refused::Conflict(rejection) => ApiError::conflict(target(rejection), words(rejection)),
        Refused::Unavailable(message) => {
            tracing::warn!(error = message, "a request cannot be taken now");
            ApiError::unavailable("the request cannot be taken now; send it again")
        }
    };
    error.into_response()
}

fn target(rejection: &RequestRejected) -> String {
    rejection.field.clone().unwrap_or_default()
}

fn words(rejection: &RequestRejected) -> String {
    format!("{}; {}", rejection.reason, rejection.remedy)
}
