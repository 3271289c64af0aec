#![doc = include_str!("../README.md")]

mod events;
pub mod holds;
mod http;
mod routes;
pub mod scopes;
mod v1;
pub mod views;

#[cfg(test)]
mod tests;

pub use http::caller::Permission;
pub use http::request_id::REQUEST_ID;
pub use routes::{Operation, operations};

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::{from_fn, from_fn_with_state};
use http::busy::REQUESTS_AT_A_TIME;
use muster_domain::budget::BudgetSettings;
use muster_runtime::ingress::Ingress;
use muster_runtime::lifecycle::Shutdown;
use muster_runtime::replay::Replay;
use muster_store::Store;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// What the API answers from.
#[derive(Clone)]
pub struct Api {
    /// The door for requests; its store is the truth, its bell wakes the dispatcher of the same process.
    pub(crate) ingress: Ingress,
    /// The consumption budget of this installation.
    pub(crate) budget: BudgetSettings,
    /// Keeps what goes on after its answer until the process stops.
    pub(crate) shutdown: Shutdown,
    /// Held while a group of dead letters is replayed.
    pub(crate) group_place: Arc<Semaphore>,
}

impl Api {
    /// Answers from the store of this door, as a part of the process that this shutdown ends.
    pub fn new(ingress: Ingress, budget: BudgetSettings, shutdown: Shutdown) -> Self {
        Self { ingress, budget, shutdown, group_place: Arc::new(Semaphore::new(1)) }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.ingress.store
    }

    pub(crate) fn replay(&self) -> Replay {
        Replay { ingress: self.ingress.clone() }
    }

    /// Tells a dispatcher in the same process that jobs became due.
    pub(crate) fn work_was_made(&self) {
        self.ingress.work_was_made.notify_waiters();
    }
}

impl FromRef<Api> for Ingress {
    fn from_ref(api: &Api) -> Self {
        api.ingress.clone()
    }
}

/// The routes of the API.
pub fn router(api: Api) -> Router {
    limited(api, REQUESTS_AT_A_TIME)
}

/// The routes of the API, for so many requests at a time.
fn limited(api: Api, requests_at_a_time: usize) -> Router {
    let places = Arc::new(Semaphore::new(requests_at_a_time));
    routes::router().layer(from_fn_with_state(places, http::busy::refuse_beyond)).with_state(api)
}

/// Everything that is served at one address, as the world meets it: each answer has the id of its request, each error the
/// envelope, a handler that panics an answer; and only local callers are let in, as long as there is no sign-in.
pub fn served(router: Router) -> Router {
    router
        .layer(from_fn(http::envelope::wrap_errors))
        .layer(from_fn(http::local::refuse_foreign))
        .layer(from_fn(http::panics::answer_for_panics))
        .layer(from_fn(http::request_id::identify))
}
