//! `muster connector`: connections to Azure DevOps.

mod create;
mod list;
mod show;

use crate::cli::Global;
use crate::exit::Failed;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Connector {
    /// Connects organizations with a stored credential.
    #[command(after_help = create::EXAMPLES)]
    Create(create::Create),
    /// Lists connectors and where they stand.
    List(list::List),
    /// Shows one connector, with its organizations and how they were judged.
    Show(show::Show),
}

impl Connector {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        match self {
            Self::Create(create) => create.run(global).await,
            Self::List(list) => list.run(global).await,
            Self::Show(show) => show.run(global).await,
        }
    }
}
