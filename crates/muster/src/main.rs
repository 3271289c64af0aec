#![doc = include_str!("../README.md")]

mod cli;
mod commands;
mod embedded;
mod exit;
mod fleet;
mod lookup;
mod output;
mod process;
mod session;

use clap::Parser as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use cli::Cli;
use exit::Failed;
use muster_runtime::telemetry::{Audience, LogFormat, Telemetry};
use std::io::Write as _;
use std::process::ExitCode;

/// Threads of the runtime at least: an exporter that blocks one of them must not stop the others.
const FEWEST_THREADS: usize = 2;

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| without_secret(error, std::env::args()).exit());
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            // Nothing better is left where standard error is gone.
            let _ = writeln!(std::io::stderr(), "muster: {failed}");
            failed.code()
        }
    }
}

/// What stands on the command line of `muster credential set` where nothing belongs is mostly the secret: it is not
/// repeated, because standard error is often kept.
fn without_secret(mut error: clap::Error, arguments: impl Iterator<Item = String>) -> clap::Error {
    let words: Vec<String> = arguments.filter(|argument| !argument.starts_with('-')).collect();
    let sets_credential = words.windows(2).any(|pair| pair == ["credential", "set"]);
    let is_value =
        |value: &ContextValue| matches!(value, ContextValue::String(text) if !text.starts_with('-'));
    if sets_credential
        && error.kind() == ErrorKind::UnknownArgument
        && error.get(ContextKind::InvalidArg).is_some_and(is_value)
    {
        let hidden =
            "*** (a secret is read from --secret-file, or from standard input with `--secret-file -`)";
        error.insert(ContextKind::InvalidArg, ContextValue::String(hidden.to_owned()));
    }
    error
}

fn start(cli: Cli) -> Result<(), Failed> {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return Err(Failed::new(exit::Exit::Failure, "another TLS provider is installed already"));
    }
    let threads =
        std::thread::available_parallelism().map_or(FEWEST_THREADS, |found| found.get().max(FEWEST_THREADS));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let result = runtime.block_on(async {
        let audience = if cli.serves() { Audience::Operators } else { Audience::Caller };
        let telemetry = Telemetry::install("muster", log_format(&cli), audience).map_err(Failed::usage)?;
        let result = cli.run().await;
        telemetry.shutdown().await;
        result
    });
    // Whatever still blocks a thread, such as an exporter whose collector does not answer, ends with the process.
    runtime.shutdown_background();
    result
}

/// Services log as configured; commands log lines for people, and only what is wrong unless `RUST_LOG` asks for more.
fn log_format(cli: &Cli) -> LogFormat {
    if cli.serves() {
        // A configuration that cannot be read is reported by the command itself.
        cli.global.configuration().map_or(LogFormat::Json, |configuration| configuration.log_format)
    } else {
        LogFormat::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(arguments: &[&str]) -> String {
        let arguments = ["muster"].iter().chain(arguments).map(|argument| (*argument).to_owned());
        let error = Cli::try_parse_from(arguments.clone()).unwrap_err();
        without_secret(error, arguments).to_string()
    }

    #[test]
    fn a_secret_on_the_command_line_is_not_repeated() {
        for arguments in [
            &["credential", "set", "contoso", "s3cret"][..],
            &["credential", "--no-color", "set", "a", "s3cret"],
        ] {
            let told = refusal(arguments);
            assert!(!told.contains("s3cret") && told.contains("--secret-file"), "{told}");
        }
        let told = refusal(&["connector", "show", "contoso", "other"]);
        assert!(told.contains("'other'"), "{told}");
        let told = refusal(&["credential", "set", "contoso", "--secret", "s3cret"]);
        assert!(told.contains("'--secret'") && !told.contains("s3cret"), "{told}");
    }
}
