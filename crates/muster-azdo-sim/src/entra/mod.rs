//! The token endpoint of Entra, as far as an application of Azure DevOps needs it.

mod refusal;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::identity::{Caller, IdentityIndex, SimulatedIdentity, TokenKind};
use crate::state::SimulatorState;
use refusal::{Reason, Refusal};

/// Azure DevOps as a resource of Entra: every scope begins with it.
const AZURE_DEVOPS: &str = "499b84ac-1321-427f-aa17-267ca6975798";
/// How an assertion in place of a secret is announced.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// What the endpoint is called in statistics.
const TOKEN: &str = "token";

/// The access tokens that were given.
#[derive(Debug, Default)]
pub(crate) struct AccessTokens {
    given: Mutex<HashMap<String, Given>>,
}

#[derive(Debug, Clone, Copy)]
struct Given {
    caller: Caller,
    expires: Instant,
}

impl AccessTokens {
    fn give(&self, caller: Caller, lifetime: Duration) -> String {
        let token = format!("simaccess-{}", Uuid::new_v4().simple());
        let expires = Instant::now() + lifetime;
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.insert(token.clone(), Given { caller, expires });
        token
    }

    /// Who calls with a token, unless it is unknown or expired.
    pub(crate) fn caller(&self, token: &str) -> Option<Caller> {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let found = given.get(token).filter(|given| Instant::now() < given.expires);
        found.map(|given| given.caller)
    }
}

/// The fields of a form. Names are case-sensitive, as OAuth has them.
struct Form(HashMap<String, String>);

impl Form {
    fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let uri: Uri = format!("/?{text}").parse().ok()?;
        Query::<HashMap<String, String>>::try_from_uri(&uri).ok().map(|Query(fields)| Self(fields))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &'static str) -> Result<&str, Reason> {
        self.get(name).ok_or(Reason::MissingParameter { name })
    }
}

/// `POST /{tenant}/oauth2/v2.0/token`
pub(crate) async fn token(
    State(state): State<Arc<SimulatorState>>,
    Path(tenant): Path<String>,
    body: Bytes,
) -> Response {
    state.count_request(TOKEN);
    match Form::read(&body).ok_or(Reason::MissingParameter { name: "grant_type" }) {
        Ok(form) => grant(&state, &tenant, &form),
        Err(reason) => Err(reason),
    }
    .unwrap_or_else(|reason| {
        state.count_failure(TOKEN);
        let activity = state.next_activity();
        Refusal { reason, activity, unix_seconds: state.options.clock.unix_seconds() }.into_response()
    })
}

/// `GET /metadata/identity/oauth2/token`: how a virtual machine gets the tokens of its managed identity, which is the
/// application here.
pub(crate) async fn managed_identity(
    State(state): State<Arc<SimulatorState>>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    state.count_request(TOKEN);
    let asked = Query::<HashMap<String, String>>::try_from_uri(&uri).map(|Query(asked)| asked);
    let asked = asked.unwrap_or_default();
    let has_header =
        headers.get("metadata").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    let client_id = asked.get("client_id").map(String::as_str);
    let application = application(&state, client_id.unwrap_or_else(|| only_client_id(&state)));
    let is_ours = asked.get("resource").is_some_and(|resource| resource == AZURE_DEVOPS);
    match application {
        Ok((index, _)) if has_header && is_ours => {
            let tenant = state.world.tenant_id;
            let caller = Caller { identity: index, kind: TokenKind::Application, tenant: Some(tenant) };
            let lifetime = state.options.token_seconds;
            let token = state.access_tokens.give(caller, Duration::from_secs(lifetime));
            // The metadata service writes numbers as text.
            let expires_on = state.options.clock.unix_seconds() + lifetime;
            Json(json!({
                "access_token": token, "expires_in": lifetime.to_string(), "expires_on": expires_on.to_string(),
                "resource": AZURE_DEVOPS, "token_type": "Bearer"
            }))
            .into_response()
        }
        _ => {
            state.count_failure(TOKEN);
            let problem = json!({"error": "invalid_request", "error_description": "Identity not found"});
            (StatusCode::BAD_REQUEST, Json(problem)).into_response()
        }
    }
}

