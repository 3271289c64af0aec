//! `muster job show`.

use super::list::Shown;
use crate::cli::Global;
use crate::exit::Failed;
use crate::output::{Fields, Format, moment, or_dash, print_json, print_rows};
use crate::session::Session;
use chrono::{DateTime, Utc};
use clap::Args;
use muster_domain::job::WaitingReason;
use muster_domain::{CredentialId, JobId};
use muster_store::ledger::JobDetail;
use serde::Serialize;
use serde_json::Value;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster job show 0191d6a0-1111-7000-8000-000000000001
  muster job list --state dead -o json | jq -r '.[0].id' | xargs muster job show";

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Id of the job, as `muster job list` shows it.
    #[arg(value_name = "ID")]
    job: JobId,
}

impl Show {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let detail = session.store.ledger().detail(self.job).await?.ok_or_else(|| no_job(self.job))?;
            let document = Document::from(detail);
            match global.output {
                Format::Json => print_json(&document),
                format => print_rows(format, document.fields().rows()),
            }
        })
        .await
    }
}

/// Finished jobs are forgotten after a while.
pub(super) fn no_job(job: JobId) -> Failed {
    Failed::not_found(format!(
        "there is no job {job}, or it is over and forgotten (scheduling.keep_done_hours); list them with `muster job list`"
    ))
}

/// A job with everything around it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(flatten)]
    job: Shown,
    credential_id: Option<CredentialId>,
    priority: i64,
    max_attempts: u32,
    wait_count: u32,
    waiting_since: Option<DateTime<Utc>>,
    last_error_class: Option<String>,
    note: Option<String>,
    updated_at: DateTime<Utc>,
    progress: Option<Value>,
    dispatch_sequence: i64,
    dispatched_at: Option<DateTime<Utc>>,
    lease_until: Option<DateTime<Utc>>,
    runs_again: bool,
    traceparent: Option<String>,
    tracestate: Option<String>,
}

impl From<JobDetail> for Document {
    fn from(detail: JobDetail) -> Self {
        let JobDetail { view, progress, dispatch_sequence, dispatched_at, lease_until, runs_again, trace } =
            detail;
        Self {
            credential_id: view.credential_id,
            priority: view.priority,
            max_attempts: view.max_attempts,
            wait_count: view.wait_count,
            waiting_since: view.waiting_since,
            last_error_class: view.last_error_class.clone(),
            note: view.note.clone(),
            updated_at: view.updated_at,
            job: Shown::from(view),
            progress,
            dispatch_sequence,
            dispatched_at,
            lease_until,
            runs_again,
            traceparent: trace.as_ref().map(|trace| trace.traceparent.clone()),
            tracestate: trace.and_then(|trace| trace.tracestate),
        }
    }
}

impl Document {
    fn fields(&self) -> Fields {
        let job = &self.job;
        let mut fields = Fields::default();
        fields
            .add("id", job.id)
            .add("kind", job.kind)
            .add("connector", job.connector_id)
            .add("organization", or_dash(job.organization.as_ref()))
            .add("project", or_dash(job.project_id))
            .add("state", job.state)
            .add("waiting for", or_dash(job.waiting_reason.map(WaitingReason::as_str)))
            .add("waiting since", or_dash(self.waiting_since.map(moment)))
            .add("due", moment(job.due_at))
            .add("attempts", format!("{} of {}", job.attempt, self.max_attempts))
            .add("crashes", job.crash_count)
            .add("waits", self.wait_count)
            .add("priority", self.priority)
            .add("last error", or_dash(job.last_error.as_ref()))
            .add("kind of error", or_dash(self.last_error_class.as_ref()))
            .add("note", or_dash(self.note.as_ref()))
            .add("progress", or_dash(self.progress.as_ref()))
            .add("held by", or_dash(job.lease_owner.as_ref()))
            .add("held until", or_dash(self.lease_until.map(moment)))
            .add("dispatched", or_dash(self.dispatched_at.map(moment)))
            .add("dispatches", self.dispatch_sequence)
            .add("runs again", if self.runs_again { "yes" } else { "no" })
            .add("credential", or_dash(self.credential_id))
            .add("asked for by", &job.cause)
            .add("trace", or_dash(self.traceparent.as_ref()))
            .add("created", moment(job.created_at))
            .add("updated", moment(self.updated_at))
            .add("finished", or_dash(job.finished_at.map(moment)));
        fields
    }
}
