//! `muster dead-letter`: what could not be read or done, kept as it came: looked at, replayed, discarded.

mod discard;
mod list;
mod replay;
mod selection;
mod show;

use crate::cli::Global;
use crate::exit::Failed;
use clap::Subcommand;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetter {
    /// Lists what waits for a person, newest first: refused requests and dead jobs, with reason and remedy.
    #[command(after_help = list::EXAMPLES)]
    List(list::List),
    /// Shows one: its body as it came, how often it was tried, its errors, its trace, what became of it.
    #[command(after_help = show::EXAMPLES)]
    Show(show::Show),
    /// Takes requests again, and has dead jobs run again; twice is once.
    #[command(after_help = replay::EXAMPLES)]
    Replay(replay::Replay),
    /// Says that letters are not wanted; they are kept for a while, with who said so and why.
    #[command(after_help = discard::EXAMPLES)]
    Discard(discard::Discard),
}

impl DeadLetter {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        match self {
            Self::List(list) => list.run(global).await,
            Self::Show(show) => show.run(global).await,
            Self::Replay(replay) => replay.run(global).await,
            Self::Discard(discard) => discard.run(global).await,
        }
    }
}

/// There is none of that id.
fn no_letter(id: Uuid) -> Failed {
    Failed::not_found(format!(
        "there is no dead letter {id}, or it is forgotten; list them with `muster dead-letter list --status all`"
    ))
}
