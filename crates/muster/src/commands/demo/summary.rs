//! What the demonstration found.

use crate::exit::Failed;
use crate::output::{Format, print_json, write_out};
use muster_azdo_sim::RunningSimulator;
use muster_domain::assessment::AssessmentState;
use muster_domain::recommendation::Severity;
use muster_domain::resource::ResourceKind;
use muster_store::Store;
use muster_store::assessments::AssessmentCount;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// What was found, and what it cost.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    organizations: u64,
    projects: u64,
    repositories: u64,
    assessments: ByState,
    requests: u64,
    tstu: f64,
    throttled: u64,
    seconds: f64,
    peak_resident_bytes: Option<u64>,
    #[serde(skip)]
    by_severity: BTreeMap<Severity, ByState>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ByState {
    healthy: u64,
    unhealthy: u64,
    unknown: u64,
    not_applicable: u64,
}

impl ByState {
    fn add(&mut self, state: AssessmentState, count: u64) {
        *match state {
            AssessmentState::Healthy => &mut self.healthy,
            AssessmentState::Unhealthy => &mut self.unhealthy,
            AssessmentState::Unknown => &mut self.unknown,
            AssessmentState::NotApplicable => &mut self.not_applicable,
        } += count;
    }
}

impl Summary {
    pub(super) async fn of(
        store: &Store,
        simulator: &RunningSimulator,
        took: Duration,
    ) -> Result<Self, Failed> {
        let counts = store.inventory().counts().await?;
        let count = |kind| counts.get(&kind).copied().unwrap_or_default();
        let (assessments, by_severity) = group(&store.assessments().summary().await?);
        let stats = simulator.stats();
        Ok(Self {
            organizations: count(ResourceKind::Organization),
            projects: count(ResourceKind::Project),
            repositories: count(ResourceKind::Repository),
            assessments,
            requests: stats.requests.values().sum(),
            tstu: stats.spent_tstu.values().sum(),
            throttled: stats.throttled,
            seconds: took.as_secs_f64(),
            peak_resident_bytes: peak_resident_bytes(),
            by_severity,
        })
    }

    pub(super) fn print(&self, format: Format) -> Result<(), Failed> {
        match format {
            Format::Json => print_json(self),
            Format::Tsv | Format::Table => write_out(&self.text()),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let line = |text: &mut String, name: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name:<16}{value}");
        };
        line(&mut text, "Organizations", self.organizations.to_string());
        line(&mut text, "Projects", self.projects.to_string());
        line(&mut text, "Repositories", self.repositories.to_string());
        let _ = writeln!(text, "\nAssessments     Unhealthy   Unknown   Healthy   Not applicable");
        for severity in Severity::ALL {
            if let Some(states) = self.by_severity.get(&severity) {
                let _ = writeln!(text, "{:<16}{}", severity.as_str(), columns(states));
            }
        }
        let _ = writeln!(text, "{:<16}{}", "All", columns(&self.assessments));
        let _ = writeln!(text);
        line(&mut text, "Calls", self.requests.to_string());
        line(&mut text, "Consumption", format!("{:.1} TSTU, {} calls throttled", self.tstu, self.throttled));
        line(&mut text, "Time", format!("{:.1} s", self.seconds));
        if let Some(bytes) = self.peak_resident_bytes {
            line(&mut text, "Peak memory", format!("{} MiB", bytes / BYTES_PER_MIB));
        }
        text
    }
}

const BYTES_PER_MIB: u64 = 1024 * 1024;
const BYTES_PER_KIB: u64 = 1024;

fn columns(states: &ByState) -> String {
    format!(
        "{:>9} {:>9} {:>9} {:>16}",
        states.unhealthy, states.unknown, states.healthy, states.not_applicable
    )
}

fn group(counts: &[AssessmentCount]) -> (ByState, BTreeMap<Severity, ByState>) {
    let mut all = ByState::default();
    let mut by_severity: BTreeMap<Severity, ByState> = BTreeMap::new();
    for count in counts {
        all.add(count.state, count.count);
        if let Some(rule) = muster_rules::find(count.recommendation) {
            by_severity.entry(rule.recommendation().severity).or_default().add(count.state, count.count);
        }
    }
    (all, by_severity)
}

/// Highest memory that this process held (`VmHWM`), where the operating system tells.
fn peak_resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kibibytes| kibibytes * BYTES_PER_KIB)
}
