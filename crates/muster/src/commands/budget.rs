//! `muster budget`: what is left of the consumption limit of every identity, and what people set about it.

mod change;
mod controls;
mod list;
mod quiet;
mod show;

use crate::cli::Global;
use crate::exit::Failed;
use clap::{Args, Subcommand};

/// The consumption budget of every identity.
#[derive(Debug, Args)]
pub(crate) struct Budget {
    #[command(flatten)]
    list: list::List,
    #[command(subcommand)]
    deed: Option<Deed>,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  muster budget --watch=5
  muster budget -o json | jq '.[] | {identity, standing, leftTstu}'
  muster budget show contoso
  muster budget pause contoso --organization contoso-payments --reason 'release day'";

#[derive(Debug, Subcommand)]
enum Deed {
    /// Shows one budget: what each call costs, who spent it, who waits for it.
    #[command(after_help = show::EXAMPLES)]
    Show(show::Show),
    /// Lists pauses, shares and quiet hours that were set.
    #[command(after_help = controls::EXAMPLES)]
    Controls(controls::Controls),
    /// Lets a connector, or one organization of it, call Azure DevOps no more until it is resumed.
    #[command(after_help = change::PAUSE_EXAMPLES)]
    Pause(change::Toggle),
    /// Ends a pause; what waited goes on at once.
    #[command(after_help = change::RESUME_EXAMPLES)]
    Resume(change::Toggle),
    /// Sets a share of the limit, or hours in which background work rests.
    #[command(after_help = change::SET_EXAMPLES)]
    Set(change::Set),
    /// Takes away pause, share and quiet hours.
    #[command(after_help = change::CLEAR_EXAMPLES)]
    Clear(change::Clear),
}

impl Budget {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        let Some(deed) = self.deed else { return self.list.run(global).await };
        if self.list.is_watching() {
            return Err(Failed::usage(
                "--watch goes with the list: `muster budget --watch`, without a subcommand",
            ));
        }
        match deed {
            Deed::Show(show) => show.run(global).await,
            Deed::Controls(controls) => controls.run(global).await,
            Deed::Pause(toggle) => toggle.run(global, true).await,
            Deed::Resume(toggle) => toggle.run(global, false).await,
            Deed::Set(set) => set.run(global).await,
            Deed::Clear(clear) => clear.run(global).await,
        }
    }
}

/// An amount for people: more digits than one would promise what an estimate does not hold.
fn tstu(amount: f64) -> String {
    format!("{amount:.1}")
}
