//! The ring: how many calls of each read can still be inside the service's sliding window.
//!
//! A call is counted by the service at some moment between its grant and its answer. While it is unanswered it
//! stands in `in_flight` and counts always; once answered it is booked in the slot of the *answer*, the latest
//! moment that is possible, and stays for `ceil(window / slot)` further slots. So at every moment t each call that
//! the service counted in `(t - window, t]` is held here, however long it was on its way: [`Window::held`] is an
//! upper bound of the service's counts without any allowance for the life of a grant.

use super::BudgetSettings;
use super::column::{Column, InFlight, ReadKey};

/// Slots kept beyond the window: answers may arrive this many slots after their grant and can still be compared
/// with everything that the service may have counted then.
const SPARE_SLOTS: usize = 4;

/// Counts of calls by read and slot, on the database's clock.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Window {
    /// Width of a slot; zero before the first use.
    pub(super) slot_ms: i64,
    pub(super) window_ms: i64,
    /// Number of the newest slot: time / width.
    pub(super) newest: i64,
    pub(super) columns: Vec<Column>,
    pub(super) in_flight: Vec<InFlight>,
}

impl Window {
    /// Slots that can be inside the window: the newest is only part filled, hence one more than the window has.
    pub(super) fn reach(&self) -> usize {
        usize::try_from((self.window_ms + self.slot_ms - 1) / self.slot_ms.max(1)).unwrap_or(0) + 1
    }

    /// Slots kept.
    pub(super) fn length(&self) -> usize {
        self.reach() + SPARE_SLOTS
    }

    /// Turns the ring to the present. Returns what must happen to moments that were noted before: the
    /// milliseconds to add, other than zero only when the clock was set back by more than a window.
    ///
    /// A small step back is waited for: the ring stands still until the clock has caught up, and what is granted
    /// meanwhile stands in the newest slot. A large one moves the whole ring back with the clock: no call becomes
    /// older by it than it is, so nothing is granted twice, and nobody waits for hours.
    pub(super) fn turn_to(&mut self, settings: &BudgetSettings, now_ms: i64) -> i64 {
        self.fit_to(settings, now_ms);
        let slot = now_ms.div_euclid(self.slot_ms);
        let behind_ms = (self.newest - slot) * self.slot_ms;
        if behind_ms > self.window_ms {
            for flight in &mut self.in_flight {
                flight.slot += slot - self.newest;
            }
            self.newest = slot;
            return -behind_ms;
        }
        if slot > self.newest {
            let slots = usize::try_from(slot - self.newest).unwrap_or(usize::MAX);
            self.newest = slot;
            let reach = self.reach();
            for column in &mut self.columns {
                column.shift(slots);
                column.sum(reach);
            }
            self.expire(settings.expiry_ms());
        }
        0
    }

    /// Takes over other settings: what was counted goes to the new slot in which its old one ends.
    fn fit_to(&mut self, settings: &BudgetSettings, now_ms: i64) {
        let (slot_ms, window_ms) = (settings.slot_ms(), settings.window_ms());
        if self.slot_ms == slot_ms && self.window_ms == window_ms {
            return;
        }
        let old = std::mem::take(self);
        *self = Self { slot_ms, window_ms, newest: now_ms.div_euclid(slot_ms), ..Self::default() };
        if old.slot_ms > 0 {
            self.newest = ((old.newest + 1) * old.slot_ms - 1).div_euclid(slot_ms);
            self.absorb(&old);
        }
    }

    /// Adds the counts of another ring; slots of another width go to the slot in which they end.
    pub(super) fn absorb(&mut self, other: &Self) {
        if other.slot_ms <= 0 {
            return;
        }
        if self.slot_ms <= 0 {
            self.clone_from(other);
            return;
        }
        let (width, length) = (self.slot_ms, self.length());
        let moved = |slot: i64| ((slot + 1) * other.slot_ms - 1).div_euclid(width);
        let ahead = moved(other.newest) - self.newest;
        if ahead > 0 {
            self.newest += ahead;
            let slots = usize::try_from(ahead).unwrap_or(usize::MAX);
            self.columns.iter_mut().for_each(|column| column.shift(slots));
        }
        for column in &other.columns {
            let index = self.column(&column.key);
            for (age, count) in (0_i64..).zip(&column.counts) {
                let age = usize::try_from(self.newest - moved(other.newest - age)).unwrap_or(0);
                if let Some(slot) = self.columns[index].counts.get_mut(age.min(length)) {
                    *slot = slot.saturating_add(*count);
                }
            }
        }
        for flight in &other.in_flight {
            let column = self.column(&other.columns[flight.column].key);
            self.add_in_flight(moved(flight.slot), column, flight.count);
        }
        let reach = self.reach();
        self.columns.iter_mut().for_each(|column| column.sum(reach));
    }

    /// The column of a read; made if there is none.
    pub(super) fn column(&mut self, key: &ReadKey) -> usize {
        if let Some(index) = self.columns.iter().position(|column| column.key == *key) {
            return index;
        }
        self.columns.push(Column::new(key.clone(), vec![0; self.length()], 0));
        self.columns.len() - 1
    }

    /// Notes a grant; returns its slot.
    pub(super) fn take(&mut self, column: usize) -> i64 {
        self.take_in(self.newest, column);
        self.newest
    }

