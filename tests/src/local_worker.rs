//! Dispatcher and runner of one role in the process of a test, with handlers of its own.

use muster_domain::job::Role;
use muster_queue::TicketTransport;
use muster_runtime::Handler;
use muster_runtime::dispatcher::Dispatcher;
use muster_runtime::lifecycle::Shutdown;
use muster_runtime::metrics::Metrics;
use muster_runtime::runner::{Runner, RunnerContext, RunnerSettings};
use muster_store::Store;
use std::sync::Arc;
use std::time::Duration;

/// Longer than any job of a test.
const LONG: Duration = Duration::from_secs(60);

/// A worker in this process; stop it before its services go.
pub struct LocalWorker {
    shutdown: Shutdown,
    transport: Arc<dyn TicketTransport>,
    metrics: Metrics,
}

impl LocalWorker {
    /// Starts dispatching, and running what arrives for `role` with `slots` groups at a time.
    pub fn start(
        store: &Store,
        transport: &Arc<dyn TicketTransport>,
        role: Role,
        slots: usize,
        handlers: Vec<Arc<dyn Handler>>,
    ) -> Self {
        let settings = RunnerSettings { slots, lease: LONG, slice: LONG, overrun: LONG, hold: LONG };
        Self::start_with(store, transport, role, settings, handlers)
    }

    /// The same, with leases and slices of other lengths.
    pub fn start_with(
        store: &Store,
        transport: &Arc<dyn TicketTransport>,
        role: Role,
        settings: RunnerSettings,
        handlers: Vec<Arc<dyn Handler>>,
    ) -> Self {
        let metrics = Metrics::new().expect("fresh instruments");
        let shutdown = Shutdown::new();
        let work_was_made = Arc::default();
        Dispatcher {
            store: store.clone(),
            transport: Arc::clone(transport),
            metrics: metrics.clone(),
            shutdown: shutdown.clone(),
            work_was_made: Arc::clone(&work_was_made),
        }
        .start();
        let context = RunnerContext {
            store: store.clone(),
            transport: Arc::clone(transport),
            metrics: metrics.clone(),
            shutdown: shutdown.clone(),
            work_was_made,
            owner: "test".to_owned(),
        };
        Runner::new(context, settings, role, handlers).start();
        Self { shutdown, transport: Arc::clone(transport), metrics }
    }

    /// What the worker counted under a name, over all labels.
    pub fn counted(&self, name: &str) -> f64 {
        total(&self.metrics.render().expect("render the metrics"), name)
    }

    /// Drains and closes the transport.
    pub async fn stop(self) {
        self.shutdown.begin();
        self.shutdown.drained().await;
        self.transport.close().await;
    }
}

/// The sum of all series of a name in Prometheus' text form.
pub fn total(metrics: &str, name: &str) -> f64 {
    let series = metrics.lines().filter_map(|line| line.strip_prefix(name));
    let of_name = series.filter(|rest| rest.starts_with(['{', ' ']));
    of_name.filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
