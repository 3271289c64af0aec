//! What a budget shows: to people, to metrics, to the dispatcher.

use super::column::ReadKey;
use super::pause::PauseReason;
use super::state::BudgetState;
use super::{BudgetSettings, ConsumptionClass};
use crate::read::Read;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;

/// A budget at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetView {
    /// The limit that the service stated, or the default.
    pub limit_tstu: f64,
    /// What workers may use of it.
    pub share_tstu: f64,
    /// What the window holds by our estimate: own calls, unanswered ones too, and foreign use.
    pub spent_tstu: f64,
    /// The part of it that others use.
    pub foreign_tstu: f64,
    /// What the service last said to remain, if it said so within the window.
    pub remaining_told: Option<f64>,
    /// When it said so.
    pub remaining_told_at: Option<DateTime<Utc>>,
    /// Until when the identity keeps still, if it does.
    pub blocked_until: Option<DateTime<Utc>>,
    /// Why it does.
    pub blocked_reason: Option<PauseReason>,
    /// Cost of a call, as learned so far, TSTU.
    pub costs: BTreeMap<Read, f64>,
    /// Calls that the window holds.
    pub calls_in_window: BTreeMap<Read, u32>,
    /// Calls that wait for their answer.
    pub in_flight: u32,
    /// Answers that were refused or held back, or that asked for a pause, ever.
    pub throttled_count: u64,
}

impl BudgetState {
    /// The budget as it stands at that moment.
    pub fn view(&self, settings: &BudgetSettings, now: DateTime<Utc>) -> BudgetView {
        let mut state = self.clone();
        state.pass_to(settings, now);
        let limit_tstu = state.limit(settings);
        let oldest_told_ms = now.timestamp_millis() - state.window.window_ms;
        let told = state.told.filter(|told| told.at_ms > oldest_told_ms);
        let blocked_until = state.pause.ahead(now);
        let mut view = BudgetView {
            limit_tstu,
            share_tstu: settings.cap_tstu(ConsumptionClass::Background, limit_tstu),
            spent_tstu: state.estimate.used(&state.window.held()),
            foreign_tstu: state.estimate.foreign_tstu().max(0.0),
            remaining_told: told.map(|told| told.remaining_tstu),
            remaining_told_at: told.and_then(|told| DateTime::from_timestamp_millis(told.at_ms)),
            blocked_until,
            blocked_reason: blocked_until.and(state.pause.reason),
            costs: BTreeMap::new(),
            calls_in_window: BTreeMap::new(),
            in_flight: state.window.in_flight.iter().map(|flight| flight.count).sum(),
            throttled_count: state.pause.throttled_count,
        };
        for (index, column) in state.window.columns.iter().enumerate() {
            if let ReadKey::Known(read) = column.key {
                let under_way = state.window.in_flight.iter().filter(|flight| flight.column == index);
                let calls = column.total() + under_way.map(|flight| flight.count).sum::<u32>();
                view.costs.insert(read, state.estimate.cost_tstu(index));
                view.calls_in_window.insert(read, calls);
            }
        }
        view
    }
}
