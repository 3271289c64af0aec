//! What lists and views of the inventory share.

mod advanced_security;
mod details;
mod identity;
mod reads;
mod selection;

pub(crate) use advanced_security::{Coverage, CoverageCounts};
pub(crate) use details::Details;
pub(crate) use identity::Identity;
pub(crate) use reads::{Gap, ReadState, gaps, last_read, read_states, scope_text};
pub(crate) use selection::{Selection, all_pages};

use chrono::{DateTime, Utc};
use muster_domain::assessment::AssessmentState;
use muster_domain::resource::Presence;
use std::collections::BTreeMap;
use std::time::Duration;

/// Counts with a word for each, most telling first; those that are zero are left out.
pub(crate) fn counted(counts: &[(u64, &str)]) -> String {
    let words: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// How many stand how, every state told.
pub(crate) fn every_state(counts: &BTreeMap<AssessmentState, u64>) -> BTreeMap<AssessmentState, u64> {
    AssessmentState::ALL.map(|state| (state, counts.get(&state).copied().unwrap_or_default())).into()
}

/// The assessments of something in words.
pub(crate) fn assessments_text(counts: &BTreeMap<AssessmentState, u64>) -> String {
    let count = |state| counts.get(&state).copied().unwrap_or_default();
    format!(
        "{} unhealthy, {} unknown, {} healthy, {} not applicable",
        count(AssessmentState::Unhealthy),
        count(AssessmentState::Unknown),
        count(AssessmentState::Healthy),
        count(AssessmentState::NotApplicable)
    )
}

/// How many are there, as a line below a list.
#[derive(Debug, Default)]
pub(crate) struct PresenceTally {
    present: u64,
    missing: u64,
    gone: u64,
}

impl PresenceTally {
    pub(crate) fn count(&mut self, presence: Presence) {
        match presence {
            Presence::Present => self.present += 1,
            Presence::Missing => self.missing += 1,
            Presence::Gone => self.gone += 1,
        }
    }

    pub(crate) fn text(&self) -> String {
        counted(&[(self.present, "present"), (self.missing, "missing"), (self.gone, "gone")])
    }
}

/// When something is read again, a period after it was read last.
pub(crate) fn next_due(last: Option<DateTime<Utc>>, hours: f64) -> Option<DateTime<Utc>> {
    const SECONDS_PER_HOUR: f64 = 3_600.0;
    let period = Duration::try_from_secs_f64(hours * SECONDS_PER_HOUR).ok()?;
    last?.checked_add_signed(chrono::Duration::from_std(period).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_follows_what_was_read() {
        let read = DateTime::UNIX_EPOCH;
        assert_eq!(next_due(Some(read), 1.5), Some(read + chrono::Duration::minutes(90)));
        assert_eq!(next_due(None, 1.5), None);
        assert_eq!(next_due(Some(read), f64::INFINITY), None);
    }

    #[test]
    fn every_state_is_told_and_zeros_are_not_worth_a_word() {
        let counts = BTreeMap::from([(AssessmentState::Unhealthy, 2)]);
        assert_eq!(every_state(&counts).len(), 4);
        assert!(assessments_text(&counts).starts_with("2 unhealthy, 0 unknown"));
        assert_eq!(counted(&[(2, "present"), (0, "missing")]), "2 present");
        assert_eq!(counted(&[(0, "present")]), "none");
    }
}
