//! Who may come in, and what becomes of the call then.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::path::Target;
use super::query::Query;
use super::refusal::Refusal;
use super::{Asked, Call, add_headers, faulty, version, wait};
use crate::answers;
use crate::consumption::Verdict;
use crate::fault::FaultAction;
use crate::identity::{Caller, TokenKind, presented_token};
use crate::quirk::Quirk;
use crate::state::SimulatorState;
use crate::world::{OrganizationIndex, View};

/// A call that may come in: its organization is there and runs, its credential is good.
pub(super) struct Admission {
    organization: Option<OrganizationIndex>,
    caller: Caller,
}

impl Admission {
    /// Lets a call in, or says why not, and to which organization it went.
    pub(super) fn of(
        state: &SimulatorState,
        view: &View,
        target: &Target,
        headers: &HeaderMap,
    ) -> Result<Self, (Refusal, Option<OrganizationIndex>)> {
        let mut organization = None;
        if let Some(name) = &target.organization {
            let found = view.find_organization(name);
            let index = found.ok_or_else(|| (Refusal::UnknownOrganization { name: name.clone() }, None))?;
            organization = Some(index);
            if view.changes.stopped_organizations.contains(&index) {
                let name = view.organization(index).name.clone();
                return Err((Refusal::OrganizationStopped { name }, organization));
            }
        }
        let caller = presented_token(headers).and_then(|token| state.authenticate(&token, view));
        let is_of_tenant = |caller: &Caller| match (caller.tenant, organization) {
            (Some(tenant), Some(organization)) => tenant == state.tenant_of(organization),
            _ => true,
        };
        let caller = caller.filter(is_of_tenant);
        let caller = caller.ok_or_else(|| (unauthorized(state, view, headers), organization))?;
        if let Some(organization) = organization
            && caller.kind == TokenKind::Delegated
            && !view.allows_oauth(organization)
        {
            let identity = state.identities[caller.identity.0].id.to_string();
            return Err((Refusal::NotAuthorized { identity }, Some(organization)));
        }
        Ok(Self { organization, caller })
    }

    pub(super) async fn answer(
        &self,
        state: &SimulatorState,
        mut view: View,
        target: &Target,
        asked: &Asked,
    ) -> Response {
        let identity = self.caller.identity;
        view.rights = state.rights_of(identity);
        let entered = state.enter(identity);
        let verdict = state.consume(identity, target.route);
        let fault = state.take_fault(target.route, target.organization.as_deref());
        let delay = match &verdict {
            Verdict::Delayed { delay, .. } => *delay,
            _ => Duration::ZERO,
        };
        wait(state.options.latency + delay).await;
        let is_page = state.options.quirks.contains(&Quirk::BlockedPage);
        let mut response = match (&entered, &verdict, &fault) {
            (Err(_), ..) => Refusal::TooManyAtOnce.into_response(),
            (_, Verdict::Blocked { .. }, _) if is_page => Refusal::BlockedPage.into_response(),
            (_, Verdict::Blocked { .. }, _) => Refusal::Blocked.into_response(),
            (.., Some(fault)) if faulty::replaces_answer(fault) => self.fail(state, &view, fault),
            _ => self.handle(state, view, target, asked).unwrap_or_else(IntoResponse::into_response),
        };
        let headers = response.headers_mut();
        let tenant = self.organization.map(|organization| state.tenant_of(organization));
        add_headers(state, tenant, &asked.parts.headers, Some(identity), headers);
        let says_nothing = is_page && matches!(verdict, Verdict::Blocked { .. });
        if !says_nothing && entered.is_ok() {
            verdict.describe(headers, state.options.clock.unix_seconds());
        }
        match fault {
            Some(fault) => faulty::disturb(&fault, response).await,
            None => response,
        }
    }

    fn fail(&self, state: &SimulatorState, view: &View, fault: &FaultAction) -> Response {
        let organization = self.organization.map(|index| view.organization(index).name.as_str());
        faulty::answer(fault, &view.world, organization, state.identities[self.caller.identity.0].id)
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
            identity: &state.identities[self.caller.identity.0],
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

/// What a bad credential gets: a browser would have to sign in, a program says that it can do without.
fn unauthorized(state: &SimulatorState, view: &View, headers: &HeaderMap) -> Refusal {
    let suppressed = headers
        .get("x-tfs-fedauthredirect")
        .is_some_and(|value| value.to_str().is_ok_and(|value| value.eq_ignore_ascii_case("suppress")));
    let base_url = view.world.base_url.clone();
    let quirks = &state.options.quirks;
    match suppressed {
        true if quirks.contains(&Quirk::UnauthorizedList) => Refusal::UnauthorizedList { realm: base_url },
        true => Refusal::Unauthorized { realm: base_url },
        false if quirks.contains(&Quirk::SignInRedirect) => Refusal::SignInRedirect { base_url },
        false => Refusal::SignInPage,
    }
}
