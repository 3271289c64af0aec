//! What a full pass costs: calls by read, TSTU, minutes at the share.

use crate::output::Row;
use muster_domain::budget::{BudgetSettings, BudgetView, ConsumptionClass};
use muster_domain::read::{Read, ReadScope};
use serde::Serialize;
use std::collections::BTreeSet;

/// Calls per project of a pass at most, beside pages: one for each setting that is read.
const CALLS_PER_PROJECT: u64 = 10;
/// Calls per organization of a pass at most, beside pages.
const CALLS_PER_ORGANIZATION: u64 = 12;

/// How large an organization is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Size {
    pub(crate) organization: String,
    pub(crate) projects: u64,
    /// Absent where they were not counted: they change no number of calls.
    pub(crate) repositories: Option<u64>,
}

/// What calls cost, and what there is to spend.
pub(crate) struct Prices {
    pub(crate) settings: BudgetSettings,
    /// The budget of the identity; absent until it made its first call.
    pub(crate) budget: Option<BudgetView>,
}

impl Prices {
    /// Cost of one call, and whether it was learnt.
    fn of(&self, read: Read) -> (f64, bool) {
        match self.budget.as_ref().and_then(|budget| budget.costs.get(&read)) {
            Some(cost) => (*cost, true),
            None => (self.settings.guess(read), false),
        }
    }

    fn limit_tstu(&self) -> f64 {
        self.budget.as_ref().map_or(self.settings.default_limit_tstu, |budget| budget.limit_tstu)
    }

    fn share_tstu(&self) -> f64 {
        match &self.budget {
            Some(budget) => budget.share_tstu,
            None => self.settings.cap_tstu(ConsumptionClass::Background, self.limit_tstu()),
        }
    }
}

/// The calls of one read in a pass.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    pub(crate) read: Read,
    pub(crate) calls: u64,
    pub(crate) tstu_per_call: f64,
    /// Learnt from the answers of Azure DevOps; otherwise the configured guess.
    pub(crate) is_learnt: bool,
    pub(crate) tstu: f64,
}

/// What a pass over some organizations costs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Estimate {
    pub(crate) organizations: Vec<Size>,
    pub(crate) calls: u64,
    /// `10·P + 12` for each organization: a pass never makes more calls, beside pages.
    pub(crate) bound_calls: u64,
    pub(crate) bound: &'static str,
    pub(crate) tstu: f64,
    pub(crate) limit_tstu: f64,
    pub(crate) share_tstu: f64,
    pub(crate) window_seconds: f64,
    /// How long the pass takes where nothing but the consumption limit holds it up.
    pub(crate) minutes: f64,
    pub(crate) by_read: Vec<Line>,
}

/// The reads of a pass: what discovery and inventory need, and what rules declare; without those that are switched off.
pub(crate) fn reads_of_a_pass(switched_off: &BTreeSet<Read>) -> BTreeSet<Read> {
    let mut reads: BTreeSet<Read> = [Read::ConnectionData, Read::Projects, Read::Repositories].into();
    reads.extend(muster_discovery::INVENTORY_READS);
    reads.extend(muster_sync::INVENTORY_READS);
    reads.extend(muster_rules::required_reads());
    reads.retain(|read| {
        matches!(read.scope(), ReadScope::Organization | ReadScope::Project) && !switched_off.contains(read)
    });
    // Only where repositories are missing.
    reads.remove(&Read::DeletedRepositories);
    reads
}

impl Estimate {
    pub(crate) fn of(reads: &BTreeSet<Read>, organizations: Vec<Size>, prices: &Prices) -> Self {
        let count = organizations.len() as u64;
        let projects: u64 = organizations.iter().map(|size| size.projects).sum();
        let by_read: Vec<Line> = reads
            .iter()
            .map(|read| {
                let calls = match read.scope() {
                    ReadScope::Organization => count,
                    ReadScope::Project => projects,
                    ReadScope::Credential | ReadScope::Resource => 0,
                };
                let (tstu_per_call, is_learnt) = prices.of(*read);
                Line { read: *read, calls, tstu_per_call, is_learnt, tstu: tstu_per_call * to_float(calls) }
            })
            .collect();
        let tstu: f64 = by_read.iter().map(|line| line.tstu).sum();
        let window_seconds = prices.settings.window.as_secs_f64();
        let share_tstu = prices.share_tstu();
        Self {
            organizations,
            calls: by_read.iter().map(|line| line.calls).sum(),
            bound_calls: CALLS_PER_PROJECT * projects + CALLS_PER_ORGANIZATION * count,
            bound: "10·P + 12 per organization, plus pages",
            tstu,
            limit_tstu: prices.limit_tstu(),
            share_tstu,
            window_seconds,
            minutes: if share_tstu > 0.0 { tstu / share_tstu * window_seconds / 60.0 } else { 0.0 },
            by_read,
        }
    }

