//! `muster repository`: the repositories that were found.

mod list;
mod show;
#[cfg(test)]
pub(crate) mod tests;

use crate::cli::Global;
use crate::exit::Failed;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Repository {
    /// Lists repositories: default branch, disabled or not, when they changed.
    #[command(after_help = list::EXAMPLES)]
    List(list::List),
    /// Shows one repository: Advanced Security, assessments, what builds it, its page.
    #[command(after_help = show::EXAMPLES)]
    Show(show::Show),
}

impl Repository {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        match self {
            Self::List(list) => list.run(global).await,
            Self::Show(show) => show.run(global).await,
        }
    }
}
