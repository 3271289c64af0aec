//! What was read, when, and what could not be read: with what to grant.

use crate::output::moment;
use chrono::{DateTime, Utc};
use muster_domain::read::{Read, UnknownReason, scope_name};
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
        match (self.reason, self.token_scope) {
            (UnknownReason::Forbidden, Some(scope)) => {
                let scope = scope_text(scope);
                format!("{}: may not be read; grant {scope}, and: {}", self.read, self.needed_right)
            }
            (UnknownReason::Forbidden, None) => {
                format!("{}: may not be read; grant: {}", self.read, self.needed_right)
            }
            _ => format!("{}: {}", self.read, self.explanation),
        }
    }
}

/// A scope by its own name, and as the page calls it on which tokens are made.
pub(crate) fn scope_text(scope: &str) -> String {
    match scope_name(scope) {
        Some(name) => format!("{scope} ({name})"),
        None => scope.to_owned(),
    }
}

/// Calls to Azure DevOps among the readings, in the order of a pass. What was read of the whole organization and is
/// kept by project, too, is told once, as of the last time.
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
    states.sort_by(|left, right| {
        (left.read, &left.subject, right.read_at).cmp(&(right.read, &right.subject, left.read_at))
    });
    states.dedup_by(|later, kept| (later.read, &later.subject) == (kept.read, &kept.subject));
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
    use muster_domain::{ConnectorId, OrganizationId, ProjectId};
    use muster_store::changes::ReadingKey;
    use uuid::Uuid;

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
        assert!(text.contains("vso.serviceendpoint (Service Connections: Read)"), "{text}");
        assert!(text.contains("Reader"), "{text}");
        assert_eq!(last_read(&states), DateTime::from_timestamp(3, 0));
        let unread = Gap::new(Read::Queues, UnknownReason::NotReadYet).text();
        assert!(!unread.contains("grant"), "{unread}");
    }

    #[test]
    fn a_read_that_is_kept_twice_is_told_once_as_of_the_last_time() {
        let view = |seconds: i64, unknown: Option<UnknownReason>, project_id: Option<ProjectId>| {
            let at = DateTime::from_timestamp(seconds, 0).unwrap();
            let key = ReadingKey {
                connector_id: ConnectorId(Uuid::nil()),
                organization_id: OrganizationId(Uuid::nil()),
                project_id,
                kind: ReadingKind::Read(Read::AdvancedSecurityEnablement),
                subject: String::new(),
            };
            ReadingView { key, read_at: at, changed_at: at, item_count: None, unknown }
        };
        let of_project = view(1, None, Some(ProjectId(Uuid::nil())));
        let of_organization = view(2, Some(UnknownReason::Forbidden), None);
        for readings in [[of_project.clone(), of_organization.clone()], [of_organization, of_project]] {
            let states = read_states(&readings);
            assert_eq!(states.len(), 1, "{states:?}");
            assert_eq!(states[0].unknown, Some(UnknownReason::Forbidden));
        }
    }

    #[test]
    fn a_read_without_an_answer_is_told_from_an_empty_one() {
        assert!(state(Read::Queues, Some(UnknownReason::Forbidden), 0).text().contains("ReadForbidden"));
        let empty = ReadState { items: Some(0), ..state(Read::Queues, None, 0) };
        assert!(empty.text().ends_with("0 items"), "{}", empty.text());
    }
}
