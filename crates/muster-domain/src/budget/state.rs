//! The budget of one identity: ring, estimate and pause in one value.

use super::column::{Column, ReadKey};
use super::estimate::Estimate;
use super::learning::Blame;
use super::pause::Pause;
use super::row::BudgetRow;
use super::window::Window;
use super::{BudgetSettings, ConsumptionClass, Grant, NoRoom, NoRoomReason, ThrottleSignals};
use crate::IdentityKey;
use crate::read::Read;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Standard deviations of the estimate that are kept free under the cap.
pub(super) const MARGIN: f64 = 2.5;
/// What is kept free under the cap in any case, as a part of it.
const LEAST_MARGIN: f64 = 0.014;
/// The margin takes at most this part of the cap: before the first header everything is in doubt, and a budget
/// that kept all of it free would never get to the headers that end the doubt.
pub(super) const LARGEST_MARGIN: f64 = 0.1;
/// Background calls of one slot may spend this much more than the even pace of the share: a window that is spent
/// evenly gives way as fast as somebody else begins to use the identity.
const PACE: f64 = 1.1;
/// The pace is kept over so many slots, so that dear calls do not lose what is left over in each.
const PACE_SLOTS: usize = 8;
/// Up to this part of the cap there is no pace: a small organization is read at once.
const FREE_START: f64 = 0.25;
/// Before the first header a slot may also spend this part of what is free, to get to the header soon.
const FREE_PER_SLOT: f64 = 0.1;
/// A header is believed for this part of the window (a tenth): use falls only as calls leave, and some route may not
/// carry headers at all.
const HEADER_MEMORY: i64 = 10;
/// While headers come, foreign use fades so much more slowly: they say what it is.
const HEARD_FADE: f64 = 0.1;
/// Foreign use from this part of the cap on is worth a probe before calls are let out again.
const NOTABLE_FOREIGN: f64 = 0.1;
/// Calls that may have overtaken the last header: it may come with an answer that was counted before theirs.
const SPARE_CALLS: f64 = 1.0;
/// With less than this part of the cap free, background calls that nobody has told about yet go one at a time: many that
/// wait for the same free place must not all be let out on an estimate that no header has corrected for a while.
const NEAR: f64 = 0.03;
/// The last header says what the service counts for so many slots.
const FRESH_SLOTS: i64 = 2;
/// Floating sums are compared with this slack, TSTU.
pub(super) const ROUNDING_TSTU: f64 = 1e-9;

/// What all processes of an installation know about the consumption of one identity. Kept in one row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(into = "BudgetRow", try_from = "BudgetRow")]
pub struct BudgetState {
    pub(super) window: Window,
    pub(super) estimate: Estimate,
    /// Configured guess of each column when it was made.
    pub(super) guesses: Vec<f64>,
    /// Until when time has passed for the estimate.
    pub(super) learned_at_ms: i64,
    pub(super) limit_tstu: Option<f64>,
    pub(super) told: Option<Told>,
    pub(super) pause: Pause,
}

/// The last header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Told {
    pub(super) remaining_tstu: f64,
    pub(super) at_ms: i64,
    /// When the first one came.
    pub(super) first_ms: i64,
}

/// What followed from an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SettleEffect {
    /// The identity was free and is paused now, until then: everybody should know.
    pub pause_began: Option<DateTime<Utc>>,
    /// What the call cost, by what is known now.
    pub cost_tstu: f64,
}

impl BudgetState {
    /// Nothing counted, nothing learned.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes leave for one call, if that keeps the identity under the cap of the class in every sliding window.
    ///
    /// # Errors
    /// The window is full or the service asked for a pause.
    pub fn reserve(
        &mut self,
        settings: &BudgetSettings,
        identity: &IdentityKey,
        read: Read,
        class: ConsumptionClass,
        now: DateTime<Utc>,
    ) -> Result<Grant, NoRoom> {
        self.pass_to(settings, now);
        if let Some(until) = self.pause.ahead(now) {
            return Err(NoRoom { retry_at: until, reason: NoRoomReason::ServicePause });
        }
        let column = self.column(settings, read);
        let mut counts = self.window.held();
        counts[column] += 1.0;
        let limit = self.limit(settings);
        let cap = settings.cap_tstu(class, limit);
        let next_slot = DateTime::from_timestamp_millis(self.window.next_slot_ms()).unwrap_or(now);
        let margin = (MARGIN * self.estimate.doubt(&counts) + LEAST_MARGIN * cap).min(LARGEST_MARGIN * cap);
        let missing = self.estimate.used(&counts) + margin - cap;
        if missing > ROUNDING_TSTU {
            return Err(NoRoom { retry_at: self.room_at(missing, now), reason: NoRoomReason::WindowFull });
        }
        if self.told_use(column, limit, now.timestamp_millis()) > cap {
            return Err(NoRoom { retry_at: next_slot, reason: NoRoomReason::WindowFull });
        }
        let may = self.in_pace(-missing, cap) && self.may_probe(-missing, cap, now.timestamp_millis());
        if class == ConsumptionClass::Background && !may {
            return Err(NoRoom { retry_at: next_slot, reason: NoRoomReason::Pace });
        }
        let slot = self.window.take(column);
        Ok(Grant { identity: identity.clone(), read, slot, scope: None })
    }

