//! Which letters: the options that `list`, `replay` and `discard` share.

use crate::exit::Failed;
use crate::lookup::{self, Since};
use clap::Args;
use muster_domain::JobId;
use muster_domain::job::JobKind;
use muster_store::Store;
use muster_store::dead_letters::DeadLetterFilter;

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Which")]
pub(super) struct Selection {
    /// Only those that came from there: `muster.v1.ingress`, `POST /events`, …; `ledger` for dead jobs.
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// Only those with this class of reason: `invalid`, `unreadable`, `conflict`, `crash_limit`, ….
    #[arg(long, value_name = "CLASS")]
    reason_class: Option<String>,
    /// Only dead jobs of this kind.
    #[arg(long, value_name = "KIND", value_parser = lookup::job_kind(), ignore_case = true)]
    kind: Option<JobKind>,
    /// Only those of this job.
    #[arg(long, value_name = "ID")]
    job: Option<JobId>,
    /// Only those about this connector.
    #[arg(long, value_name = "NAME|ID")]
    connector: Option<String>,
    /// Only those seen since then: a date, a time, or how long ago (`12h`, `7d`).
    #[arg(long, value_name = "WHEN")]
    since: Option<Since>,
    /// Only those seen before then.
    #[arg(long, value_name = "WHEN")]
    until: Option<Since>,
}

impl Selection {
    /// True where nothing is selected by anything.
    pub(super) fn is_empty(&self) -> bool {
        let Self { origin, reason_class, kind, job, connector, since, until } = self;
        origin.is_none()
            && reason_class.is_none()
            && kind.is_none()
            && job.is_none()
            && connector.is_none()
            && since.is_none()
            && until.is_none()
    }

    /// What it finds, whatever became of it.
    pub(super) async fn filter(&self, store: &Store) -> Result<DeadLetterFilter, Failed> {
        let connector = match &self.connector {
            Some(name) => Some(lookup::connector(store, name).await?.id),
            None => None,
        };
        let now = store.now().await?;
        Ok(DeadLetterFilter {
            status: None,
            origin: self.origin.clone(),
            reason_class: self.reason_class.clone(),
            job_kind: self.kind,
            job: self.job,
            connector,
            since: self.since.map(|since| since.moment(now)),
            until: self.until.map(|until| until.moment(now)),
        })
    }
}
