//! What holds whatever happens.

use super::scenario::LARGEST_ROW_BYTES;
use crate::IdentityKey;
use crate::budget::{BudgetSettings, BudgetState, ConsumptionClass, Grant, ThrottleSignals};
use crate::read::Read;
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use std::time::Duration;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// Milliseconds pass; rarely the clock steps back.
    Pass(i64),
    Ask(Read, ConsumptionClass),
    /// The oldest grant is answered.
    Answer(Option<ThrottleSignals>),
    /// The row is written and read.
    Store,
}

fn step() -> impl Strategy<Value = Step> {
    let read = prop::sample::select(Read::ALL.to_vec());
    let class = prop::sample::select(vec![ConsumptionClass::Background, ConsumptionClass::Interactive]);
    prop_oneof![
        3 => (0_i64..4000).prop_map(Step::Pass),
        1 => prop_oneof![Just(-400_000_i64), -3000_i64..0, Just(400_000_i64)].prop_map(Step::Pass),
        10 => (read, class).prop_map(|(read, class)| Step::Ask(read, class)),
        8 => prop::option::weighted(0.9, signals()).prop_map(Step::Answer),
        1 => Just(Step::Store),
    ]
}

fn signals() -> impl Strategy<Value = ThrottleSignals> {
    let tstu = prop::option::of(prop_oneof![0.0..250.0, Just(f64::NAN), Just(-1.0)]);
    let wait = || prop::option::weighted(0.02, (0_u64..20).prop_map(Duration::from_secs));
    (wait(), wait(), tstu, prop::bool::weighted(0.01)).prop_map(
        |(retry_after, delay, remaining_tstu, blocked)| ThrottleSignals {
            retry_after,
            delay,
            limit_tstu: remaining_tstu.map(|_| 200.0),
            remaining_tstu,
            blocked,
        },
    )
}

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_800_000_000_000 + ms).expect("in range")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_grant_never_lets_the_valued_sum_pass_the_cap(steps in prop::collection::vec(step(), 1..400)) {
        let settings = BudgetSettings { default_guess_tstu: 1.5, ..BudgetSettings::default() };
        let identity = IdentityKey::subject("msa.synthetic");
        let mut state = BudgetState::new();
        let mut grants: Vec<Grant> = Vec::new();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Pass(ms) => now += ms,
                Step::Ask(read, class) => match state.reserve(&settings, &identity, read, class, at(now)) {
                    Ok(grant) => {
                        let view = state.view(&settings, at(now));
                        prop_assert!(view.spent_tstu <= settings.cap_tstu(class, view.limit_tstu) + 1e-6, "{:?}", view);
                        prop_assert!(view.blocked_until.is_none(), "granted in a pause");
                        prop_assert_eq!(grant.read, read);
                        grants.push(grant);
                    }
                    Err(no_room) => prop_assert!(no_room.retry_at > at(now), "{:?} at {}", no_room, at(now)),
                },
                Step::Answer(signals) => {
                    if !grants.is_empty() {
                        let grant = grants.remove(0);
                        state.settle(&settings, &grant, signals, at(now));
                    }
                }
                Step::Store => {
                    let row = serde_json::to_string(&state).expect("written");
                    prop_assert!(row.len() < LARGEST_ROW_BYTES, "{} bytes", row.len());
                    state = serde_json::from_str(&row).expect("read");
                }
            }
            let view = state.view(&settings, at(now));
            prop_assert!(view.spent_tstu.is_finite() && view.spent_tstu >= 0.0, "{:?}", view);
            prop_assert!(view.costs.values().all(|cost| (0.001..=50.0).contains(cost)), "{:?}", view.costs);
        }
    }

    /// The upper bound itself, against the definition: every call that a service may have counted in the last window,
    /// at any moment between grant and answer, is held.
    #[test]
    fn no_call_is_forgotten_while_it_can_count(
        calls in prop::collection::vec((0_i64..900_000, 0_i64..90_000), 1..60),
        look in 0_i64..1_300_000,
    ) {
        let settings = BudgetSettings { default_guess_tstu: 0.01, ..BudgetSettings::default() };
        let identity = IdentityKey::subject("msa.synthetic");
        let mut happenings: Vec<(i64, usize, bool)> = calls.iter().enumerate()
            .flat_map(|(call, (granted, took))| [(*granted, call, true), (granted + took, call, false)])
            .filter(|(moment, _, _)| *moment <= look)
            .collect();
        happenings.sort_by_key(|(moment, call, asked)| (*moment, *call, !asked));
        let mut state = BudgetState::new();
        let mut grants = vec![None; calls.len()];
        for (moment, call, asked) in happenings {
            if asked {
                grants[call] = state.reserve(&settings, &identity, Read::Projects, ConsumptionClass::Interactive, at(moment)).ok();
            } else if let Some(grant) = &grants[call] {
                state.settle(&settings, grant, None, at(moment));
            }
        }
        let window = i64::try_from(settings.window.as_millis()).expect("small");
        let may_count = calls.iter().zip(&grants)
            .filter(|((granted, took), grant)| grant.is_some() && *granted <= look && granted + took > look - window)
            .count();
        let held = state.view(&settings, at(look)).calls_in_window.get(&Read::Projects).copied().unwrap_or(0);
        prop_assert!(held as usize >= may_count, "{} held, {} may count", held, may_count);
    }
}
