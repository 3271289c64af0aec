//! `muster job list`.

use crate::cli::Global;
use crate::exit::Failed;
use crate::lookup;
use crate::output::{Row, Snapshot, Watch, moment, or_dash, rows_text};
use crate::process::budget_settings;
use crate::session::Session;
use clap::Args;
use muster_api::holds::{HeldBy, Holds};
use muster_api::views::job::JobEntry;
use muster_domain::OrganizationName;
use muster_domain::job::{JobKind, JobState, WaitingReason};
use muster_store::ledger::JobFilter;

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
                Some(name) => Some(lookup::connector(&session.store, name).await?),
                None => None,
            };
            if let Some(name) = &self.organization {
                lookup::has_organization(&session.store, connector.as_ref(), name).await?;
            }
            let filter = JobFilter {
                states: self.states.clone(),
                kinds: self.kinds.clone(),
                connector: connector.as_ref().map(|connector| connector.id),
                waiting: self.waiting_reason.clone(),
                organization: self.organization.clone().map(OrganizationName::new),
                limit: self.limit,
                ..JobFilter::default()
            };
            let look = async || {
                let jobs = session.store.ledger().list(&filter).await?;
                let holds = holds(session).await?;
                let is_cut = u32::try_from(jobs.len()).is_ok_and(|count| count == self.limit);
                let rows: Vec<JobEntry> = jobs.into_iter().map(|job| JobEntry::of(job, &holds)).collect();
                let note = is_cut
                    .then(|| format!("the newest {} are shown; there may be more (--limit)", self.limit));
                Ok(Snapshot { data: rows_text(global.output, &rows)?, note })
            };
            self.watch.show(look).await
        })
        .await
    }
}

/// What may hold jobs back at this moment.
pub(super) async fn holds(session: &Session) -> Result<Holds, Failed> {
    Ok(Holds::look(&session.store, &budget_settings(&session.configuration)).await?)
}

/// What a job waits for: the reason that it was put back with, or what holds it although it is due.
pub(super) fn waits_for(job: &JobEntry) -> Option<&'static str> {
    job.waiting_reason.map(WaitingReason::as_str).or(job.held_by.map(HeldBy::as_str))
}

impl Row for JobEntry {
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
            or_dash(waits_for(self)),
            moment(self.held_until.unwrap_or(self.due_at)),
            self.attempt.to_string(),
            self.crash_count.to_string(),
            or_dash(self.last_error.as_ref()),
            self.id.to_string(),
        ]
    }
}
