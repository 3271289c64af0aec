//! `muster project`: the projects that were found.

mod list;
mod show;

use crate::cli::Global;
use crate::exit::Failed;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Project {
    /// Lists projects: what is in them, how it stands, when they were read and are read next.
    #[command(after_help = list::EXAMPLES)]
    List(list::List),
    /// Shows one project: reads, what could not be read and what to grant, Advanced Security, relations.
    #[command(after_help = show::EXAMPLES)]
    Show(show::Show),
}

impl Project {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        match self {
            Self::List(list) => list.run(global).await,
            Self::Show(show) => show.run(global).await,
        }
    }
}
