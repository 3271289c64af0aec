//! `muster connector`: connections to Azure DevOps.

mod control;
mod create;
mod delete;
mod list;
mod options;
mod preview;
mod show;
mod update;

#[cfg(test)]
pub(crate) use list::tests;

use crate::cli::Global;
use crate::exit::Failed;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Connector {
    /// Connects organizations with a stored credential.
    #[command(after_help = create::EXAMPLES)]
    Create(create::Create),
    /// Asks what a connector with these options would connect, and what its first pass would cost; creates nothing.
    ///
    /// Every organization is asked with the credential that is named. Nothing is written but these calls, in the
    /// consumption budget that they spend.
    #[command(after_help = preview::EXAMPLES)]
    Preview(preview::Preview),
    /// Changes credential, plan or organizations of a connector, and discovers with them at once.
    #[command(after_help = update::EXAMPLES)]
    Update(update::Update),
    /// Stops a connector: its work waits, what it found stays.
    #[command(after_help = control::PAUSE_EXAMPLES)]
    Pause(control::Control),
    /// Lets a paused or failed connector go on; its credential proves itself anew.
    #[command(after_help = control::RESUME_EXAMPLES)]
    Resume(control::Control),
    /// Takes a connector apart: its inventory and assessments go, their history and the audit are kept.
    #[command(after_help = delete::EXAMPLES)]
    Delete(delete::Delete),
    /// Lists connectors and where they stand.
    #[command(after_help = list::EXAMPLES)]
    List(list::List),
    /// Shows one connector, with its organizations, how they stand and how they were judged.
    #[command(after_help = show::EXAMPLES)]
    Show(show::Show),
}

impl Connector {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        match self {
            Self::Create(create) => create.run(global).await,
            Self::Preview(preview) => preview.run(global).await,
            Self::Update(update) => update.run(global).await,
            Self::Pause(pause) => pause.run(global, control::Deed::Pause).await,
            Self::Resume(resume) => resume.run(global, control::Deed::Resume).await,
            Self::Delete(delete) => delete.run(global).await,
            Self::List(list) => list.run(global).await,
            Self::Show(show) => show.run(global).await,
        }
    }
}
