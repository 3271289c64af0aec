//! What can have served, and how that is told from its row.

use super::KeepFor;
use std::time::Duration;

/// Rows that have served. The order of [`Expired::ALL`] is the order in which they are forgotten: what hangs on
/// something goes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expired {
    /// Jobs that are done or cancelled.
    DoneJobs,
    /// Jobs that are dead, and whose dead letter is settled.
    DeadJobs,
    /// Requests that nobody replays any more.
    Requests,
    /// Facts that no broker took.
    UnpublishedFacts,
    /// Dead letters that were replayed or discarded.
    SettledDeadLetters,
    /// Dead letters that nobody settled.
    OpenDeadLetters,
    /// Who changed what.
    Audit,
    /// Processes that gave no sign of life.
    SilentProcesses,
    /// Schedules of connectors that are removed.
    SchedulesOfNobody,
    /// What was learnt of identities that no credential has.
    UnusedBudgets,
    /// What organizations spent, which spend nothing any more.
    UnusedScopes,
    /// Links of resources that are gone.
    RelationsOfGone,
    /// Assessments of resources that are gone.
    AssessmentsOfGone,
    /// What assessments of resources were, which are gone.
    HistoryOfGone,
    /// Resources that are gone.
    GoneResources,
    /// What assessments were, but for the last change of each.
    AssessmentHistory,
    /// What was read of organizations and projects that are not known any more.
    StrayReadings,
    /// What people set about the consumption of removed connectors.
    ControlsOfRemoved,
    /// How organizations of removed connectors stood.
    OrganizationsOfRemoved,
    /// Connectors that were removed.
    RemovedConnectors,
}

/// Resources that were gone for longer than `$1`.
const LONG_GONE: &str =
    "(SELECT g.id FROM resource g WHERE g.presence = 'gone' AND g.changed_at_ms < {now} - $1)";
/// Connectors that were removed longer than `$1` ago.
const LONG_REMOVED: &str =
    "(SELECT c.id FROM connector c WHERE c.state = 'removed' AND c.state_since_ms < {now} - $1)";

impl Expired {
    /// Everything, in the order in which it is forgotten.
    pub const ALL: [Self; 20] = [
        Self::DoneJobs,
        Self::DeadJobs,
        Self::Requests,
        Self::UnpublishedFacts,
        Self::SettledDeadLetters,
        Self::OpenDeadLetters,
        Self::Audit,
        Self::SilentProcesses,
        Self::SchedulesOfNobody,
        Self::UnusedBudgets,
        Self::UnusedScopes,
        Self::RelationsOfGone,
        Self::AssessmentsOfGone,
        Self::HistoryOfGone,
        Self::GoneResources,
        Self::AssessmentHistory,
        Self::StrayReadings,
        Self::ControlsOfRemoved,
        Self::OrganizationsOfRemoved,
        Self::RemovedConnectors,
    ];

