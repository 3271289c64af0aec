//! The window of a connector or organization that has a share of its own.
//!
//! The same ring as the budget's, of the scope's calls alone, valued at the costs that the budget has learned. It is
//! kept beside the budget and changed under the same lock. What the scope spent before its share was set counts in full
//! for one window, so that the share holds from the first call on.

use super::column::{Column, InFlight, ReadKey};
use super::packed::{pack_counts, unpack_counts};
use super::state::{BudgetState, LARGEST_MARGIN, MARGIN, ROUNDING_TSTU};
use super::window::Window;
use super::{BudgetSettings, Grant};
use crate::consumption_control::Share;
use crate::read::Read;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What is kept free under a share in any case, as a part of it: the service tells the sum of the identity only, so that
/// what a part of its calls cost is known less well than what all of them do.
const LEAST_SHARE_MARGIN: f64 = 0.03;

/// Calls of one scope that the service may still count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "ScopeWindowRow", try_from = "ScopeWindowRow")]
pub struct ScopeWindow {
    window: Window,
    /// Spent before the ring began.
    before_tstu: f64,
    before_until_ms: i64,
}

impl ScopeWindow {
    /// A ring that begins now, of a scope that has spent `before_tstu` lately.
    pub fn begin(settings: &BudgetSettings, before_tstu: f64, now: DateTime<Utc>) -> Self {
        let before_until_ms = now.timestamp_millis() + settings.window_ms();
        Self { window: Window::default(), before_tstu, before_until_ms }
    }

    /// Whether one more background call keeps the scope under its share of the limit in every sliding window.
    ///
    /// # Errors
    /// When asking again makes sense.
    pub fn check_room(
        &mut self,
        settings: &BudgetSettings,
        budget: &mut BudgetState,
        share: Share,
        read: Read,
        now: DateTime<Utc>,
    ) -> Result<(), DateTime<Utc>> {
        self.pass_to(settings, now);
        let cap = share.part() * budget.limit(settings);
        let column = budget.column(settings, read);
        let held = budget.counts_of(&self.window.columns, &self.window.held());
        let before = if now.timestamp_millis() < self.before_until_ms { self.before_tstu } else { 0.0 };
        // An empty window has room for one call, however small the share.
        if before <= 0.0 && held.iter().all(|count| *count <= 0.0) {
            return Ok(());
        }
        let mut counts = held;
        counts[column] += 1.0;
        let doubt = budget.estimate.doubt_of_calls(&counts);
        let margin = (MARGIN * doubt + LEAST_SHARE_MARGIN * cap).min(LARGEST_MARGIN * cap);
        let missing = before + budget.estimate.value(&counts) + margin - cap;
        if missing > ROUNDING_TSTU { Err(self.room_at(budget, missing, before > 0.0)) } else { Ok(()) }
    }

    /// Counts a call that was granted.
    pub fn take(&mut self, settings: &BudgetSettings, grant: &Grant, now: DateTime<Utc>) {
        self.pass_to(settings, now);
        let column = self.window.column(&ReadKey::Known(grant.read));
        self.window.take_in(grant.slot, column);
    }

    /// Books a call that was answered, or never will be. One that was granted before the ring began counts from now.
    pub fn settle(&mut self, settings: &BudgetSettings, grant: &Grant, now: DateTime<Utc>) {
        self.pass_to(settings, now);
        let column = self.window.column(&ReadKey::Known(grant.read));
        if !self.window.finish(grant.slot, column) {
            let reach = self.window.reach();
            self.window.columns[column].book(0, 1, reach);
        }
    }

    fn pass_to(&mut self, settings: &BudgetSettings, now: DateTime<Utc>) {
        let back_ms = self.window.turn_to(settings, now.timestamp_millis());
        self.before_until_ms += back_ms;
    }

    fn room_at(&self, budget: &BudgetState, missing: f64, has_before: bool) -> DateTime<Utc> {
        let window = &self.window;
        let (soonest_ms, mut at_ms) = (window.next_slot_ms(), window.next_slot_ms() + window.window_ms);
        let mut freed = 0.0;
        let leaves = (0..window.reach()).rev().find(|age| {
            let counts: Vec<f64> = window.answered_at(*age).collect();
            freed += budget.estimate.value(&budget.counts_of(&window.columns, &counts));
            freed >= missing - ROUNDING_TSTU
        });
        if let Some(age) = leaves {
            at_ms = window.leaves_at_ms(age);
        }
        if has_before {
            at_ms = at_ms.min(self.before_until_ms);
        }
        DateTime::from_timestamp_millis(at_ms.max(soonest_ms)).unwrap_or_default()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeWindowRow {
    slot_ms: i64,
    window_ms: i64,
    newest: i64,
    /// Name and counts of each read.
    reads: Vec<(String, String)>,
    /// Slots before the newest, column, count.
    in_flight: Vec<(i64, usize, u32)>,
    before: f64,
    before_until: i64,
}

impl From<ScopeWindow> for ScopeWindowRow {
    fn from(scope: ScopeWindow) -> Self {
        let window = &scope.window;
        let read = |column: &Column| (column.key.as_str().to_owned(), pack_counts(&column.counts));
        let flight = |flight: &InFlight| (window.newest - flight.slot, flight.column, flight.count);
        Self {
            slot_ms: window.slot_ms,
            window_ms: window.window_ms,
            newest: window.newest,
            reads: window.columns.iter().map(read).collect(),
            in_flight: window.in_flight.iter().map(flight).collect(),
            before: scope.before_tstu,
            before_until: scope.before_until_ms,
        }
    }
}

impl TryFrom<ScopeWindowRow> for ScopeWindow {
    type Error = &'static str;

    fn try_from(row: ScopeWindowRow) -> Result<Self, Self::Error> {
        if row.slot_ms < 0 || row.window_ms < 0 || (row.slot_ms == 0 && !row.reads.is_empty()) {
            return Err("the window of a scope has no width");
        }
        let mut window = Window {
            slot_ms: row.slot_ms,
            window_ms: row.window_ms,
            newest: row.newest,
            ..Window::default()
        };
        let (length, reach) = (window.length(), window.reach());
        for (name, counts) in row.reads {
            let counts = unpack_counts(&counts, length).ok_or("the counts of a scope are not readable")?;
            window.columns.push(Column::new(ReadKey::parse(&name), counts, reach));
        }
        for (age, column, count) in row.in_flight {
            if column >= window.columns.len() {
                return Err("a grant of a scope belongs to no read");
            }
            window.in_flight.push(InFlight { slot: row.newest - age, column, count });
        }
        Ok(Self { window, before_tstu: row.before, before_until_ms: row.before_until })
    }
}
