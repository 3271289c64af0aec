//! How every call of the simulated service is answered, from its path to its headers.

mod admission;
mod call;
mod faulty;
mod padding;
pub(crate) mod path;
mod query;
mod quirks;
pub(crate) mod refusal;
pub(crate) mod stream;
mod version;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

pub(crate) use call::{Call, with_continuation};
pub(crate) use version::from_accept as version_from_accept;

use crate::identity::IdentityIndex;
use crate::locations;
use crate::state::SimulatorState;
use admission::Admission;
use path::{PathError, Target};
use refusal::Refusal;

/// The longest body that is read: a hundred resources to check take a few kilobytes.
const MOST_BODY_BYTES: usize = 1024 * 1024;

/// A request, read to its end.
struct Asked {
    parts: Parts,
    body: Bytes,
}

/// Answers a call of the service.
pub(crate) async fn answer(State(state): State<Arc<SimulatorState>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let response = answer_read(&state, &Asked { parts, body }).await;
    quirks::apply(&state.options.quirks, response).await
}

async fn answer_read(state: &SimulatorState, asked: &Asked) -> Response {
    let Parts { method, uri, headers, .. } = &asked.parts;
    if let Some((mut response, organization)) = locations::answer(state, method, uri, headers) {
        wait(state.options.latency).await;
        let tenant = organization.map(|organization| state.tenant_of(organization));
        add_headers(state, tenant, headers, None, response.headers_mut());
        return response;
    }
    let target = match Target::read(uri.path()) {
        Ok(target) => target,
        Err(PathError::Unknown) => {
            return Refusal::UnknownRoute { path: uri.path().to_owned() }.into_response();
        }
        Err(PathError::Encoding) => {
            return Refusal::InvalidParameter { name: "path", value: uri.path().to_owned() }.into_response();
        }
    };
    state.count_request(target.route.name());
    let view = state.view();
    let response = match Admission::of(state, &view, &target, headers) {
        Ok(admission) => admission.answer(state, view, &target, asked).await,
        Err((refusal, organization)) => {
            wait(state.options.latency).await;
            let mut response = refusal.into_response();
            let tenant = match (organization, &target.organization) {
                (Some(organization), _) => Some(state.tenant_of(organization)),
                (None, Some(_)) => Some(state.world.tenant_id),
                (None, None) => None,
            };
            add_headers(state, tenant, headers, None, response.headers_mut());
            response
        }
    };
    if response.status().as_u16() >= 400 {
        state.count_failure(target.route.name());
    }
    response
}

/// Even the shortest sleep lasts until the next tick of the timer, so nothing is waited for not at all.
async fn wait(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}

/// The headers that every answer of the service has.
fn add_headers(
    state: &SimulatorState,
    tenant: Option<Uuid>,
    asked: &HeaderMap,
    identity: Option<IdentityIndex>,
    headers: &mut HeaderMap,
) {
    let mut set = |name: &'static str, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    let activity = state.next_activity().to_string();
    let session = asked.get("x-tfs-session").and_then(|value| value.to_str().ok()).unwrap_or(&activity);
    set("activityid", &activity);
    set("x-vss-e2eid", &activity);
    set("x-tfs-session", session);
    if let Some(tenant) = tenant {
        set("x-vss-resourcetenant", &tenant.to_string());
    }
    if let Some(IdentityIndex(index)) = identity {
        let identity = &state.identities[index];
        set("x-vss-userdata", &format!("{}:{}", identity.id, identity.principal_name));
    }
}
