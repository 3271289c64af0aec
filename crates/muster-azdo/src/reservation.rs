//! A grant of the consumption gate that is given back exactly once.

use muster_domain::budget::{ConsumptionGate, Grant, ThrottleSignals};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

/// Leave to make one call. Settled exactly once: with what the answer said, or, where the call failed or its future
/// was dropped, with nothing.
pub(crate) struct Reservation {
    gate: Arc<dyn ConsumptionGate>,
    grant: Option<Grant>,
}

impl Reservation {
    pub(crate) fn new(gate: Arc<dyn ConsumptionGate>, grant: Grant) -> Self {
        Self { gate, grant: Some(grant) }
    }

    /// Tells the gate what the answer said; `None` when there was no answer. It runs as a task of its own, so that
    /// dropping the caller meanwhile does not lose it.
    pub(crate) async fn settle(mut self, signals: Option<ThrottleSignals>) {
        if let Some(task) = self.spawn(signals) {
            // A failure was logged by the task; the answer itself is good without it.
            let _ = task.await;
        }
    }

    fn spawn(&mut self, signals: Option<ThrottleSignals>) -> Option<JoinHandle<()>> {
        let grant = self.grant.take()?;
        // Without a runtime the process is ending; a grant counts as spent from the moment it was given.
        let runtime = Handle::try_current().ok()?;
        let gate = Arc::clone(&self.gate);
        let settle = async move {
            if let Err(error) = gate.settle(&grant, signals).await {
                tracing::warn!(ado.read = %grant.read, %error, "consumption could not be settled");
            }
        };
        Some(runtime.spawn(settle.in_current_span()))
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // Dropped in mid-call: the service may have counted the call, so the grant stays spent.
        drop(self.spawn(None));
    }
}