    /// Gives a grant back with what the answer said; `None` where there was no answer (the call counts).
    ///
    /// To be called once per grant. A second time, or after the expiry, no count changes as long as no other grant
    /// of the same read and slot is out; what the answer says is learned in any case.
    pub fn settle(
        &mut self,
        settings: &BudgetSettings,
        grant: &Grant,
        signals: Option<ThrottleSignals>,
        now: DateTime<Utc>,
    ) -> SettleEffect {
        self.pass_to(settings, now);
        let column = self.column(settings, grant.read);
        self.window.finish(grant.slot, column);
        let mut effect = SettleEffect::default();
        if let Some(signals) = signals {
            self.learn(settings, grant.slot, &signals, now.timestamp_millis());
            effect.pause_began = self.pause.hear(&signals, now);
        }
        effect.cost_tstu = self.estimate.cost_tstu(column);
        effect
    }

    /// Until when the identity keeps still; may lie in the past.
    pub fn blocked_until(&self) -> Option<DateTime<Utc>> {
        self.pause.until
    }

    /// Two credentials turned out to be one identity: counts add up, the later pause holds, the better informed
    /// of the two estimates stays.
    pub fn merge(&mut self, other: Self) {
        if self.window.columns.is_empty() {
            let pause = self.pause;
            *self = other;
            self.pause.merge(pause);
            return;
        }
        let better = match (&self.told, &other.told) {
            (Some(ours), Some(theirs)) => theirs.at_ms > ours.at_ms,
            (None, Some(_)) => true,
            _ => false,
        };
        let (mut first, second) =
            if better { (other, std::mem::take(self)) } else { (std::mem::take(self), other) };
        first.window.absorb(&second.window);
        for column in first.estimate.columns()..first.window.columns.len() {
            let key = &first.window.columns[column].key;
            let known = second.window.columns.iter().position(|theirs| theirs.key == *key);
            let guess = known.map_or(0.0, |index| second.guesses[index]);
            let scale = first.scale();
            first.estimate.add(guess, scale);
            first.guesses.push(guess);
        }
        first.limit_tstu = first.limit_tstu.or(second.limit_tstu);
        first.pause.merge(second.pause);
        *self = first;
    }

    /// The limit that the service stated, or the default.
    pub(super) fn limit(&self, settings: &BudgetSettings) -> f64 {
        self.limit_tstu.unwrap_or(settings.default_limit_tstu)
    }

    /// Brings ring and estimate to the present.
    pub(super) fn pass_to(&mut self, settings: &BudgetSettings, now: DateTime<Utc>) {
        let now_ms = now.timestamp_millis();
        let back_ms = self.window.turn_to(settings, now_ms);
        if back_ms != 0 {
            self.pause.until = self.pause.until.map(|until| until + chrono::TimeDelta::milliseconds(back_ms));
            self.learned_at_ms += back_ms;
            self.told = self.told.map(|told| Told {
                at_ms: told.at_ms + back_ms,
                first_ms: told.first_ms + back_ms,
                ..told
            });
        }
        if now_ms > self.learned_at_ms {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit in 53 bits")]
            let windows = (now_ms - self.learned_at_ms) as f64 / self.window.window_ms as f64;
            let fading = windows * if self.heard(now_ms) { HEARD_FADE } else { 1.0 };
            self.estimate.pass(windows, fading, self.blame(now_ms), self.limit(settings));
            self.learned_at_ms = now_ms;
        }
    }

    /// True if a header came so recently that it still says what is used.
    pub(super) fn heard(&self, now_ms: i64) -> bool {
        let memory_ms = self.window.window_ms / HEADER_MEMORY;
        self.told.is_some_and(|told| now_ms - told.at_ms < memory_ms)
    }

    /// What a surprise is put down to.
    pub(super) fn blame(&self, now_ms: i64) -> Blame {
        match self.told {
            Some(told) if now_ms - told.first_ms >= self.window.window_ms => Blame::Others,
            _ => Blame::Guesses,
        }
    }

