//! Transactions that fail on purpose, for tests of those who call the store.
//!
//! No configuration reaches this: a test hands a plan to [`StoreOptions::faults`](crate::StoreOptions::faults).

use crate::error::StoreError;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::fmt::Debug;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

/// What becomes of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails before anything is written.
    Fails,
    /// It collides with another one when it commits; nothing is written, the store tries it again in place.
    Collides,
    /// It is committed, and its caller is told that it was not.
    DoneButErrored,
}

/// A plan of faults, asked once for every transaction that writes.
pub trait TransactionFaults: Debug + Send + Sync {
    /// What becomes of the next transaction; nothing for most of them.
    fn next(&self) -> Option<Fault>;
}

/// One fault, at the n-th transaction from now, counted from 1.
#[derive(Debug)]
pub struct FaultAt {
    nth: u64,
    fault: Fault,
    seen: AtomicU64,
}

impl FaultAt {
    /// A plan with this one fault.
    pub fn new(nth: u64, fault: Fault) -> Self {
        Self { nth, fault, seen: AtomicU64::new(0) }
    }

    /// Transactions so far.
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::SeqCst)
    }
}

impl TransactionFaults for FaultAt {
    fn next(&self) -> Option<Fault> {
        (self.seen.fetch_add(1, Ordering::SeqCst) + 1 == self.nth).then_some(self.fault)
    }
}

/// Every transaction meets a fault with some probability; the seed repeats a run, as far as its order repeats.
#[derive(Debug)]
pub struct RandomFaults {
    probability: f64,
    random: Mutex<StdRng>,
    met: AtomicU64,
}

impl RandomFaults {
    /// A plan from a seed, with a probability from 0 to 1.
    pub fn new(seed: u64, probability: f64) -> Self {
        let random = Mutex::new(StdRng::seed_from_u64(seed));
        Self { probability: probability.clamp(0.0, 1.0), random, met: AtomicU64::new(0) }
    }

    /// Faults so far.
    pub fn met(&self) -> u64 {
        self.met.load(Ordering::SeqCst)
    }
}

impl TransactionFaults for RandomFaults {
    fn next(&self) -> Option<Fault> {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        if !random.random_bool(self.probability) {
            return None;
        }
        self.met.fetch_add(1, Ordering::SeqCst);
        Some(match random.random_range(0..3_u8) {
            0 => Fault::Fails,
            1 => Fault::Collides,
            _ => Fault::DoneButErrored,
        })
    }
}

impl Fault {
    /// What its caller is told.
    pub(crate) fn error(self) -> StoreError {
        match self {
            Self::Fails => StoreError::Unavailable("a fault was planned before the transaction".to_owned()),
            Self::Collides => StoreError::Serialization("a collision was planned".to_owned()),
            Self::DoneButErrored => {
                StoreError::Unavailable("a fault was planned for the answer to the commit".to_owned())
            }
        }
    }
}
