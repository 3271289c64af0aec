//! The state as it is stored: short names, packed counts. Reads go by name, so that versions can share a row.

use super::column::{Column, InFlight, ReadKey};
use super::estimate::Estimate;
use super::packed::{pack_counts, pack_floats, unpack_counts, unpack_floats};
use super::pause::{Pause, PauseReason};
use super::state::{BudgetState, Told};
use super::window::Window;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BudgetRow {
    slot_ms: i64,
    window_ms: i64,
    newest: i64,
    reads: Vec<ReadRow>,
    /// Slots before the newest, column, count.
    in_flight: Vec<(i64, usize, u32)>,
    foreign: f64,
    doubt: String,
    learned_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<(f64, i64, i64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paused_until: Option<DateTime<Utc>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    paused_for: Option<PauseReason>,
    #[serde(default)]
    unexplained: u32,
    #[serde(default)]
    throttled: u64,
}

#[derive(Serialize, Deserialize)]
struct ReadRow {
    read: String,
    guess: f64,
    cost: f64,
    counts: String,
}

impl From<BudgetState> for BudgetRow {
    fn from(state: BudgetState) -> Self {
        let window = &state.window;
        let read = |(index, column): (usize, &Column)| ReadRow {
            read: column.key.as_str().to_owned(),
            guess: state.guesses[index],
            cost: state.estimate.cost_tstu(index),
            counts: pack_counts(&column.counts),
        };
        let flight = |flight: &InFlight| (window.newest - flight.slot, flight.column, flight.count);
        Self {
            slot_ms: window.slot_ms,
            window_ms: window.window_ms,
            newest: window.newest,
            reads: window.columns.iter().enumerate().map(read).collect(),
            in_flight: window.in_flight.iter().map(flight).collect(),
            foreign: state.estimate.foreign_tstu(),
            doubt: pack_floats(state.estimate.triangle()),
            learned_at: state.learned_at_ms,
            limit: state.limit_tstu,
            told: state.told.map(|told| (told.remaining_tstu, told.at_ms, told.first_ms)),
            paused_until: state.pause.until,
            paused_for: state.pause.reason,
            unexplained: state.pause.unexplained,
            throttled: state.pause.throttled_count,
        }
    }
}

impl TryFrom<BudgetRow> for BudgetState {
    type Error = &'static str;

    fn try_from(row: BudgetRow) -> Result<Self, Self::Error> {
        if row.slot_ms < 0 || row.window_ms < 0 || (row.slot_ms == 0 && !row.reads.is_empty()) {
            return Err("the window of a budget has no width");
        }
        let mut window = Window {
            slot_ms: row.slot_ms,
            window_ms: row.window_ms,
            newest: row.newest,
            ..Window::default()
        };
        let (length, reach) = (window.length(), window.reach());
        let (mut unknowns, mut guesses) = (vec![row.foreign], Vec::new());
        for read in row.reads {
            let counts =
                unpack_counts(&read.counts, length).ok_or("the counts of a budget are not readable")?;
            window.columns.push(Column::new(ReadKey::parse(&read.read), counts, reach));
            unknowns.push(read.cost);
            guesses.push(read.guess);
        }
        for (age, column, count) in row.in_flight {
            if column >= window.columns.len() {
                return Err("a grant of a budget belongs to no read");
            }
            window.in_flight.push(InFlight { slot: row.newest - age, column, count });
        }
        let estimate = unpack_floats(&row.doubt)
            .and_then(|triangle| Estimate::restore(unknowns, &triangle))
            .ok_or("what a budget has learned is not readable")?;
        Ok(Self {
            window,
            estimate,
            guesses,
            learned_at_ms: row.learned_at,
            limit_tstu: row.limit,
            told: row.told.map(|(remaining_tstu, at_ms, first_ms)| Told { remaining_tstu, at_ms, first_ms }),
            pause: Pause {
                until: row.paused_until,
                reason: row.paused_for,
                unexplained: row.unexplained,
                throttled_count: row.throttled,
            },
        })
    }
}