    /// Counts of another ring in the order of this one's columns; of reads that are not known here nothing.
    pub(super) fn counts_of(&self, columns: &[Column], counts: &[f64]) -> Vec<f64> {
        let mut ours = vec![0.0; self.estimate.columns()];
        for (column, count) in columns.iter().zip(counts) {
            let index = self.window.columns.iter().position(|known| known.key == column.key);
            if let Some(known) = index.and_then(|index| ours.get_mut(index)) {
                *known += count;
            }
        }
        ours
    }

    /// The column of a read, with a first cost.
    pub(super) fn column(&mut self, settings: &BudgetSettings, read: Read) -> usize {
        let column = self.window.column(&ReadKey::Known(read));
        if column == self.estimate.columns() {
            let scale = self.scale();
            self.estimate.add(settings.guess(read), scale);
            self.guesses.push(settings.guess(read));
        }
        column
    }

    /// How far the guesses of the known reads were off together; nothing before the first header.
    fn scale(&self) -> Option<f64> {
        self.told?;
        let guessed: f64 = self.guesses.iter().sum();
        let learned: f64 = self.estimate.unknowns()[1..].iter().sum();
        (guessed > 0.0).then(|| learned / guessed)
    }

    /// What the service may count after one more call of the column, by its last header and what may have come since;
    /// nothing where there is none of late. A header is a sum and needs no costs; those of the few calls since are taken
    /// for the mean of all, at least, as single costs are the least certain thing here.
    fn told_use(&self, column: usize, limit: f64, now_ms: i64) -> f64 {
        let Some(told) = self.fresh(now_ms) else { return 0.0 };
        let slots = usize::try_from(self.window.newest - told.at_ms.div_euclid(self.window.slot_ms));
        let mut since = self.window.recent(slots.unwrap_or(0));
        since[column] += 1.0 + SPARE_CALLS;
        let used = limit - told.remaining_tstu;
        let mean = used / self.window.held().iter().sum::<f64>().max(1.0);
        let cost = |(column, count): (usize, &f64)| count * self.estimate.cost_tstu(column).max(mean);
        let doubt = self.estimate.doubt_of_calls(&since);
        used + since.iter().enumerate().map(cost).sum::<f64>() + MARGIN * doubt
    }

    /// True if one more call of the column keeps the pace.
    fn in_pace(&self, free: f64, cap: f64) -> bool {
        let spent = self.estimate.value(&self.window.recent(PACE_SLOTS));
        #[expect(clippy::cast_precision_loss, reason = "some hundred slots")]
        let even = cap * PACE_SLOTS as f64 / self.window.reach() as f64;
        let mut most = PACE * even;
        if self.told.is_none() {
            most = most.max(FREE_PER_SLOT * PACE_SLOTS as f64 * (free + spent));
        }
        cap - free <= FREE_START * cap || spent < most
    }

    /// False if a call that will tell is already on its way, and nothing was heard lately where that matters: others were
    /// seen to use much of the limit, or the cap is near.
    fn may_probe(&self, free: f64, cap: f64, now_ms: i64) -> bool {
        let (_, on_their_way) = self.window.unanswered_by_age();
        let is_near = self.told.is_some() && self.fresh(now_ms).is_none() && free < NEAR * cap;
        let is_foreign = self.estimate.foreign_tstu() >= NOTABLE_FOREIGN * cap && !self.heard(now_ms);
        !(is_near || is_foreign) || on_their_way.iter().sum::<f64>() < 1.0
    }

    /// The last header, if it is so recent that hardly a call has left the window since.
    fn fresh(&self, now_ms: i64) -> Option<Told> {
        self.told.filter(|told| now_ms - told.at_ms < FRESH_SLOTS * self.window.slot_ms)
    }

    /// When `missing` TSTU will have left: exact by the ring for our own calls; foreign use fades as the estimate
    /// lets it. At least one slot ahead, at most a window.
    fn room_at(&self, missing: f64, now: DateTime<Utc>) -> DateTime<Utc> {
        let window = &self.window;
        let soonest_ms = window.next_slot_ms();
        let latest_ms = soonest_ms + window.window_ms;
        let mut freed = 0.0;
        let leaves = (0..window.reach()).rev().find(|age| {
            let counts: Vec<f64> = window.answered_at(*age).collect();
            freed += self.estimate.value(&counts);
            freed >= missing - ROUNDING_TSTU
        });
        let at_ms = match leaves {
            Some(age) => window.leaves_at_ms(age),
            None => {
                let excess = missing - freed;
                let foreign = self.estimate.foreign_tstu();
                let windows = if foreign > excess { (foreign / (foreign - excess)).ln() } else { 0.0 };
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    reason = "bounded below"
                )]
                let fade_ms = (windows.min(1.0) * window.window_ms as f64) as i64;
                now.timestamp_millis().saturating_add(fade_ms)
            }
        };
        DateTime::from_timestamp_millis(at_ms.clamp(soonest_ms, latest_ms)).unwrap_or(now)
    }
}
