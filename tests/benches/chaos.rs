//! Chaos: two processes of each worker and two schedulers on PostgreSQL and RabbitMQ, in a world that changes all the
//! time, with requests that never stop; processes, lines, broker and database fail by chance. Then everything comes to
//! rest, and the total check must hold.
//!
//! `cargo bench --workspace --bench chaos -- [MINUTES] [--seed N] [--processes N] [--broker own|given|cluster]` runs it. It
//! starts services of its own; with `given` the broker is that of `MUSTER_TEST_AMQP_URL`.

use muster_azdo_sim::SimulatorOptions;
use std::io::Write as _;
use std::time::Duration;
use tests::chaos::services::BrokerChoice;
use tests::chaos::{ChaosOptions, Plan, run};

/// Minutes where nothing is said.
const MINUTES: f64 = 10.0;
const SECONDS_PER_MINUTE: f64 = 60.0;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let options = options(&arguments).unwrap_or_else(|error| panic!("{error}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let report = runtime.block_on(run(options));
    write!(std::io::stdout().lock(), "{report}").expect("print");
    assert!(report.broken.is_empty(), "{} promises do not hold", report.broken.len());
}

fn options(arguments: &[String]) -> Result<ChaosOptions, String> {
    let mut minutes = MINUTES;
    let mut options = ChaosOptions {
        world: world(),
        processes: 2,
        seed: 1,
        broker: BrokerChoice::default(),
        plan: Plan::Anything(Duration::ZERO),
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{argument} needs a value"));
        let number = |text: &String| text.parse().map_err(|_| format!("{text} is not a number"));
        match argument.as_str() {
            "--seed" => options.seed = value()?.parse().map_err(|_| "the seed is a number".to_owned())?,
            "--processes" => options.processes = number(value()?)?,
            "--broker" => {
                options.broker = match value()?.as_str() {
                    "own" => BrokerChoice::Own,
                    "given" => BrokerChoice::Given,
                    "cluster" => BrokerChoice::Cluster,
                    other => return Err(format!("the broker is own, given or cluster, not {other}")),
                }
            }
            text => minutes = text.parse().map_err(|_| format!("{text} is not a number of minutes"))?,
        }
    }
    options.plan = Plan::Anything(Duration::from_secs_f64(minutes * SECONDS_PER_MINUTE));
    Ok(options)
}

/// Small enough that every project is read many times, with a limit that this reaches.
fn world() -> SimulatorOptions {
    SimulatorOptions {
        organizations: 2,
        projects: 24,
        repositories: 400,
        seed: 11,
        tstu_limit: Some(100.0),
        window_seconds: 30.0,
        latency: Duration::from_millis(10),
        ..SimulatorOptions::default()
    }
}
