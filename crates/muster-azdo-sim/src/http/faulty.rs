//! Playing an installed fault.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE},
};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, stream};
use serde_json::Value;
use uuid::Uuid;

use crate::fault::{CannedAnswer, FaultAction};
use crate::http::refusal::Refusal;
use crate::http::{padding, quirks};
use crate::world::World;

/// Whether the answer of the service is not needed at all.
pub(crate) fn replaces_answer(fault: &FaultAction) -> bool {
    fault.status.is_some()
        || fault.body.is_some()
        || fault.answer.is_some()
        || fault.padding_mebibytes.is_some()
}

/// The answer that the fault gives instead.
pub(crate) fn answer(
    fault: &FaultAction,
    world: &World,
    organization: Option<&str>,
    caller: Uuid,
) -> Response {
    if let Some(canned) = fault.answer {
        return refusal(canned, world, organization, caller).into_response();
    }
    if let Some(padding) = fault.padding_mebibytes {
        return padding::answer(padding, fault.gzip);
    }
    let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    let json = "application/json; charset=utf-8; api-version=7.1";
    match &fault.body {
        None => status.into_response(),
        Some(Value::String(text)) => {
            let content_type =
                if text.trim_start().starts_with('<') { "text/html; charset=utf-8" } else { json };
            (status, [(CONTENT_TYPE, content_type)], text.clone()).into_response()
        }
        Some(value) => (status, [(CONTENT_TYPE, json)], value.to_string()).into_response(),
    }
}

fn refusal(canned: CannedAnswer, world: &World, organization: Option<&str>, caller: Uuid) -> Refusal {
    let realm = world.base_url.clone();
    match canned {
        CannedAnswer::SignInPage => Refusal::SignInPage,
        CannedAnswer::SignInRedirect => Refusal::SignInRedirect { base_url: realm },
        CannedAnswer::Unauthorized => Refusal::Unauthorized { realm },
        CannedAnswer::UnauthorizedList => Refusal::UnauthorizedList { realm },
        CannedAnswer::NotAuthorized => Refusal::NotAuthorized { identity: caller.to_string() },
        CannedAnswer::OrganizationStopped => {
            Refusal::OrganizationStopped { name: organization.unwrap_or_default().to_owned() }
        }
        CannedAnswer::TooManyAtOnce => Refusal::TooManyAtOnce,
        CannedAnswer::BlockedPage => Refusal::BlockedPage,
    }
}

/// What the fault does to an answer: other headers, a wait, a cut.
pub(crate) async fn disturb(fault: &FaultAction, response: Response) -> Response {
    let mut response = quirks::apply(&fault.quirks, response).await;
    for (name, value) in &fault.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    if let Some(milliseconds) = fault.delay_ms {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
    if fault.endless {
        let token = HeaderValue::from(ENDLESS.fetch_add(1, Ordering::Relaxed));
        response.headers_mut().insert(HeaderName::from_static("x-ms-continuationtoken"), token);
    }
    match fault {
        FaultAction { drop_connection: true, .. } => cut(response),
        FaultAction { stall: true, .. } => half_then(response, stream::pending()),
        FaultAction { truncate: true, .. } => half_then(response, stream::empty()),
        _ => response,
    }
}

/// Tokens of listings without end: none comes twice.
static ENDLESS: AtomicU64 = AtomicU64::new(1_000_000);

/// Sends half of the first piece of the body, then what `end` gives.
fn half_then(
    response: Response,
    end: impl Stream<Item = Result<Bytes, io::Error>> + Send + 'static,
) -> Response {
    let mut response = response.map(|body| {
        let half = body.into_data_stream().take(1).map(|piece| {
            let piece: Bytes = piece.map_err(io::Error::other)?;
            Ok(piece.slice(..piece.len() / 2))
        });
        Body::from_stream(half.chain(end))
    });
    // It is longer than what is sent, and would tell the cut at once.
    response.headers_mut().remove(CONTENT_LENGTH);
    response
}

/// Sends half of the first piece of the body, then breaks off.
fn cut(response: Response) -> Response {
    let end = stream::once(async {
        // Lets what was written go out, so that the client has an answer to lose.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    half_then(response, end)
}
