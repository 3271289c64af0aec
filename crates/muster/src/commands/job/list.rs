//! `muster job list`.

use crate::cli::Global;
use crate::exit::Failed;
use crate::lookup;
use crate::output::{Row, Snapshot, Watch, moment, or_dash, rows_text};
use crate::session::Session;
use chrono::{DateTime, Utc};
use clap::Args;
use muster_domain::job::{JobKind, JobState, JobSubject, WaitingReason};
use muster_domain::{ConnectorId, JobId, OrganizationName, ProjectId};
use muster_store::ledger::{JobFilter, JobView};
use serde::Serialize;

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those in this state; may be given several times.
    #[arg(long = "state", value_name = "STATE", value_parser = lookup::job_state(), ignore_case = true)]
    states: Vec<JobState>,
    /// Only those of this kind; may be given several times.
    #[arg(long = "kind", value_name = "KIND", value_parser = lookup::job_kind(), ignore_case = true)]
    kinds: Vec<JobKind>,
    /// Only those of this connector.
    #[arg(long, value_name = "NAME|ID")]
    connector: Option<String>,
    /// Only those of this organization.
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// Only those that wait for this; may be given several times.
    #[arg(long, value_name = "REASON", value_parser = lookup::waiting_reason(), ignore_case = true)]
    waiting_reason: Vec<WaitingReason>,
    /// List at most so many.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    watch: Watch,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  muster job list --state dead
  muster job list --waiting-reason throttled --connector contoso
  muster job list --state running --watch";

impl List {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let connector = match &self.connector {
                Some(name) => Some(lookup::connector(&session.store, name).await?.id),
                None => None,
            };
            let filter = JobFilter {
                states: self.states.clone(),
                kinds: self.kinds.clone(),
                connector,
                waiting: self.waiting_reason.clone(),
                organization: self.organization.clone().map(OrganizationName::new),
                limit: self.limit,
                ..JobFilter::default()
            };
            let look = async || {
                let jobs = session.store.ledger().list(&filter).await?;
                let is_cut = u32::try_from(jobs.len()).is_ok_and(|count| count == self.limit);
                let rows: Vec<Shown> = jobs.into_iter().map(Shown::from).collect();
                let note = is_cut
                    .then(|| format!("the newest {} are shown; there may be more (--limit)", self.limit));
                Ok(Snapshot { data: rows_text(global.output, &rows)?, note })
            };
            self.watch.show(look).await
        })
        .await
    }
}

/// A job as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    pub(super) id: JobId,
    pub(super) kind: JobKind,
    pub(super) connector_id: ConnectorId,
    pub(super) organization: Option<OrganizationName>,
    pub(super) project_id: Option<ProjectId>,
    pub(super) state: JobState,
    pub(super) waiting_reason: Option<WaitingReason>,
    pub(super) due_at: DateTime<Utc>,
    pub(super) attempt: u32,
    pub(super) crash_count: u32,
    pub(super) lease_owner: Option<String>,
    pub(super) last_error: Option<String>,
    pub(super) cause: String,
    pub(super) created_at: DateTime<Utc>,
    pub(super) finished_at: Option<DateTime<Utc>>,
}

impl From<JobView> for Shown {
    fn from(job: JobView) -> Self {
        let JobSubject { connector_id, organization, project_id } = job.subject;
        Self {
            id: job.id,
            kind: job.kind,
            connector_id,
            organization,
            project_id,
            state: job.state,
            waiting_reason: job.waiting_reason,
            due_at: job.due_at,
            attempt: job.attempt,
            crash_count: job.crash_count,
            lease_owner: job.lease_owner,
            last_error: job.last_error,
            cause: job.cause,
            created_at: job.created_at,
            finished_at: job.finished_at,
        }
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] = &[
        "kind",
        "organization",
        "project",
        "state",
        "waiting for",
        "due",
        "attempts",
        "crashes",
        "last error",
        "id",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.kind.to_string(),
            or_dash(self.organization.as_ref()),
            or_dash(self.project_id),
            self.state.to_string(),
            or_dash(self.waiting_reason.map(WaitingReason::as_str)),
            moment(self.due_at),
            self.attempt.to_string(),
            self.crash_count.to_string(),
            or_dash(self.last_error.as_ref()),
            self.id.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use uuid::Uuid;

    #[test]
    fn json_says_why_a_job_waits_and_what_went_wrong() {
        let connector = ConnectorId(Uuid::from_u128(1));
        let shown = Shown::from(JobView {
            id: JobId(Uuid::nil()),
            kind: JobKind::ProjectSync,
            subject: JobSubject::organization(connector, OrganizationName::new("contoso")),
            state: JobState::Pending,
            waiting_reason: Some(WaitingReason::Throttled),
            due_at: DateTime::UNIX_EPOCH,
            attempt: 2,
            crash_count: 0,
            lease_owner: None,
            last_error_class: None,
            last_error: Some("TF400733".to_owned()),
            note: None,
            credential_id: None,
            priority: 100,
            max_attempts: 8,
            wait_count: 1,
            waiting_since: None,
            updated_at: DateTime::UNIX_EPOCH,
            cause: "schedule:discovery".to_owned(),
            created_at: DateTime::UNIX_EPOCH,
            finished_at: None,
        });
        let expected = json!({
            "id": Uuid::nil(), "kind": "project.sync", "connectorId": connector, "organization": "contoso",
            "projectId": null, "state": "pending", "waitingReason": "throttled", "dueAt": "1970-01-01T00:00:00Z",
            "attempt": 2, "crashCount": 0, "leaseOwner": null, "lastError": "TF400733",
            "cause": "schedule:discovery", "createdAt": "1970-01-01T00:00:00Z", "finishedAt": null,
        });
        assert_eq!(serde_json::to_value(&shown).unwrap(), expected);
        assert_eq!(shown.cells().len(), Shown::COLUMNS.len());
        assert!(shown.cells().contains(&"throttled".to_owned()));
    }
}
