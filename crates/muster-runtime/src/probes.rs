//! `/livez`, `/readyz`, `/metrics`.

use crate::metrics::Metrics;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use muster_queue::TicketTransport;
use muster_store::Store;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The event loop must have ticked within this long, or the process is stuck.
const LIVENESS_DEADLINE: Duration = Duration::from_secs(15);
/// How often the event loop proves that it turns.
const TICK: Duration = Duration::from_secs(1);
/// How long a ping of the database may take before the process calls itself not ready.
const DATABASE_DEADLINE: Duration = Duration::from_secs(2);

/// What the probes look at.
#[derive(Clone)]
pub struct Probes {
    store: Store,
    transport: Option<Arc<dyn TicketTransport>>,
    metrics: Metrics,
    stopping: CancellationToken,
    began: Instant,
    last_tick_ms: Arc<AtomicU64>,
}

impl Probes {
    /// Probes of a process; `stopping` makes it not ready, so that nothing new is routed to it.
    pub fn new(
        store: Store,
        transport: Option<Arc<dyn TicketTransport>>,
        metrics: Metrics,
        stopping: CancellationToken,
    ) -> Self {
        Self { store, transport, metrics, stopping, began: Instant::now(), last_tick_ms: Arc::default() }
    }

    /// Proves that the event loop turns, until `stop`.
    pub async fn tick(self, stop: CancellationToken) {
        loop {
            let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.last_tick_ms.store(elapsed, Ordering::Relaxed);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TICK) => (),
            }
        }
    }

    /// The routes.
    pub fn router(self) -> Router {
        Router::new()
            .route("/livez", get(live))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .with_state(self)
    }
}

/// Alive: never depends on the database, the broker or Azure DevOps; restarting would not mend those.
async fn live(State(probes): State<Probes>) -> Response {
    let last = Duration::from_millis(probes.last_tick_ms.load(Ordering::Relaxed));
    if probes.began.elapsed().saturating_sub(last) < LIVENESS_DEADLINE {
        (StatusCode::OK, "alive\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the event loop does not turn\n").into_response()
    }
}

async fn ready(State(probes): State<Probes>) -> Response {
    let mut wrong = Vec::new();
    if probes.stopping.is_cancelled() {
        wrong.push("stopping");
    }
    if !matches!(tokio::time::timeout(DATABASE_DEADLINE, probes.store.ping()).await, Ok(Ok(()))) {
        wrong.push("the database does not answer");
    }
    match probes.transport.as_ref().map(|transport| transport.health()) {
        Some(health) if !health.connected => wrong.push("the broker is not connected"),
        Some(health) if health.consumers < health.consumers_wanted => {
            wrong.push("a queue does not serve, or its consumer is being made anew");
        }
        Some(_) | None => {}
    }
    if wrong.is_empty() {
        (StatusCode::OK, "ready\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", wrong.join("\n"))).into_response()
    }
}

async fn metrics(State(probes): State<Probes>) -> Response {
    match probes.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
