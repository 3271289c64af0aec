//! Arguments and subcommands.

use crate::commands;
use crate::exit::Failed;
use crate::output::Format;
use clap::{Args, ColorChoice, Parser, Subcommand};
use muster_runtime::configuration::{Configuration, Environment, load};
use std::path::PathBuf;

/// The Azure DevOps connector and DevOps posture of Microsoft Defender for Cloud, self-hosted.
#[derive(Debug, Parser)]
#[command(
    name = "muster",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    color = color(),
    after_help = EXIT_CODES
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 not found, 4 credential refused,
5 conflict, 6 throttled, 7 out of reach, 10 gate (--fail-on), 130 interrupted.
Data is on standard output, everything else on standard error.";

/// Help and errors are coloured on a terminal, unless `NO_COLOR` or `--no-color` says otherwise. The option must be seen
/// before anything is parsed: errors of parsing are coloured, too.
fn color() -> ColorChoice {
    if std::env::args_os().any(|argument| argument == "--no-color") {
        ColorChoice::Never
    } else {
        ColorChoice::Auto
    }
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Configuration file (TOML).
    #[arg(long, global = true, env = "MUSTER_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How data is printed.
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// No colours; `NO_COLOR` in the environment does the same.
    #[arg(long, global = true)]
    no_color: bool,
}

impl Global {
    /// The configuration of this process.
    pub(crate) fn configuration(&self) -> Result<Configuration, Failed> {
        let loaded = load(self.config.as_deref(), &Environment::of_process())?;
        for warning in loaded.warnings {
            tracing::warn!("{warning}");
        }
        Ok(loaded.configuration)
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Try it: a simulated Azure DevOps, the whole fleet and what it finds, in a throw-away folder.
    Demo(commands::demo::Demo),
    /// Every role in one process: one machine for real.
    Up,
    /// A simulated Azure DevOps: for trying things out.
    #[command(after_help = commands::sim::EXAMPLES)]
    Sim(commands::sim::Sim),
    /// The handlers of one role of a fleet.
    Worker(commands::worker::Worker),
    /// Dispatcher, schedules, relay, reclaim and ingress of a fleet; any number may run.
    Scheduler,
    /// The HTTP API.
    Api,
    /// Brings the schema of the database up to this binary.
    Migrate,
    /// Credentials that connectors name.
    #[command(subcommand)]
    Credential(commands::credential::Credential),
    /// Connections to Azure DevOps.
    #[command(subcommand)]
    Connector(commands::connector::Connector),
    /// Organizations of Azure DevOps, as connectors found them.
    #[command(subcommand)]
    Organization(commands::organization::Organization),
    /// Projects, as connectors found them.
    #[command(subcommand)]
    Project(commands::project::Project),
    /// Repositories, as connectors found them.
    #[command(subcommand)]
    Repository(commands::repository::Repository),
    /// What is recommended, and how it stands.
    #[command(subcommand)]
    Recommendation(commands::recommendation::Recommendation),
    /// Units of work.
    #[command(subcommand)]
    Job(commands::job::Job),
    /// What could not be read or done: refused requests and dead jobs, kept to be looked at and replayed.
    #[command(subcommand)]
    DeadLetter(commands::dead_letter::DeadLetter),
    /// The consumption budget of every identity.
    #[command(after_help = commands::budget::EXAMPLES)]
    Budget(commands::budget::Budget),
    /// What a full pass costs, what the credential may not read, and what to grant.
    #[command(after_help = commands::cost::EXAMPLES)]
    Cost(commands::cost::Cost),
    /// Looks at everything that Muster needs, and says what is wrong and what to do.
    #[command(after_help = commands::doctor::EXAMPLES)]
    Doctor(commands::doctor::Doctor),
    /// Completion scripts of shells.
    #[command(after_help = commands::completion::EXAMPLES)]
    Completion(commands::completion::Completion),
    /// Events that ask Muster for work.
    #[command(subcommand)]
    Event(commands::event::Event),
}

impl Cli {
    /// Does what was asked for.
    pub(crate) async fn run(self) -> Result<(), Failed> {
        let global = self.global;
        match self.command {
            Command::Demo(demo) => demo.run(&global).await,
            Command::Up => commands::up::run(&global).await,
            Command::Sim(sim) => sim.run().await,
            Command::Worker(worker) => worker.run(&global).await,
            Command::Scheduler => commands::scheduler::run(&global).await,
            Command::Api => commands::api::run(&global).await,
            Command::Migrate => commands::migrate::run(&global).await,
            Command::Credential(credential) => credential.run(&global).await,
            Command::Connector(connector) => connector.run(&global).await,
            Command::Organization(organization) => organization.run(&global).await,
            Command::Project(project) => project.run(&global).await,
            Command::Repository(repository) => repository.run(&global).await,
            Command::Recommendation(recommendation) => recommendation.run(&global).await,
            Command::Job(job) => job.run(&global).await,
            Command::DeadLetter(letter) => letter.run(&global).await,
            Command::Budget(budget) => budget.run(&global).await,
            Command::Cost(cost) => cost.run(&global).await,
            Command::Doctor(doctor) => doctor.run(&global).await,
            Command::Completion(completion) => completion.run(),
            Command::Event(event) => event.run(&global).await,
        }
    }

    /// True for commands that serve: their logs are JSON for collectors, those of others are lines for people.
    pub(crate) fn serves(&self) -> bool {
        matches!(self.command, Command::Up | Command::Worker(_) | Command::Scheduler | Command::Api)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn arguments_fit_together() {
        Cli::command().debug_assert();
    }

    /// What is longer is broken where the help is piped, and an example that is broken cannot be copied.
    const HELP_COLUMNS: usize = 100;

    #[test]
    fn examples_of_the_help_can_be_copied() {
        let mut commands = vec![Cli::command()];
        let mut examples = 0;
        while let Some(command) = commands.pop() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in help.lines() {
                assert!(line.chars().count() <= HELP_COLUMNS, "{}: {line}", command.get_name());
                examples += usize::from(line.trim_start().starts_with("muster "));
            }
            commands.extend(command.get_subcommands().cloned());
        }
        assert!(examples > 0);
    }
}
