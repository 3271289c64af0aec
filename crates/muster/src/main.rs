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
use cli::Cli;
use exit::Failed;
use muster_runtime::telemetry::{Audience, LogFormat, Telemetry};
use std::io::Write as _;
use std::process::ExitCode;

/// Threads of the runtime at least: an exporter that blocks one of them must not stop the others.
const FEWEST_THREADS: usize = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            // Nothing better is left where standard error is gone.
            let _ = writeln!(std::io::stderr(), "muster: {failed}");
            failed.code()
        }
    }
}

fn start(cli: Cli) -> Result<(), Failed> {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return Err(Failed::new(exit::Exit::Failure, "another TLS provider is installed already"));
    }
    let threads =
        std::thread::available_parallelism().map_or(FEWEST_THREADS, |found| found.get().max(FEWEST_THREADS));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(async {
        let audience = if cli.serves() { Audience::Operators } else { Audience::Caller };
        let telemetry = Telemetry::install("muster", log_format(&cli), audience).map_err(Failed::usage)?;
        let result = cli.run().await;
        telemetry.shutdown().await;
        result
    })
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
