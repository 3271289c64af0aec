//! `muster job show`.

use super::list::{holds, waits_for};
use crate::cli::Global;
use crate::exit::Failed;
use crate::output::{Fields, Format, moment, or_dash, print_json, print_rows};
use crate::session::Session;
use clap::Args;
use muster_api::views::job::JobDocument;
use muster_domain::JobId;

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
            let document = JobDocument::of(detail, &holds(session).await?);
            match global.output {
                Format::Json => print_json(&document),
                format => print_rows(format, fields(&document).rows()),
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

fn fields(document: &JobDocument) -> Fields {
    let job = &document.job;
    let mut fields = Fields::default();
    fields
        .add("id", job.id)
        .add("kind", job.kind)
        .add("connector", job.connector_id)
        .add("organization", or_dash(job.organization.as_ref()))
        .add("project", or_dash(job.project_id))
        .add("state", job.state)
        .add("waiting for", or_dash(waits_for(job)))
        .add("waiting since", or_dash(job.waiting_since.map(moment)))
        .add("held until", or_dash(job.held_until.map(moment)))
        .add("due", moment(job.due_at))
        .add("attempts", format!("{} of {}", job.attempt, document.max_attempts))
        .add("crashes", job.crash_count)
        .add("waits", document.wait_count)
        .add("priority", document.priority)
        .add("failures", document.failure_count)
        .add("first error", or_dash(document.first_error.as_ref()))
        .add("last error", or_dash(job.last_error.as_ref()))
        .add("kind of error", or_dash(job.last_error_class.as_ref()))
        .add("note", or_dash(document.note.as_ref()))
        .add("progress", or_dash(document.progress.as_ref()))
        .add("held by", or_dash(job.lease_owner.as_ref()))
        .add("lease until", or_dash(document.lease_until.map(moment)))
        .add("dispatched", or_dash(document.dispatched_at.map(moment)))
        .add("dispatches", document.dispatch_sequence)
        .add("runs again", if document.runs_again { "yes" } else { "no" })
        .add("credential", or_dash(document.credential_id))
        .add("asked for by", &job.cause)
        .add("trace", or_dash(document.traceparent.as_ref()))
        .add("created", moment(job.created_at))
        .add("updated", moment(document.updated_at))
        .add("finished", or_dash(job.finished_at.map(moment)));
    fields
}
