//! The consumption budget of one identity: an exact sliding window that every process shares, and what it learns.
//!
//! Pure: the store keeps a [`BudgetState`] in one row, locks it, calls one of these functions with the database's
//! time and writes the state back.

use crate::IdentityKey;
use crate::read::Read;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

mod answers;
mod learning;
mod packed;
mod pause;
mod row;
mod settings;
mod state;
mod view;
mod window;

pub use settings::*;
pub use state::{BudgetState, SettleEffect};
pub use view::BudgetView;

/// Who waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConsumptionClass {
    /// A worker: may go on to the share.
    Background,
    /// A person: may go on to 95 % of the limit.
    Interactive,
}

/// What an answer said about consumption (headers `Retry-After` and `X-RateLimit-*`, status 429).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ThrottleSignals {
    /// `Retry-After`, relative to the answer's own date; present also on answers that are complete.
    pub retry_after: Option<Duration>,
    /// `X-RateLimit-Delay`: how long the service held the answer back.
    pub delay: Option<Duration>,
    /// `X-RateLimit-Limit`, TSTU.
    pub limit_tstu: Option<f64>,
    /// `X-RateLimit-Remaining`, TSTU.
    pub remaining_tstu: Option<f64>,
    /// The call was refused (429).
    pub blocked: bool,
}

/// Leave to make one call; give it back to [`ConsumptionGate::settle`] with what the answer said.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// Whose budget it was taken from.
    pub identity: IdentityKey,
    /// For which call.
    pub read: Read,
    /// Slot of the window in which it was taken.
    pub slot: i64,
}

/// No leave now.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the consumption budget of the identity has no room until {retry_at}")]
pub struct NoRoom {
    /// When asking again makes sense.
    pub retry_at: DateTime<Utc>,
    /// The service asked for a pause, rather than the window being full.
    pub paused: bool,
}

/// Why a gate gave no answer at all: its storage is out of reach.
#[derive(Debug, thiserror::Error)]
#[error("the consumption budget cannot be reached: {0}")]
pub struct GateUnavailable(pub String);

/// A boxed future, so that a gate can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The one door that every call to Azure DevOps goes through, in every process.
pub trait ConsumptionGate: Send + Sync {
    /// Asks for leave to make one call.
    fn reserve<'a>(
        &'a self,
        identity: &'a IdentityKey,
        read: Read,
        class: ConsumptionClass,
    ) -> BoxFuture<'a, Result<Result<Grant, NoRoom>, GateUnavailable>>;

    /// Tells what the answer said, or that there was none (`None`: the call may still have been counted).
    fn settle<'a>(
        &'a self,
        grant: &'a Grant,
        signals: Option<ThrottleSignals>,
    ) -> BoxFuture<'a, Result<(), GateUnavailable>>;
}
