//! What was read, when, and what could not be read: with what to grant.

use crate::output::moment;
use chrono::{DateTime, Utc};
use muster_domain::read::{Read, UnknownReason};
use muster_store::changes::ReadingKind;
use muster_store::inventory::ReadingView;
use serde::Serialize;

/// A read and what came of it last.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadState {
    pub(crate) read: Read,
    /// Id of the single resource it was made for; absent for listings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    pub(crate) read_at: DateTime<Utc>,
    pub(crate) changed_at: DateTime<Utc>,
    pub(crate) items: Option<u64>,
    /// Why there is no answer.
    pub(crate) unknown: Option<UnknownReason>,
}

/// A read without an answer, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Gap {
    pub(crate) read: Read,
    pub(crate) reason: UnknownReason,
    pub(crate) explanation: &'static str,
    /// Scope of a token that unlocks it.
    pub(crate) token_scope: Option<&'static str>,
    /// What the identity itself needs.
    pub(crate) needed_right: &'static str,
}

impl Gap {
    pub(crate) fn new(read: Read, reason: UnknownReason) -> Self {
        Self {
            read,
            reason,
            explanation: reason.explanation(),
            token_scope: read.token_scope(),
            needed_right: read.needed_right(),
        }
    }

    /// For people, in one line.
    pub(crate) fn text(&self) -> String {
        let grant = match (self.reason, self.token_scope) {
            (UnknownReason::Forbidden, Some(scope)) => {
                format!("; grant {scope}, and: {}", self.needed_right)
            }
            (UnknownReason::Forbidden, None) => format!("; grant: {}", self.needed_right),
            _ => String::new(),
        };
        format!("{}: {}{grant}", self.read, self.explanation)
    }
}

/// Calls to Azure DevOps among the readings, in the order of a pass.
pub(crate) fn read_states(readings: &[ReadingView]) -> Vec<ReadState> {
    let mut states: Vec<ReadState> = readings
        .iter()
        .filter_map(|reading| match reading.key.kind {
            ReadingKind::Read(read) => Some(ReadState {
                read,
                subject: Some(reading.key.subject.clone()).filter(|subject| !subject.is_empty()),
                read_at: reading.read_at,
                changed_at: reading.changed_at,
                items: reading.item_count,
                unknown: reading.unknown,
            }),
            ReadingKind::ListCheck | ReadingKind::Refresh => None,
        })
        .collect();
    states.sort_by(|left, right| (left.read, &left.subject).cmp(&(right.read, &right.subject)));
    states
}

/// What could not be read, each once.
pub(crate) fn gaps(states: &[ReadState]) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();
    for state in states {
        if let Some(reason) = state.unknown {
            let gap = Gap::new(state.read, reason);
            if !gaps.contains(&gap) {
                gaps.push(gap);
            }
        }
    }
    gaps
}

/// When anything of it was read last.
pub(crate) fn last_read(states: &[ReadState]) -> Option<DateTime<Utc>> {
    states.iter().map(|state| state.read_at).max()
}

impl ReadState {
    /// For people, in one line.
    pub(crate) fn text(&self) -> String {
        let answer = match (self.unknown, self.items) {
            (Some(reason), _) => format!("unknown ({})", reason.cause()),
            (None, Some(items)) => format!("{items} items"),
            (None, None) => "known".to_owned(),
        };
        format!("{} at {}: {answer}", self.read, moment(self.read_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(read: Read, unknown: Option<UnknownReason>, seconds: i64) -> ReadState {
        let at = DateTime::from_timestamp(seconds, 0).unwrap();
        ReadState { read, subject: None, read_at: at, changed_at: at, items: None, unknown }
    }

    #[test]
    fn gaps_say_what_to_grant() {
        let states = [
            state(Read::ServiceEndpoints, Some(UnknownReason::Forbidden), 1),
            state(Read::ServiceEndpoints, Some(UnknownReason::Forbidden), 2),
            state(Read::GeneralSettings, None, 3),
        ];
        let found = gaps(&states);
        assert_eq!(found.len(), 1);
        let text = found[0].text();
        assert!(text.contains("vso.serviceendpoint") && text.contains("Reader"), "{text}");
        assert_eq!(last_read(&states), DateTime::from_timestamp(3, 0));
        let unread = Gap::new(Read::Queues, UnknownReason::NotReadYet).text();
        assert!(!unread.contains("grant"), "{unread}");
    }

    #[test]
    fn a_read_without_an_answer_is_told_from_an_empty_one() {
        assert!(state(Read::Queues, Some(UnknownReason::Forbidden), 0).text().contains("ReadForbidden"));
        let empty = ReadState { items: Some(0), ..state(Read::Queues, None, 0) };
        assert!(empty.text().ends_with("0 items"), "{}", empty.text());
    }
}