    /// Notes a grant in a slot.
    pub(super) fn take_in(&mut self, slot: i64, column: usize) {
        self.add_in_flight(slot, column, 1);
    }

    /// Books a grant as answered now. False if there is no such grant, because it has expired or was given back.
    pub(super) fn finish(&mut self, slot: i64, column: usize) -> bool {
        let found = self.in_flight.iter().position(|flight| flight.slot == slot && flight.column == column);
        let Some(index) = found else { return false };
        self.in_flight[index].count -= 1;
        if self.in_flight[index].count == 0 {
            self.in_flight.swap_remove(index);
        }
        let reach = self.reach();
        self.columns[column].book(0, 1, reach);
        true
    }

    fn add_in_flight(&mut self, slot: i64, column: usize, count: u32) {
        match self.in_flight.iter_mut().find(|flight| flight.slot == slot && flight.column == column) {
            Some(flight) => flight.count = flight.count.saturating_add(count),
            None => self.in_flight.push(InFlight { slot, column, count }),
        }
    }

    /// Books grants that nobody will give back any more: their process died. What was sent was sent soon after the
    /// grant, so they stand where the slowest normal call would.
    fn expire(&mut self, expiry_ms: i64) {
        let (newest, reach) = (self.newest, self.reach());
        let oldest = newest - expiry_ms / self.slot_ms - 1;
        let Self { in_flight, columns, .. } = self;
        in_flight.retain(|flight| {
            if flight.slot < oldest {
                let age =
                    usize::try_from(newest - flight.slot).unwrap_or(usize::MAX).saturating_sub(SPARE_SLOTS);
                columns[flight.column].book(age, flight.count, reach);
            }
            flight.slot >= oldest
        });
    }

    /// Unanswered calls by column: those that have surely arrived by now, and those that may be on their way.
    pub(super) fn unanswered_by_age(&self) -> (Vec<f64>, Vec<f64>) {
        let (mut arrived, mut on_their_way) = (vec![0.0; self.columns.len()], vec![0.0; self.columns.len()]);
        for flight in &self.in_flight {
            let late = usize::try_from(self.newest - flight.slot).is_ok_and(|age| age > SPARE_SLOTS);
            let counts = if late { &mut arrived } else { &mut on_their_way };
            counts[flight.column] += f64::from(flight.count);
        }
        (arrived, on_their_way)
    }

    /// Unanswered calls by column.
    pub(super) fn unanswered(&self) -> Vec<f64> {
        let mut counts = vec![0.0; self.columns.len()];
        for flight in &self.in_flight {
            counts[flight.column] += f64::from(flight.count);
        }
        counts
    }

    /// What was answered in the newest slots or is under way, by column.
    pub(super) fn recent(&self, slots: usize) -> Vec<f64> {
        let mut counts = self.answered(0..slots);
        counts.iter_mut().zip(self.unanswered()).for_each(|(count, unanswered)| *count += unanswered);
        counts
    }

    /// Upper bound of what the service can count now, by column.
    pub(super) fn held(&self) -> Vec<f64> {
        let mut counts = self.unanswered();
        for (count, column) in counts.iter_mut().zip(&self.columns) {
            *count += f64::from(column.total());
        }
        counts
    }

    /// Upper bound of what the service can have counted when it saw a call granted in `slot`; nothing if that is
    /// so long ago that the ring does not reach.
    pub(super) fn held_since(&self, slot: i64) -> Option<Vec<f64>> {
        let late = usize::try_from(self.newest - slot).ok().filter(|late| *late <= SPARE_SLOTS)?;
        let mut counts = self.held();
        let reach = self.reach();
        for (count, column) in counts.iter_mut().zip(&self.columns) {
            *count += column.counts.iter().skip(reach).take(late).map(|count| f64::from(*count)).sum::<f64>();
        }
        Some(counts)
    }

    /// Sum by column of the answered calls whose age in slots is in the range.
    pub(super) fn answered(&self, ages: std::ops::Range<usize>) -> Vec<f64> {
        let sum = |column: &Column| {
            column.counts.iter().take(ages.end).skip(ages.start).map(|count| f64::from(*count)).sum()
        };
        self.columns.iter().map(sum).collect()
    }

    /// Answered calls of one age, by column.
    pub(super) fn answered_at(&self, age: usize) -> impl Iterator<Item = f64> + '_ {
        self.columns.iter().map(move |column| f64::from(column.counts.get(age).copied().unwrap_or(0)))
    }

    /// How much of the oldest slot is still inside the window, as far as the clock tells.
    pub(super) fn oldest_part(&self, now_ms: i64) -> f64 {
        let age = i64::try_from(self.reach()).unwrap_or(i64::MAX) - 1;
        let end_ms = (self.newest - age + 1) * self.slot_ms;
        #[expect(clippy::cast_precision_loss, reason = "a slot is a few seconds")]
        let part = (end_ms - (now_ms - self.window_ms)) as f64 / self.slot_ms as f64;
        part.clamp(0.0, 1.0)
    }

    /// When the next slot begins.
    pub(super) fn next_slot_ms(&self) -> i64 {
        (self.newest + 1) * self.slot_ms
    }

    /// When the answered calls of that age leave.
    pub(super) fn leaves_at_ms(&self, age: usize) -> i64 {
        let slots = i64::try_from(self.reach().saturating_sub(age)).unwrap_or(0);
        (self.newest + slots) * self.slot_ms
    }
}