    /// The table that it is in.
    pub fn table(self) -> &'static str {
        match self {
            Self::DoneJobs | Self::DeadJobs => "job",
            Self::Requests => "inbox",
            Self::UnpublishedFacts => "event_outbox",
            Self::SettledDeadLetters | Self::OpenDeadLetters => "dead_letter",
            Self::Audit => "audit",
            Self::SilentProcesses => "heartbeat",
            Self::SchedulesOfNobody => "schedule",
            Self::UnusedBudgets => "budget",
            Self::UnusedScopes => "consumption_scope",
            Self::RelationsOfGone => "relation",
            Self::AssessmentsOfGone => "assessment",
            Self::HistoryOfGone | Self::AssessmentHistory => "assessment_history",
            Self::GoneResources => "resource",
            Self::StrayReadings => "reading",
            Self::ControlsOfRemoved => "consumption_control",
            Self::OrganizationsOfRemoved => "connector_organization",
            Self::RemovedConnectors => "connector",
        }
    }

    /// For how long it is kept.
    pub(super) fn kept(self, keep: &KeepFor) -> Duration {
        match self {
            Self::DoneJobs => keep.done_jobs,
            Self::DeadJobs => keep.dead_jobs,
            Self::Requests => keep.requests,
            Self::UnpublishedFacts => keep.unpublished_facts,
            Self::SettledDeadLetters => keep.settled_dead_letters,
            Self::OpenDeadLetters => keep.open_dead_letters,
            Self::Audit => keep.audit,
            Self::SilentProcesses => keep.silent_processes,
            Self::SchedulesOfNobody => Duration::ZERO,
            Self::UnusedBudgets | Self::UnusedScopes => keep.unused_budgets,
            Self::RelationsOfGone
            | Self::AssessmentsOfGone
            | Self::HistoryOfGone
            | Self::GoneResources
            | Self::StrayReadings => keep.gone_resources,
            Self::AssessmentHistory => keep.assessment_history,
            Self::ControlsOfRemoved | Self::OrganizationsOfRemoved | Self::RemovedConnectors => {
                keep.removed_connectors
            }
        }
    }

    /// The condition of a row `t` that was kept for longer than `$1`.
    pub(super) fn condition(self) -> String {
        match self {
            Self::DoneJobs => "t.state IN ('done', 'cancelled') AND t.finished_at_ms < {now} - $1".to_owned(),
            Self::DeadJobs => "t.state = 'dead' AND t.finished_at_ms < {now} - $1 AND NOT EXISTS (\
                 SELECT 1 FROM dead_letter d WHERE d.job_id = t.id \
                 AND d.replayed_at_ms IS NULL AND d.discarded_at_ms IS NULL)"
                .to_owned(),
            Self::Requests => "t.received_at_ms < {now} - $1".to_owned(),
            // What a relay holds at this moment may be on its way.
            Self::UnpublishedFacts => {
                "t.created_at_ms < {now} - $1 AND t.claimed_until_ms <= {now}".to_owned()
            }
            Self::SettledDeadLetters => {
                "COALESCE(t.replayed_at_ms, t.discarded_at_ms) < {now} - $1".to_owned()
            }
            Self::OpenDeadLetters => "t.seen_at_ms < {now} - $1 \
                 AND t.replayed_at_ms IS NULL AND t.discarded_at_ms IS NULL"
                .to_owned(),
            Self::Audit => "t.at_ms < {now} - $1".to_owned(),
            Self::SilentProcesses => "t.beat_at_ms < {now} - $1".to_owned(),
            Self::SchedulesOfNobody => "1 = 0".to_owned(),
            Self::UnusedBudgets => "t.updated_at_ms < {now} - $1 AND t.blocked_until_ms < {now} \
                 AND NOT EXISTS (SELECT 1 FROM credential k WHERE k.budget_key = t.identity_key)"
                .to_owned(),
            Self::UnusedScopes => "t.spent_at_ms < {now} - $1".to_owned(),
            Self::RelationsOfGone => format!("(t.from_id IN {LONG_GONE} OR t.to_id IN {LONG_GONE})"),
            Self::AssessmentsOfGone | Self::HistoryOfGone => format!("t.resource_id IN {LONG_GONE}"),
            Self::GoneResources => "t.presence = 'gone' AND t.changed_at_ms < {now} - $1 \
                 AND NOT EXISTS (SELECT 1 FROM assessment a WHERE a.resource_id = t.id)"
                .to_owned(),
            // The last change of an assessment says where a later one goes on counting.
            Self::AssessmentHistory => "t.at_ms < {now} - $1 AND (EXISTS (\
                 SELECT 1 FROM assessment_history n \
                 WHERE n.resource_id = t.resource_id AND n.recommendation = t.recommendation \
                 AND (n.at_ms > t.at_ms OR (n.at_ms = t.at_ms AND n.change_sequence > t.change_sequence))) \
                 OR NOT EXISTS (SELECT 1 FROM resource r WHERE r.id = t.resource_id))"
                .to_owned(),
            Self::StrayReadings => "t.read_at_ms < {now} - $1 AND NOT EXISTS (\
                 SELECT 1 FROM resource r WHERE r.connector_id = t.connector_id \
                 AND r.organization_id = t.organization_id \
                 AND (t.project_id IS NULL OR r.project_id = t.project_id) AND r.presence <> 'gone')"
                .to_owned(),
            Self::ControlsOfRemoved | Self::OrganizationsOfRemoved => {
                format!("t.connector_id IN {LONG_REMOVED}")
            }
            Self::RemovedConnectors => "t.state = 'removed' AND t.state_since_ms < {now} - $1 \
                 AND NOT EXISTS (SELECT 1 FROM resource r WHERE r.connector_id = t.id) \
                 AND NOT EXISTS (SELECT 1 FROM organization_claim o WHERE o.connector_id = t.id) \
                 AND NOT EXISTS (SELECT 1 FROM connector_organization o WHERE o.connector_id = t.id) \
                 AND NOT EXISTS (SELECT 1 FROM consumption_control o WHERE o.connector_id = t.id)"
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::DECISIONS;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn everything_is_forgotten_once_and_from_a_table_that_is_decided_about() {
        let unique: BTreeSet<_> = Expired::ALL.into_iter().collect();
        assert_eq!(unique.len(), Expired::ALL.len());
        for expired in Expired::ALL {
            assert!(DECISIONS.iter().any(|(table, _)| *table == expired.table()), "{expired:?}");
        }
    }
}
