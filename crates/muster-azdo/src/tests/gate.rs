//! A gate that counts.

use muster_domain::IdentityKey;
use muster_domain::budget::{
    BoxFuture, Caller, ConsumptionClass, ConsumptionGate, GateUnavailable, Grant, NoRoom, ThrottleSignals,
};
use muster_domain::read::Read;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// Grants everything, unless it was told otherwise, and remembers what it was asked and told.
pub(super) struct FakeGate {
    refusals: Mutex<VecDeque<Result<NoRoom, GateUnavailable>>>,
    asked: AtomicUsize,
    granted: Mutex<Vec<(Read, ConsumptionClass)>>,
    settled: Mutex<Vec<(i64, Option<ThrottleSignals>)>>,
    settling: AtomicUsize,
    /// A settlement takes one of these.
    pub(super) settlements: Semaphore,
}

impl Default for FakeGate {
    fn default() -> Self {
        Self {
            refusals: Mutex::default(),
            asked: AtomicUsize::default(),
            granted: Mutex::default(),
            settled: Mutex::default(),
            settling: AtomicUsize::default(),
            settlements: Semaphore::new(Semaphore::MAX_PERMITS),
        }
    }
}

impl FakeGate {
    /// Refuses once for each of `refusals`.
    pub(super) fn refusing(refusals: impl IntoIterator<Item = Result<NoRoom, GateUnavailable>>) -> Self {
        Self { refusals: Mutex::new(refusals.into_iter().collect()), ..Self::default() }
    }

    /// Settles nothing until it gets permits.
    pub(super) fn holding_settlements() -> Self {
        Self { settlements: Semaphore::new(0), ..Self::default() }
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) fn granted(&self) -> Vec<(Read, ConsumptionClass)> {
        self.granted.lock().unwrap().clone()
    }

    /// Settlements that were begun, finished or not.
    pub(super) fn settling(&self) -> usize {
        self.settling.load(Ordering::SeqCst)
    }

    /// What the settlements said; every grant at most once.
    pub(super) fn settled(&self) -> Vec<Option<ThrottleSignals>> {
        let settled = self.settled.lock().unwrap();
        let mut grants: Vec<_> = settled.iter().map(|(grant, _)| *grant).collect();
        grants.sort_unstable();
        grants.dedup();
        assert_eq!(grants.len(), settled.len(), "a grant was settled twice");
        settled.iter().map(|(_, signals)| *signals).collect()
    }

    /// The signals of the only call.
    pub(super) fn only_signals(&self) -> Option<ThrottleSignals> {
        assert_eq!(self.granted().len(), 1);
        let settled = self.settled();
        assert_eq!(settled.len(), 1);
        settled[0]
    }
}

impl ConsumptionGate for FakeGate {
    fn reserve<'a>(
        &'a self,
        identity: &'a IdentityKey,
        read: Read,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Result<Grant, NoRoom>, GateUnavailable>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if let Some(refusal) = self.refusals.lock().unwrap().pop_front() {
                return refusal.map(Err);
            }
            let mut granted = self.granted.lock().unwrap();
            granted.push((read, caller.class));
            let slot = i64::try_from(granted.len()).unwrap();
            Ok(Ok(Grant { identity: identity.clone(), read, slot, scope: caller.scope.clone() }))
        })
    }

    fn settle<'a>(
        &'a self,
        grant: &'a Grant,
        signals: Option<ThrottleSignals>,
    ) -> BoxFuture<'a, Result<(), GateUnavailable>> {
        Box::pin(async move {
            self.settling.fetch_add(1, Ordering::SeqCst);
            self.settlements.acquire().await.unwrap().forget();
            self.settled.lock().unwrap().push((grant.slot, signals));
            Ok(())
        })
    }
}
