//! The window of a connector or organization with a share of its own.

use super::scenario::{Random, field_cost};
use crate::IdentityKey;
use crate::budget::{BudgetSettings, BudgetState, ConsumptionClass, Grant, ScopeWindow, ThrottleSignals};
use crate::consumption_control::Share;
use crate::read::Read;
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use std::collections::VecDeque;

const LIMIT_TSTU: f64 = 200.0;
const WINDOW_MS: i64 = 300_000;

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_800_000_000_000 + ms).expect("in range")
}

/// A scope that asks without end beside another one, on a service that counts exactly.
struct Bench {
    settings: BudgetSettings,
    budget: BudgetState,
    scope: ScopeWindow,
    share: Share,
    counted: VecDeque<(i64, f64, bool)>,
    highest_tstu: f64,
    spent_tstu: f64,
    random: Random,
}

impl Bench {
    fn new(share: f64, before_tstu: f64) -> Self {
        let settings = BudgetSettings::default();
        let scope = ScopeWindow::begin(&settings, before_tstu, at(0));
        Self {
            budget: BudgetState::new(),
            scope,
            share: Share::new(share).expect("a share"),
            counted: VecDeque::new(),
            highest_tstu: 0.0,
            spent_tstu: 0.0,
            random: Random::new(7),
            settings,
        }
    }

    fn call(&mut self, now_ms: i64, is_scoped: bool) -> Result<(), DateTime<Utc>> {
        let read = Read::ALL[(self.random.next() * Read::ALL.len() as f64) as usize];
        let now = at(now_ms);
        if is_scoped {
            self.scope.check_room(&self.settings, &mut self.budget, self.share, read, now)?;
        }
        let identity = IdentityKey::subject("msa.synthetic");
        let background = ConsumptionClass::Background;
        let grant = self
            .budget
            .reserve(&self.settings, &identity, read, background, now)
            .map_err(|refused| refused.retry_at)?;
        if is_scoped {
            self.scope.take(&self.settings, &grant, now);
        }
        self.answer(&grant, now_ms, is_scoped);
        Ok(())
    }

    fn answer(&mut self, grant: &Grant, now_ms: i64, is_scoped: bool) {
        let cost = field_cost(grant.read, 0.0);
        while self.counted.front().is_some_and(|(then, _, _)| then + WINDOW_MS <= now_ms) {
            self.counted.pop_front();
        }
        self.counted.push_back((now_ms, cost, is_scoped));
        let sum = |scoped_only: bool| -> f64 {
            self.counted
                .iter()
                .filter(|(_, _, scoped)| *scoped || !scoped_only)
                .map(|(_, cost, _)| cost)
                .sum()
        };
        let (all, scoped) = (sum(false), sum(true));
        // Two windows are for learning.
        if now_ms > 2 * WINDOW_MS {
            self.highest_tstu = self.highest_tstu.max(scoped);
            self.spent_tstu += if is_scoped { cost } else { 0.0 };
        }
        let flagged = all >= LIMIT_TSTU / 2.0;
        let signals = ThrottleSignals {
            limit_tstu: flagged.then_some(LIMIT_TSTU),
            remaining_tstu: flagged.then_some(LIMIT_TSTU - all),
            ..ThrottleSignals::default()
        };
        self.budget.settle(&self.settings, grant, Some(signals), at(now_ms));
        if is_scoped {
            self.scope.settle(&self.settings, grant, at(now_ms));
        }
    }
}

#[test]
fn a_share_bounds_every_window_of_the_scope_and_is_used() {
    for part in [0.1, 0.25, 0.5] {
        let mut bench = Bench::new(part, 0.0);
        let (mut now_ms, windows) = (0, 6);
        while now_ms < windows * WINDOW_MS {
            now_ms += 100;
            let _ = bench.call(now_ms, true);
            // Others on the identity, at an even pace.
            if now_ms % 500 == 0 {
                let _ = bench.call(now_ms + 1, false);
            }
            if now_ms % 30_000 == 0 {
                let row = serde_json::to_string(&bench.scope).expect("written");
                assert!(row.len() < 8 * 1024, "{} bytes", row.len());
                bench.scope = serde_json::from_str(&row).expect("read");
            }
        }
        let cap = part * LIMIT_TSTU;
        let mean = bench.spent_tstu / (windows - 2) as f64;
        assert!(bench.highest_tstu <= cap + 1e-9, "{part}: {} of {cap}", bench.highest_tstu);
        assert!(mean >= 0.85 * cap, "{part}: only {mean} of {cap}");
    }
}

#[test]
fn what_was_spent_before_counts_for_one_window() {
    let mut bench = Bench::new(0.25, 49.9);
    let retry_at = bench.call(1_000, true).expect_err("the share is spent");
    assert!(retry_at > at(1_000) && retry_at <= at(WINDOW_MS));
    assert!(bench.call(WINDOW_MS - 3_000, true).is_err());
    assert!(bench.call(WINDOW_MS + 1, true).is_ok());
}

#[test]
fn the_smallest_share_still_lets_one_call_out() {
    let mut bench = Bench::new(0.0001, 0.0);
    assert!(bench.call(0, true).is_ok());
    let retry_at = bench.call(10, true).expect_err("one call is in the window");
    assert!(retry_at >= at(WINDOW_MS - 2_000), "{retry_at}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes between: a refusal names a later time, what is granted stays under the share by its own costs, and the
    /// row survives being stored.
    #[test]
    fn a_scope_is_never_over_its_share(
        steps in prop::collection::vec((0_i64..20_000, any::<bool>(), any::<bool>()), 1..200),
        part in 0.05_f64..1.0,
    ) {
        let mut bench = Bench::new(part, 0.0);
        let mut now_ms = 0;
        for (pass_ms, is_scoped, store) in steps {
            now_ms += pass_ms;
            if let Err(retry_at) = bench.call(now_ms, is_scoped) {
                prop_assert!(retry_at > at(now_ms));
            }
            if store {
                let row = serde_json::to_string(&bench.scope).expect("written");
                let read: ScopeWindow = serde_json::from_str(&row).expect("read");
                prop_assert_eq!(&read, &bench.scope);
                bench.scope = read;
            }
        }
    }
}
