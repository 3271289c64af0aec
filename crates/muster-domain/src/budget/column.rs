//! What the ring holds of one read.

use crate::read::Read;

/// A column of the ring: a read of this version, or one that a newer version has counted.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ReadKey {
    Known(Read),
    /// Its counts are kept and valued, so that versions can share a row while a fleet is renewed.
    Newer(String),
}

impl ReadKey {
    pub(super) fn parse(name: &str) -> Self {
        Read::parse(name).map_or_else(|| Self::Newer(name.to_owned()), Self::Known)
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Known(read) => read.as_str(),
            Self::Newer(name) => name,
        }
    }
}

/// Answered calls of one read, newest slot first.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) key: ReadKey,
    pub(super) counts: Vec<u32>,
    /// Sum of the slots that can be inside the window; kept, because it is asked for at every call.
    total: u32,
}

/// Unanswered calls of one read that were granted in one slot.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InFlight {
    pub(super) slot: i64,
    pub(super) column: usize,
    pub(super) count: u32,
}

impl Column {
    /// With counts, newest slot first.
    pub(super) fn new(key: ReadKey, counts: Vec<u32>, reach: usize) -> Self {
        let total = counts.iter().take(reach).sum();
        Self { key, counts, total }
    }

    /// Sums anew what can be inside the window.
    pub(super) fn sum(&mut self, reach: usize) {
        self.total = self.counts.iter().take(reach).sum();
    }

    /// Calls that can be inside the window.
    pub(super) fn total(&self) -> u32 {
        self.total
    }

    /// Adds calls of an age in slots.
    pub(super) fn book(&mut self, age: usize, count: u32, reach: usize) {
        if let Some(slot) = self.counts.get_mut(age) {
            *slot = slot.saturating_add(count);
            self.total = self.total.saturating_add(if age < reach { count } else { 0 });
        }
    }

    /// Makes everything older.
    pub(super) fn shift(&mut self, slots: usize) {
        let slots = slots.min(self.counts.len());
        self.counts.rotate_right(slots);
        self.counts[..slots].fill(0);
    }
}
