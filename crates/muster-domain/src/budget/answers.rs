//! What a budget learns from an answer.

use super::learning::Header;
use super::state::{BudgetState, Told};
use super::{BudgetSettings, ThrottleSignals};

/// Least variance of a header, TSTU²: it may be rounded to whole units (1/12) and counts what is just running.
const LEAST_VARIANCE: f64 = 0.1;
/// A limit outside of this is not believed, TSTU.
const BELIEVABLE_LIMIT: std::ops::RangeInclusive<f64> = 1.0..=1e6;
/// How far one answer without headers lowers an estimate that is too high, of the difference.
const RELAXATION: f64 = 0.5;

impl BudgetState {
    /// Corrects limit, costs and foreign use by the answer to a call that was granted in `slot`.
    pub(super) fn learn(
        &mut self,
        settings: &BudgetSettings,
        slot: i64,
        signals: &ThrottleSignals,
        now_ms: i64,
    ) {
        if let Some(limit) = signals.limit_tstu.filter(|limit| BELIEVABLE_LIMIT.contains(limit)) {
            self.limit_tstu = Some(limit);
        }
        let limit = self.limit(settings);
        match signals.remaining_tstu.filter(|remaining| remaining.is_finite()) {
            Some(remaining) => {
                let remaining = remaining.clamp(0.0, limit);
                self.hear_used(slot, limit - remaining, limit, now_ms);
                let first_ms = self.told.map_or(now_ms, |told| told.first_ms);
                let slot_of = |told: &Told| told.at_ms.div_euclid(self.window.slot_ms);
                // Answers overtake each other: of one slot the one that counted most was the last to be counted.
                let least = match self.told {
                    Some(told) if slot_of(&told) == now_ms.div_euclid(self.window.slot_ms) => {
                        remaining.min(told.remaining_tstu)
                    }
                    _ => remaining,
                };
                self.told = Some(Told { remaining_tstu: least, at_ms: now_ms, first_ms });
            }
            // A refusal without numbers may have other causes than this limit (concurrency, address): only a pause.
            None if signals.blocked || signals.retry_after.is_some() || signals.delay.is_some() => {}
            None => self.hear_nothing(settings, slot, limit, now_ms),
        }
    }

    /// A header: the service counted `used` when it saw the call.
    fn hear_used(&mut self, slot: i64, used: f64, limit: f64, now_ms: i64) {
        // Nothing remaining says "at least": the service does not count below zero for us.
        if used < limit {
            let (counts, variance) = self.likely(slot, now_ms);
            let header = Header { used, variance };
            self.estimate.measure(&counts, header, self.blame(now_ms), limit);
        }
        // What the service counted can at most be what we hold: below that our values are too low, for certain.
        if let Some(held) = self.window.held_since(slot)
            && self.estimate.used(&held) < used
        {
            self.estimate.raise(&held, used, self.blame(now_ms), limit);
        }
    }

    /// No header, although one was due if our certain sum is right.
    fn hear_nothing(&mut self, settings: &BudgetSettings, slot: i64, limit: f64, now_ms: i64) {
        if self.heard(now_ms) {
            return;
        }
        let due = settings.headers_due_share * limit;
        // What is answered by now was most likely counted by then; as much as is under way may not have been.
        let (likely, _) = self.likely(slot, now_ms);
        let bound = due + self.estimate.value(&self.window.unanswered());
        let used = self.estimate.used(&likely);
        if used > bound {
            self.estimate.lower(&likely, used + RELAXATION * (bound - used), limit);
        }
    }

    /// Our counts as the service most likely saw them, and the variance of their value.
    ///
    /// A call is answered as long after it was counted as this one was: so in the mean what is answered by now is what
    /// was counted by then, at both ends of the window. The oldest slot is inside in part; the calls of one slot
    /// may have come together, and all headers of a slot share that error. What is under way, and what was answered
    /// since the slot of the grant, may or may not have been counted before.
    fn likely(&self, slot: i64, now_ms: i64) -> (Vec<f64>, f64) {
        let window = &self.window;
        let oldest = window.reach() - 1;
        let part = window.oldest_part(now_ms);
        let mut counts = window.answered(0..oldest);
        let edge: Vec<f64> = window.answered_at(oldest).collect();
        counts.iter_mut().zip(&edge).for_each(|(count, edge)| *count += edge * part);
        let headers: f64 = window.answered_at(0).sum();
        let late = usize::try_from(window.newest - slot).unwrap_or(0);
        let edge_value = self.estimate.value(&edge);
        let (arrived, unanswered) = window.unanswered_by_age();
        counts.iter_mut().zip(&arrived).for_each(|(count, arrived)| *count += arrived);
        let under_way = self.estimate.value(&unanswered);
        let sharing = 1.0 + unanswered.iter().sum::<f64>();
        let since = self.estimate.value(&window.answered(0..late));
        let next: Vec<f64> = window.answered_at(oldest - 1).collect();
        let booked_late = edge_value * part + self.estimate.value(&next) * (1.0 - part);
        let leaving = edge_value * edge_value * part * (1.0 - part) + booked_late * booked_late / 12.0;
        let variance =
            leaving * headers.max(1.0) + under_way * under_way / 12.0 * sharing + since * since / 3.0;
        (counts, variance + LEAST_VARIANCE)
    }
}
