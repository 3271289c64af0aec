//! How far the demonstration is, on standard error, where a person looks on.

use crate::exit::Failed;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use muster_azdo_sim::RunningSimulator;
use muster_domain::job::{JobKind, JobState};
use muster_store::Store;
use muster_store::ledger::JobFilter;
use std::io::IsTerminal as _;

/// A progress bar; silent where nobody looks on.
pub(super) struct Progress(ProgressBar);

/// Jobs that are counted at most; a larger demonstration shows this many.
const MOST_JOBS: u32 = 100_000;

impl Progress {
    pub(super) fn start() -> Self {
        let bar = ProgressBar::new(0);
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        // The template is a constant that parses; without it the default style would do.
        if let Ok(style) = ProgressStyle::with_template("{spinner} projects {bar:30} {pos}/{len}  {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Shows projects that were read, of those that are known, and what that cost.
    pub(super) async fn show(&self, store: &Store, simulator: &RunningSimulator) -> Result<(), Failed> {
        if self.0.is_hidden() {
            return Ok(());
        }
        let filter =
            JobFilter { kinds: vec![JobKind::ProjectSync], limit: MOST_JOBS, ..JobFilter::default() };
        let jobs = store.ledger().list(&filter).await?;
        let done = jobs.iter().filter(|job| job.state == JobState::Done).count();
        self.0.set_length(u64::try_from(jobs.len()).unwrap_or(u64::MAX));
        self.0.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        let stats = simulator.stats();
        let calls: u64 = stats.requests.values().sum();
        let tstu: f64 = stats.spent_tstu.values().sum();
        self.0.set_message(format!("{calls} calls, {tstu:.1} TSTU"));
        self.0.tick();
        Ok(())
    }

    pub(super) fn finish(self) {
        self.0.finish_and_clear();
    }
}
