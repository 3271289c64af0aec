//! `muster job`: units of work in the ledger.

mod control;
mod list;
mod show;

use crate::cli::Global;
use crate::exit::Failed;
use clap::Subcommand;
use muster_store::ledger::JobDeed;

#[derive(Debug, Subcommand)]
pub(crate) enum Job {
    /// Lists jobs, newest first: what they wait for, how often they were tried, what went wrong last.
    #[command(after_help = list::EXAMPLES)]
    List(list::List),
    /// Shows everything known of one job: progress, attempts, errors, its trace.
    #[command(after_help = show::EXAMPLES)]
    Show(show::Show),
    /// Makes jobs due now that are dead, cancelled, or wait; with all their attempts.
    #[command(after_help = control::RETRY_EXAMPLES)]
    Retry(control::Control),
    /// Cancels jobs that are not over; a running one is told at its next commit.
    #[command(after_help = control::CANCEL_EXAMPLES)]
    Cancel(control::Control),
}

impl Job {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        match self {
            Self::List(list) => list.run(global).await,
            Self::Show(show) => show.run(global).await,
            Self::Retry(retry) => retry.run(global, JobDeed::Retry).await,
            Self::Cancel(cancel) => cancel.run(global, JobDeed::Cancel).await,
        }
    }
}
