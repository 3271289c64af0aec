//! The section `[retention]`: how long things are kept after they have served.

use super::ConfigurationError;
use super::sections::require;
use muster_store::retention::KeepFor;
use serde::Deserialize;
use std::time::Duration;

/// How long things are kept after they have served. Jobs that are done have their key among those of scheduling.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Days that dead jobs are kept: long enough for whoever comes back from a holiday. With an open dead letter a dead
    /// job stays as long as the letter.
    pub dead_job_days: f64,
    /// Days that requests are known as duplicates: longer than any sender repeats one.
    pub request_days: f64,
    /// Days that facts wait which no broker takes. Then they are told in log and audit, and forgotten.
    pub unpublished_fact_days: f64,
    /// Days that changes of assessments are kept: a year's comparison. The last change of each stays.
    pub assessment_history_days: f64,
    /// Days that is kept who changed what: longer than a yearly audit looks back.
    pub audit_days: f64,
    /// Days that dead letters wait for somebody.
    pub open_dead_letter_days: f64,
    /// Days that dead letters are kept after they were replayed or discarded.
    pub settled_dead_letter_days: f64,
    /// Days that resources are kept after they are gone; subscribers must not need the ids of older facts.
    pub gone_resource_days: f64,
    /// Hours that processes are kept which give no sign of life.
    pub silent_process_hours: f64,
    /// Days that is kept what was learnt of identities and organizations that spend nothing any more.
    pub unused_budget_days: f64,
    /// Days that connectors are kept after their removal.
    pub removed_connector_days: f64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            dead_job_days: 90.0,
            request_days: 30.0,
            unpublished_fact_days: 14.0,
            assessment_history_days: 365.0,
            audit_days: 400.0,
            open_dead_letter_days: 90.0,
            settled_dead_letter_days: 14.0,
            gone_resource_days: 90.0,
            silent_process_hours: 24.0,
            unused_budget_days: 30.0,
            removed_connector_days: 90.0,
        }
    }
}

const SECONDS_PER_HOUR: f64 = 3_600.0;
const HOURS_PER_DAY: f64 = 24.0;
/// A hundred years: whoever wants more does not mean a time.
const MOST_DAYS: f64 = 36_525.0;
/// A sender that heard nothing repeats its request within the day.
const FEWEST_REQUEST_DAYS: f64 = 1.0;
/// A process gives a sign of life every 15 seconds; whoever is silent for less may still live.
const FEWEST_SILENT_HOURS: f64 = 0.1;

impl Retention {
    /// The same as durations.
    pub fn keep_for(&self, done_jobs: Duration) -> KeepFor {
        KeepFor {
            done_jobs,
            dead_jobs: days(self.dead_job_days),
            requests: days(self.request_days),
            unpublished_facts: days(self.unpublished_fact_days),
            assessment_history: days(self.assessment_history_days),
            audit: days(self.audit_days),
            open_dead_letters: days(self.open_dead_letter_days),
            settled_dead_letters: days(self.settled_dead_letter_days),
            gone_resources: days(self.gone_resource_days),
            silent_processes: Duration::from_secs_f64(self.silent_process_hours * SECONDS_PER_HOUR),
            unused_budgets: days(self.unused_budget_days),
            removed_connectors: days(self.removed_connector_days),
        }
    }

    /// Checks what types cannot say.
    pub(super) fn check(&self) -> Result<(), ConfigurationError> {
        let keys = [
            ("dead_job_days", self.dead_job_days),
            ("request_days", self.request_days),
            ("unpublished_fact_days", self.unpublished_fact_days),
            ("assessment_history_days", self.assessment_history_days),
            ("audit_days", self.audit_days),
            ("open_dead_letter_days", self.open_dead_letter_days),
            ("settled_dead_letter_days", self.settled_dead_letter_days),
            ("gone_resource_days", self.gone_resource_days),
            ("silent_process_hours", self.silent_process_hours / HOURS_PER_DAY),
            ("unused_budget_days", self.unused_budget_days),
            ("removed_connector_days", self.removed_connector_days),
        ];
        for (key, days) in keys {
            require(
                &format!("retention.{key}"),
                days > 0.0 && days <= MOST_DAYS,
                "the time must be above 0 and at most a hundred years",
            )?;
        }
        require(
            "retention.request_days",
            self.request_days >= FEWEST_REQUEST_DAYS,
            "a request must be known for a day at least, or its repetition would be done twice",
        )?;
        require(
            "retention.silent_process_hours",
            self.silent_process_hours >= FEWEST_SILENT_HOURS,
            "processes give a sign of life every 15 seconds; keep them for 0.1 hours at least",
        )
    }
}

fn days(days: f64) -> Duration {
    Duration::from_secs_f64(days * HOURS_PER_DAY * SECONDS_PER_HOUR)
}
