//! Leases in hand: renewed together, on a task of their own, so that a busy handler cannot starve them.

use crate::metrics::Metrics;
use muster_domain::job::Role;
use muster_store::Store;
use muster_store::ledger::Lease;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Renewals within one lease: two may fail before it runs out.
const RENEWALS_PER_LEASE: u32 = 4;

/// Leases in hand, each with the token that stops its work.
#[derive(Clone)]
pub(super) struct Leases {
    store: Store,
    length: Duration,
    role: Role,
    metrics: Metrics,
    held: Arc<Mutex<HashMap<Lease, CancellationToken>>>,
}

impl Leases {
    pub(super) fn new(store: Store, length: Duration, role: Role, metrics: Metrics) -> Self {
        Self { store, length, role, metrics, held: Arc::default() }
    }

    /// Holds a lease; the token is cancelled when it is found lost.
    pub(super) fn hold(&self, lease: Lease) -> CancellationToken {
        let lost = CancellationToken::new();
        self.lock().insert(lease, lost.clone());
        lost
    }

    /// Forgets a lease whose job is over.
    pub(super) fn forget(&self, lease: Lease) {
        self.lock().remove(&lease);
    }

    /// Renews what is held until `stop`.
    pub(super) async fn renew_until(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.length / RENEWALS_PER_LEASE) => self.renew().await,
            }
        }
    }

    async fn renew(&self) {
        let held: Vec<Lease> = self.lock().keys().copied().collect();
        if held.is_empty() {
            return;
        }
        match self.store.ledger().renew(&held, self.length).await {
            Ok(lost) => self.stop_work_of(&lost),
            // The fence protects what is written; the next renewal may still be in time.
            Err(error) => tracing::warn!(role = %self.role, error = %error, "leases cannot be renewed now"),
        }
    }

    fn stop_work_of(&self, lost: &[Lease]) {
        if lost.is_empty() {
            return;
        }
        self.metrics.leases_lost(self.role, lost.len());
        let held = self.lock();
        for lease in lost {
            // A lease that is not held any more was finished between the two looks.
            if let Some(token) = held.get(lease) {
                tracing::warn!(role = %self.role, job.id = %lease.job_id, "the lease of a running job is lost");
                token.cancel();
            }
        }
    }

    /// Gives every lease back: neither an attempt nor a crash.
    pub(super) async fn give_back_all(&self) {
        let held: Vec<Lease> = self.lock().keys().copied().collect();
        self.give_back(&held).await;
    }

    /// Gives these leases back. They are held until that is done: whoever is cut off in between leaves them to
    /// [`Self::give_back_all`].
    pub(super) async fn give_back(&self, leases: &[Lease]) {
        match self.store.ledger().release(leases).await {
            Ok(released) if released > 0 => {
                tracing::info!(role = %self.role, released, "leases were given back untouched");
            }
            Ok(_) => (),
            Err(error) => {
                tracing::warn!(role = %self.role, error = %error, "leases cannot be given back, they run out instead");
                return;
            }
        }
        let mut held = self.lock();
        for lease in leases {
            held.remove(lease);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Lease, CancellationToken>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
