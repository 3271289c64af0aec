//! The routes below `/_sim`: for whoever runs the simulator, never throttled, without authentication.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::change::Change;
use crate::entra;
use crate::fault::Fault;
use crate::grant::Grant;
use crate::http::stream::{Frame, json_stream};
use crate::http::{self};
use crate::input::InputError;
use crate::state::SimulatorState;
use crate::truth;

/// Everything that the simulator answers: its own routes, and the service's.
pub(crate) fn router(state: Arc<SimulatorState>) -> Router {
    Router::new()
        .route("/_sim/health", get(health))
        .route("/_sim/identities", get(identities))
        .route("/_sim/rights", post(grant))
        .route("/_sim/stats", get(stats))
        .route("/_sim/stats/reset", post(reset_stats))
        .route("/_sim/truth", get(truths))
        .route("/_sim/faults", get(pending_faults).post(install_fault).delete(clear_faults))
        .route("/_sim/changes", post(change))
        .route("/_sim/{*rest}", any(unknown))
        .route("/{tenant}/oauth2/v2.0/token", post(entra::token))
        .route("/metadata/identity/oauth2/token", get(entra::managed_identity))
        .fallback(http::answer)
        .with_state(state)
}

async fn health(State(state): State<Arc<SimulatorState>>) -> Json<Value> {
    let view = state.view();
    let names: Vec<&str> = view.organizations().map(|(_, organization)| organization.name.as_str()).collect();
    let projects = state.world.projects.len();
    let repositories: usize = state.world.projects.iter().map(|project| project.repositories).sum();
    Json(json!({
        "status": "ok", "organizations": names, "projects": projects, "repositories": repositories,
        "seed": state.options.seed, "tenantId": state.world.tenant_id
    }))
}

async fn identities(State(state): State<Arc<SimulatorState>>) -> Response {
    Json(&state.identities).into_response()
}

async fn stats(State(state): State<Arc<SimulatorState>>) -> Response {
    Json(state.stats()).into_response()
}

async fn reset_stats(State(state): State<Arc<SimulatorState>>) -> StatusCode {
    state.reset_stats();
    StatusCode::NO_CONTENT
}

async fn truths(State(state): State<Arc<SimulatorState>>, uri: Uri) -> Result<Response, InputError> {
    let view = state.view();
    let Query(query) = Query::<Vec<(String, String)>>::try_from_uri(&uri)
        .map_err(|error| InputError::new("query", error.to_string(), "give ?organization=NAME or nothing"))?;
    let Some((_, name)) = query.iter().find(|(key, _)| key == "organization") else {
        return Ok(json_body(json_stream(truth::of_world(&view), Frame::Bare)));
    };
    let organization = view.find_organization(name).ok_or_else(|| {
        InputError::new("organization", format!("there is no {name}"), "take one of GET /_sim/health")
    })?;
    Ok(json_body(json_stream(truth::of_organization(&view, organization), Frame::Bare)))
}

async fn pending_faults(State(state): State<Arc<SimulatorState>>) -> Response {
    Json(state.pending_faults()).into_response()
}

async fn install_fault(
    State(state): State<Arc<SimulatorState>>,
    body: Bytes,
) -> Result<StatusCode, InputError> {
    state.install_fault(Fault::read(&body)?)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn clear_faults(State(state): State<Arc<SimulatorState>>) -> StatusCode {
    state.clear_faults();
    StatusCode::NO_CONTENT
}

async fn change(State(state): State<Arc<SimulatorState>>, body: Bytes) -> Result<StatusCode, InputError> {
    state.change(&Change::read(&body)?)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn grant(State(state): State<Arc<SimulatorState>>, body: Bytes) -> Result<StatusCode, InputError> {
    state.grant(&Grant::read(&body)?)?;
    Ok(StatusCode::NO_CONTENT)
}

async fn unknown(uri: Uri) -> Response {
    let remedy = "use health, identities, rights, stats, stats/reset, truth, faults or changes";
    let error = InputError::new("path", format!("there is no {}", uri.path()), remedy);
    (StatusCode::NOT_FOUND, Json(json!({ "error": error }))).into_response()
}

fn json_body(body: Body) -> Response {
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

impl IntoResponse for InputError {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, Json(json!({ "error": self }))).into_response()
    }
}
