//! How every call of the simulated service is answered, from its path to its headers.

mod call;
mod faulty;
pub(crate) mod path;
mod query;
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

pub(crate) use call::{Call, with_continuation};

use crate::answers;
use crate::consumption::Verdict;
use crate::identity::{IdentityIndex, presented_token};
use crate::state::SimulatorState;
use crate::world::{OrganizationIndex, View};
use path::{PathError, Target};
use query::Query;
use refusal::Refusal;

/// The longest body that is read: a hundred resources to check take a few kilobytes.
const MOST_BODY_BYTES: usize = 1024 * 1024;

/// Answers a call of the service.
pub(crate) async fn answer(State(state): State<Arc<SimulatorState>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MOST_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let target = match Target::read(parts.uri.path()) {
        Ok(target) => target,
        Err(PathError::Unknown) => {
            return Refusal::UnknownRoute { path: parts.uri.path().to_owned() }.into_response();
        }
        Err(PathError::Encoding) => {
            return Refusal::InvalidParameter { name: "path", value: parts.uri.path().to_owned() }
                .into_response();
        }
    };
    state.count_request(target.route);
    let view = state.view();
    let headers = parts.headers.clone();
    let response = match Admission::of(&state, &view, &target, &headers) {
        Ok(admission) => admission.answer(&state, view, &target, &Asked { parts, body }).await,
        Err(refusal) => {
            wait(state.options.latency).await;
            let mut response = refusal.into_response();
            add_headers(&state, &target, &headers, None, response.headers_mut());
            response
        }
    };
    if response.status().as_u16() >= 400 {
        state.count_failure(target.route);
    }
    response
}

/// A request, read to its end.
struct Asked {
    parts: Parts,
    body: Bytes,
}

/// A call that may come in: its organization is there and runs, its credential is good.
struct Admission {
    organization: Option<OrganizationIndex>,
    identity: IdentityIndex,
}

impl Admission {
    fn of(
        state: &SimulatorState,
        view: &View,
        target: &Target,
        headers: &HeaderMap,
    ) -> Result<Self, Refusal> {
        let mut organization = None;
        if let Some(name) = &target.organization {
            let found = view.world.find_organization(name);
            let index = found.ok_or_else(|| Refusal::UnknownOrganization { name: name.clone() })?;
            if view.changes.stopped_organizations.contains(&index) {
                return Err(Refusal::OrganizationStopped {
                    name: view.world.organization(index).name.clone(),
                });
            }
            organization = Some(index);
        }
        let identity = presented_token(headers).and_then(|token| state.authenticate(&token, view));
        let identity = identity.ok_or_else(|| {
            let suppressed = headers.get("x-tfs-fedauthredirect").is_some_and(|value| {
                value.to_str().is_ok_and(|value| value.eq_ignore_ascii_case("suppress"))
            });
            if suppressed {
                Refusal::Unauthorized { realm: view.world.base_url.clone() }
            } else {
                Refusal::SignInPage
            }
        })?;
        Ok(Self { organization, identity })
    }

    async fn answer(
        &self,
        state: &SimulatorState,
        mut view: View,
        target: &Target,
        asked: &Asked,
    ) -> Response {
        view.rights = state.rights_of(self.identity);
        let verdict = state.consume(self.identity, target.route);
        let fault = state.take_fault(target.route, target.organization.as_deref());
        let delay = match &verdict {
            Verdict::Delayed { delay, .. } => *delay,
            _ => Duration::ZERO,
        };
        wait(state.options.latency + delay).await;
        let mut response = match (&verdict, &fault) {
            (Verdict::Blocked { .. }, _) => Refusal::Blocked.into_response(),
            (_, Some(fault)) if faulty::replaces_answer(fault) => faulty::answer(fault),
            _ => self.handle(state, view, target, asked).unwrap_or_else(IntoResponse::into_response),
        };
        let headers = response.headers_mut();
        add_headers(state, target, &asked.parts.headers, Some(self.identity), headers);
        verdict.describe(headers, state.options.clock.unix_seconds());
        match fault {
            Some(fault) => faulty::disturb(&fault, response).await,
            None => response,
        }
    }

    fn handle(
        &self,
        state: &SimulatorState,
        view: View,
        target: &Target,
        asked: &Asked,
    ) -> Result<Response, Refusal> {
        let parts = &asked.parts;
        if !target.route.allows(&parts.method) {
            return Err(Refusal::MethodNotAllowed { method: parts.method.to_string() });
        }
        let query = Query::read(&parts.uri)?;
        let version = version::negotiate(target.route, &query, &parts.headers)?;
        let project = match (self.organization, &target.project) {
            (Some(organization), Some(segment)) => {
                let found = view.find_project(organization, segment);
                Some(found.ok_or_else(|| Refusal::UnknownProject { segment: segment.clone() })?)
            }
            _ => None,
        };
        let call = Call {
            state,
            view,
            identity: &state.identities[self.identity.0],
            organization: self.organization,
            project,
            arguments: &target.arguments,
            query,
            body: asked.body.clone(),
            version,
        };
        answers::answer(target.route, &call)
    }
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
    target: &Target,
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
    if target.organization.is_some() {
        set("x-vss-resourcetenant", &state.world.tenant_id.to_string());
    }
    if let Some(IdentityIndex(index)) = identity {
        let identity = &state.identities[index];
        set("x-vss-userdata", &format!("{}:{}", identity.id, identity.principal_name));
    }
}
