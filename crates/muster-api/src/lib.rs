#![doc = include_str!("../README.md")]

mod errors;
mod events;
mod local;

pub use local::only_local;

use axum::Router;
use axum::routing::post;
use muster_runtime::ingress::Ingress;

/// The routes of the API.
pub fn router(ingress: Ingress) -> Router {
    Router::new().route("/events", post(events::publish)).with_state(ingress)
}
