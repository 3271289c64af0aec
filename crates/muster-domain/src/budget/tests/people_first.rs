//! Who waits at a screen is served while workers ask without end.

use super::scenario::{Outcome, Scenario};
use super::simulation::run;
use crate::budget::ConsumptionClass;

/// One caller is a person's: a call every two seconds while she looks at the screen, fifteen are workers'.
fn with_a_person(window_seconds: u64, guess: f64, seed: u64) -> Outcome {
    run(Scenario {
        class: |worker, _| {
            if worker == 0 { ConsumptionClass::Interactive } else { ConsumptionClass::Background }
        },
        thinking_ms: |worker| if worker == 0 { 2000.0 } else { 0.0 },
        windows: 10.0,
        seed,
        ..Scenario::new(window_seconds, guess)
    })
}

#[test]
fn a_person_waits_less_than_two_seconds_for_leave() {
    for (seed, guess) in (1..).zip([0.014, 0.14, 1.4]) {
        let outcome = with_a_person(300, guess, seed);
        let mut waits = outcome.interactive_waits_ms.clone();
        waits.sort_by(f64::total_cmp);
        assert!(waits.len() > 500, "only {} calls of the person were measured", waits.len());
        let p99 = waits[waits.len() * 99 / 100];
        assert!(p99 < 2000.0, "guess {guess}: p99 {p99} ms, longest {} ms", waits[waits.len() - 1]);
        assert!(outcome.highest_tstu <= 190.0, "{}", outcome.highest_tstu);
        assert!(outcome.mean_own_tstu >= 0.95 * 180.0, "{}", outcome.mean_own_tstu);
        assert_eq!(outcome.throttled_ever, 0);
    }
}

/// What a person takes beyond the share is taken from workers, not from the limit.
#[test]
fn workers_give_way_to_people_who_ask_much() {
    let outcome = run(Scenario {
        class: |worker, _| {
            if worker < 3 { ConsumptionClass::Interactive } else { ConsumptionClass::Background }
        },
        thinking_ms: |worker| if worker < 3 { 1000.0 } else { 0.0 },
        windows: 10.0,
        ..Scenario::new(300, 0.14)
    });
    // Three people with a call a second each use 117 TSTU of every window.
    let mut waits = outcome.interactive_waits_ms.clone();
    waits.sort_by(f64::total_cmp);
    assert!(waits.len() > 4000, "{}", waits.len());
    assert!(waits[waits.len() * 99 / 100] < 2000.0, "{}", waits[waits.len() * 99 / 100]);
    assert!(outcome.highest_tstu <= 190.0, "{}", outcome.highest_tstu);
}
