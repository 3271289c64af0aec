//! The consumption budget of one identity: an exact sliding window that every process shares, and what it learns.
//!
//! Pure: the store keeps a [`BudgetState`] in one row, locks it, calls one of these functions with the database's
//! time and writes the state back. A refusal changes nothing that the next call would not change as well, so it need
//! not be written. An operation takes a few microseconds, a row stays under 8 KB.
//!
//! # Why no window passes the share
//! The service counts a call at some moment between its grant and its answer. Until the answer the call is *in flight*
//! and held; then it is booked in the slot of the answer and held for as many slots as the window has, and one more
//! (`window`). So at every moment `t` the held counts `h` are at least what the service counted in `(t - W, t]`, whatever
//! the latency, and in the future they only shrink without new grants. With the true costs `c`, use of others `F` and
//! `c·h + F <= cap` at every grant, the bound is exact. It costs a slot in 150 and the mean latency of use.
//!
//! # What makes up for not knowing `c` and `F`
//! * A header tells `U = limit - remaining`. The estimate (`learning`) moves so that it agrees, as far as timing allows
//!   (`answers` says how exactly that is known); and never may `c·h + F` be under `U`: then it is raised to `U` at once.
//! * An answer without a header tells `U < limit / 2`: an estimate above that falls by half of the difference, at every
//!   answer, until headers appear. So a guess ten times too high ends as fast as calls are answered.
//! * A grant needs `c·h + F + margin <= cap`. The margin is 2.5 standard deviations of the left side: small for
//!   calls whose costs are known, large for a read that is used for the first time, of which therefore only few are out
//!   at once. Before the first header all is doubt, and the margin is bounded, so that the header can come.
//! * While headers come, the last one and what is on its way since must also stay under the cap: a sum that was told needs
//!   no costs. Where the cap is near and none came lately, background calls go one at a time until one comes.
//! * Background calls keep an even pace once a quarter of the cap is used. A window that was spent in one burst could not
//!   give way to a person for as long as the burst is inside; an evenly spent one gives way as fast as they begin.
//!
//! # What it costs
//! In the simulation of the tests (`tests`), 16 callers without a pause, mean use is 96 to 99 % of the share, the highest
//! window 98 to 100 %, for guesses of 0.1 to 10 times the truth, windows of 12, 30 and 300 s, and mixes that change.
//!
//! # Limits
//! Time is the database's. A step back is waited for, or, beyond a window, followed, without granting twice; a step
//! forward lets calls leave early. A call that is sent more than [`in_flight_expiry`](BudgetSettings::in_flight_expiry) after
//! its grant by a process that never answers is counted as if it had been sent at once.

use crate::IdentityKey;
use crate::consumption_control::ControlScope;
use crate::read::Read;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

mod answers;
mod column;
mod estimate;
pub mod fairness;
mod learning;
mod packed;
mod pause;
mod row;
mod scope_window;
mod settings;
mod state;
mod view;
mod window;

pub use pause::PauseReason;
pub use scope_window::ScopeWindow;
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

/// Who makes a call, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Who waits for the answer.
    pub class: ConsumptionClass,
    /// For which connector or organization; absent before there is one.
    pub scope: Option<ControlScope>,
}

impl Caller {
    /// Somebody of `class` who calls for a connector or organization.
    pub fn of(class: ConsumptionClass, scope: ControlScope) -> Self {
        Self { class, scope: Some(scope) }
    }
}

impl From<ConsumptionClass> for Caller {
    fn from(class: ConsumptionClass) -> Self {
        Self { class, scope: None }
    }
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
    /// For whom.
    pub scope: Option<ControlScope>,
}

/// No leave now.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the consumption budget of the identity has no room until {retry_at}")]
pub struct NoRoom {
    /// When asking again makes sense.
    pub retry_at: DateTime<Utc>,
    /// Why not.
    pub reason: NoRoomReason,
}

/// Why there is no leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoomReason {
    /// The window of the identity is full.
    WindowFull,
    /// Background work has had its part of these seconds.
    Pace,
    /// The service asked the identity to pause.
    ServicePause,
    /// A person paused the connector or the organization.
    Paused,
    /// The connector or the organization has quiet hours.
    QuietHours,
    /// The window of the connector's or the organization's own share is full.
    ShareFull,
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
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Result<Grant, NoRoom>, GateUnavailable>>;

    /// Tells what the answer said, or that there was none (`None`: the call may still have been counted).
    fn settle<'a>(
        &'a self,
        grant: &'a Grant,
        signals: Option<ThrottleSignals>,
    ) -> BoxFuture<'a, Result<(), GateUnavailable>>;
}

#[cfg(test)]
mod tests;
