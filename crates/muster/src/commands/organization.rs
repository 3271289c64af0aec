//! `muster organization`: the organizations that connectors ask for, and what was found in them.

mod list;
mod show;

use crate::cli::Global;
use crate::exit::Failed;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Organization {
    /// Lists organizations: how they stand with their connector, what is in them, when they were read.
    #[command(after_help = list::EXAMPLES)]
    List(list::List),
    /// Shows one organization: access, policies, Advanced Security, what could not be read and what to grant.
    #[command(after_help = show::EXAMPLES)]
    Show(show::Show),
}

impl Organization {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        match self {
            Self::List(list) => list.run(global).await,
            Self::Show(show) => show.run(global).await,
        }
    }
}