    /// For people, in one line.
    pub(crate) fn text(&self) -> String {
        let learnt = self.by_read.iter().filter(|line| line.is_learnt).count();
        format!(
            "{} calls (at most {} = {}), {:.1} TSTU ({learnt} of {} costs learnt, the others guessed), about {:.1} \
             minutes at the share of {:.0} TSTU in {:.0} s",
            self.calls,
            self.bound_calls,
            self.bound,
            self.tstu,
            self.by_read.len(),
            self.minutes,
            self.share_tstu,
            self.window_seconds
        )
    }
}

/// Calls as a factor: far below what a float holds exactly.
fn to_float(calls: u64) -> f64 {
    f64::from(u32::try_from(calls).unwrap_or(u32::MAX))
}

impl Row for Line {
    const COLUMNS: &'static [&'static str] = &["read", "calls", "tstu per call", "from", "tstu"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.read.to_string(),
            self.calls.to_string(),
            format!("{:.3}", self.tstu_per_call),
            if self.is_learnt { "learnt" } else { "guess" }.to_owned(),
            format!("{:.2}", self.tstu),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn prices(costs: &[(Read, f64)]) -> Prices {
        let budget = (!costs.is_empty()).then(|| BudgetView {
            limit_tstu: 200.0,
            share_tstu: 100.0,
            spent_tstu: 0.0,
            foreign_tstu: 0.0,
            remaining_told: None,
            remaining_told_at: None,
            blocked_until: None,
            blocked_reason: None,
            costs: costs.iter().copied().collect(),
            calls_in_window: BTreeMap::new(),
            in_flight: 0,
            throttled_count: 0,
        });
        Prices { settings: BudgetSettings::default(), budget }
    }

    fn size(projects: u64) -> Size {
        Size { organization: "contoso".to_owned(), projects, repositories: None }
    }

    #[test]
    fn a_pass_stays_within_its_bound_whatever_the_size() {
        let reads = reads_of_a_pass(&BTreeSet::new());
        for projects in [0, 1, 40, 10_000] {
            let estimate = Estimate::of(&reads, vec![size(projects), size(1)], &prices(&[]));
            assert!(estimate.calls <= estimate.bound_calls, "{estimate:?}");
        }
    }

    #[test]
    fn learnt_costs_come_before_guesses_and_are_marked() {
        let reads = BTreeSet::from([Read::Projects, Read::GeneralSettings]);
        let estimate = Estimate::of(&reads, vec![size(10)], &prices(&[(Read::GeneralSettings, 2.0)]));
        let line = |read| estimate.by_read.iter().find(|line| line.read == read).unwrap();
        assert!(line(Read::GeneralSettings).is_learnt && !line(Read::Projects).is_learnt);
        assert!((estimate.tstu - 20.1).abs() < 1e-9, "{}", estimate.tstu);
        // 20.1 of 100 TSTU in 5 minutes.
        assert!((estimate.minutes - 1.005).abs() < 1e-9, "{}", estimate.minutes);
        assert!(estimate.text().contains("1 of 2 costs learnt"), "{}", estimate.text());
    }

    #[test]
    fn what_is_switched_off_costs_nothing() {
        let off = BTreeSet::from([Read::OrganizationPolicies]);
        assert!(!reads_of_a_pass(&off).contains(&Read::OrganizationPolicies));
        assert!(!reads_of_a_pass(&BTreeSet::new()).contains(&Read::PipelinePermissions));
    }
}
