//! What an installation sets about the consumption budget.

use super::ConsumptionClass;
use crate::read::Read;
use std::collections::BTreeMap;
use std::time::Duration;

/// Share of the stated limit that workers may use together.
pub const DEFAULT_SHARE: f64 = 0.9;
/// Share of the stated limit that a waiting person may go on to.
pub const DEFAULT_INTERACTIVE_SHARE: f64 = 0.95;
/// "The global limit is 200 TSTUs within any sliding five-minute window."
/// Source: MicrosoftDocs/azure-devops-docs, `integrate/concepts/rate-limits.md`.
pub const DEFAULT_LIMIT_TSTU: f64 = 200.0;
/// The window of that limit.
pub const DEFAULT_WINDOW: Duration = Duration::from_secs(300);
/// Cost of a call before anything has been learned. Costs are not published; simple reads are cheap.
pub const DEFAULT_GUESS_TSTU: f64 = 0.1;
/// Slots of 2 s in 300 s. The ring holds one slot more than the window, so that 150/151 = 99.3 % can be used;
/// twice as many would gain 0.3 % and double the row.
pub const DEFAULT_SLOTS_PER_WINDOW: u32 = 150;
/// The client gives a call up after 100 s (the service itself may hold one back for 30 s); a grant that is not
/// given back by then belonged to a process that died.
pub const DEFAULT_IN_FLIGHT_EXPIRY: Duration = Duration::from_secs(120);
/// Headers are due from this part of the limit on: the service sends them "before requests start getting
/// delayed" (same source); half is where they have been seen to begin.
pub const DEFAULT_HEADERS_DUE_SHARE: f64 = 0.5;

/// Settings of the budget; one set for the whole installation.
#[derive(Clone, Debug, PartialEq)]
pub struct BudgetSettings {
    /// Part of the limit for workers.
    pub share: f64,
    /// Part of the limit for people who wait.
    pub interactive_share: f64,
    /// The sliding window of the service.
    pub window: Duration,
    /// Limit until the service states one.
    pub default_limit_tstu: f64,
    /// First guess of the cost of a call.
    pub default_guess_tstu: f64,
    /// First guesses of single reads, where better ones are known.
    pub guess_tstu: BTreeMap<Read, f64>,
    /// How finely the window is kept.
    pub slots_per_window: u32,
    /// When a grant that was never given back is taken for one whose process died; at most a window.
    pub in_flight_expiry: Duration,
    /// Part of the limit from which on answers carry `X-RateLimit-*`.
    pub headers_due_share: f64,
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self {
            share: DEFAULT_SHARE,
            interactive_share: DEFAULT_INTERACTIVE_SHARE,
            window: DEFAULT_WINDOW,
            default_limit_tstu: DEFAULT_LIMIT_TSTU,
            default_guess_tstu: DEFAULT_GUESS_TSTU,
            guess_tstu: BTreeMap::new(),
            slots_per_window: DEFAULT_SLOTS_PER_WINDOW,
            in_flight_expiry: DEFAULT_IN_FLIGHT_EXPIRY,
            headers_due_share: DEFAULT_HEADERS_DUE_SHARE,
        }
    }
}

impl BudgetSettings {
    /// The first guess for one read.
    pub fn guess(&self, read: Read) -> f64 {
        self.guess_tstu.get(&read).copied().unwrap_or(self.default_guess_tstu)
    }

    /// What the class may reach, of a stated limit.
    pub fn cap_tstu(&self, class: ConsumptionClass, limit_tstu: f64) -> f64 {
        limit_tstu
            * match class {
                ConsumptionClass::Background => self.share,
                ConsumptionClass::Interactive => self.interactive_share.max(self.share),
            }
    }

    /// The window, in milliseconds; never nothing.
    pub(super) fn window_ms(&self) -> i64 {
        i64::try_from(self.window.as_millis()).unwrap_or(i64::MAX / 4).clamp(1, i64::MAX / 4)
    }

    /// Width of a slot, in milliseconds.
    pub(super) fn slot_ms(&self) -> i64 {
        let slots = i64::from(self.slots_per_window.max(1));
        (self.window_ms() + slots - 1) / slots
    }

    /// After how long an unsettled grant counts as settled, in milliseconds.
    pub(super) fn expiry_ms(&self) -> i64 {
        i64::try_from(self.in_flight_expiry.as_millis()).unwrap_or(i64::MAX).min(self.window_ms())
    }
}