fn grant(state: &SimulatorState, tenant: &str, form: &Form) -> Result<Response, Reason> {
    let unknown_tenant = || Reason::UnknownTenant { tenant: tenant.to_owned() };
    let tenant_id = Uuid::parse_str(tenant).ok().filter(|id| state.tenants().contains(id));
    let tenant_id = tenant_id.ok_or_else(unknown_tenant)?;
    match form.required("grant_type")? {
        "client_credentials" => of_application(state, tenant_id, form),
        "refresh_token" => of_person(state, tenant_id, form),
        other => Err(Reason::UnsupportedGrant { grant: other.to_owned() }),
    }
}

fn of_application(state: &SimulatorState, tenant: Uuid, form: &Form) -> Result<Response, Reason> {
    let client_id = form.required("client_id")?;
    let (index, identity) = application(state, client_id)?;
    let client = identity.client.as_ref().ok_or_else(|| unknown_application(client_id))?;
    let is_proved = match (form.get("client_secret"), form.get("client_assertion")) {
        (Some(secret), _) => secret == client.client_secret,
        (None, Some(assertion)) => {
            let is_announced = form.get("client_assertion_type") == Some(ASSERTION_TYPE);
            if !is_announced || assertion != client.client_assertion {
                return Err(Reason::WrongAssertion { client_id: client_id.to_owned() });
            }
            true
        }
        (None, None) => return Err(Reason::MissingSecret),
    };
    if !is_proved {
        return Err(Reason::WrongSecret { client_id: client_id.to_owned() });
    }
    let scope = wanted_scope(form, |permission| permission == ".default")?;
    let caller = Caller { identity: index, kind: TokenKind::Application, tenant: Some(tenant) };
    Ok(answer(state, caller, &scope, None))
}

/// Whoever keeps the token may use it: which application acts for the person is not told apart.
fn of_person(state: &SimulatorState, tenant: Uuid, form: &Form) -> Result<Response, Reason> {
    form.required("client_id")?;
    let refresh_token = form.required("refresh_token")?;
    let is_it = |identity: &SimulatedIdentity| identity.refresh_token.as_deref() == Some(refresh_token);
    let found =
        state.identities.iter().position(is_it).map(IdentityIndex).ok_or(Reason::WrongRefreshToken)?;
    let scope = wanted_scope(form, |_| true)?;
    let caller = Caller { identity: found, kind: TokenKind::Delegated, tenant: Some(tenant) };
    Ok(answer(state, caller, &scope, Some(refresh_token)))
}

fn answer(state: &SimulatorState, caller: Caller, scope: &str, refresh_token: Option<&str>) -> Response {
    let lifetime = state.options.token_seconds;
    let token = state.access_tokens.give(caller, Duration::from_secs(lifetime));
    let mut answer = json!({
        "token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token
    });
    if let Some(refresh_token) = refresh_token {
        answer["scope"] = json!(scope);
        answer["refresh_token"] = json!(refresh_token);
    }
    ([(header::CACHE_CONTROL, "no-store, no-cache")], Json(answer)).into_response()
}

/// The scope, when it asks for Azure DevOps and nothing else.
fn wanted_scope(form: &Form, is_permission: impl Fn(&str) -> bool) -> Result<String, Reason> {
    let scope = form.get("scope").unwrap_or_default();
    let wrong = || Reason::WrongScope { scope: scope.to_owned() };
    let resources: Vec<&str> = scope
        .split_whitespace()
        .filter(|part| !["offline_access", "openid", "profile"].contains(part))
        .collect();
    let is_ours = |part: &&str| {
        part.strip_prefix(AZURE_DEVOPS).and_then(|rest| rest.strip_prefix('/')).is_some_and(&is_permission)
    };
    if resources.is_empty() || !resources.iter().all(is_ours) {
        return Err(wrong());
    }
    Ok(resources.join(" "))
}

fn application<'state>(
    state: &'state SimulatorState,
    client_id: &str,
) -> Result<(IdentityIndex, &'state SimulatedIdentity), Reason> {
    let has_it = |identity: &SimulatedIdentity| {
        identity.client.as_ref().is_some_and(|client| client.client_id.eq_ignore_ascii_case(client_id))
    };
    let index = state.identities.iter().position(has_it).ok_or_else(|| unknown_application(client_id))?;
    Ok((IdentityIndex(index), &state.identities[index]))
}

fn unknown_application(client_id: &str) -> Reason {
    Reason::UnknownApplication { client_id: client_id.to_owned() }
}

fn only_client_id(state: &SimulatorState) -> &str {
    let client = state.identities.iter().find_map(|identity| identity.client.as_ref());
    client.map_or("", |client| client.client_id.as_str())
}
