//! `muster completion`: what shells need to complete commands and options.

use crate::exit::Failed;
use crate::output::write_out;
use clap::{Args, CommandFactory as _, ValueEnum};
use clap_complete::Shell;

pub(crate) const EXAMPLES: &str = "\
Examples:
  muster completion bash > ~/.local/share/bash-completion/completions/muster
  muster completion zsh > \"${fpath[1]}/_muster\"
  muster completion fish > ~/.config/fish/completions/muster.fish
  muster completion powershell >> $PROFILE";

/// Which shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ShellName {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell.
    shell: ShellName,
}

impl Completion {
    pub(crate) fn run(&self) -> Result<(), Failed> {
        let shell = match self.shell {
            ShellName::Bash => Shell::Bash,
            ShellName::Zsh => Shell::Zsh,
            ShellName::Fish => Shell::Fish,
            ShellName::Powershell => Shell::PowerShell,
        };
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut crate::cli::Cli::command(), "muster", &mut script);
        write_out(&String::from_utf8_lossy(&script))
    }
}
