//! The two bounds of the budget, from two windows after the first header: never above the share, never below 95 % of
//! it, wherever the guess began. Four processes with four calls each ask without end.

use super::scenario::{LARGEST_ROW_BYTES, Outcome, Scenario, field_cost};
use super::simulation::run;
use crate::budget::ConsumptionClass;
use crate::read::Read;

const GUESSES: [f64; 5] = [0.1, 0.3, 1.0, 3.0, 10.0];
const SHARE_TSTU: f64 = 180.0;
/// Mean of the true costs.
const MEAN_COST: f64 = 0.14;
/// In shortened windows all calls are dearer by this, so that sixteen callers can spend the share at all.
const SHORT_COST: f64 = 2.5;

fn scenario(window_seconds: u64, times_truth: f64, seed: u64) -> Scenario {
    let long = window_seconds >= 300;
    let cost: fn(Read, f64) -> f64 =
        if long { field_cost } else { |read, _| SHORT_COST * field_cost(read, 0.0) };
    let mean = if long { MEAN_COST } else { SHORT_COST * MEAN_COST };
    Scenario { cost, seed, windows: 8.0, ..Scenario::new(window_seconds, mean * times_truth) }
}

fn hold_both_bounds(name: &str, make: impl Fn(f64, u64) -> Scenario) {
    for (seed, guess) in (1..).zip(GUESSES) {
        let outcome = run(make(guess, seed));
        let Outcome { highest_tstu, mean_own_tstu, .. } = outcome;
        let said = format!(
            "{name}, guess {guess} times the truth: highest {highest_tstu:.2}, mean {mean_own_tstu:.2} TSTU"
        );
        assert!(
            outcome.first_header.is_some_and(|first| first < 1.0),
            "{said}: no header in the first window"
        );
        assert!(highest_tstu <= SHARE_TSTU, "{said}: above the share");
        assert!(mean_own_tstu >= 0.95 * SHARE_TSTU, "{said}: below 95 % of the share");
        assert_eq!(outcome.throttled_ever, 0, "{said}: held back or refused");
        assert!(
            outcome.largest_row_bytes < LARGEST_ROW_BYTES,
            "{said}: a row of {} bytes",
            outcome.largest_row_bytes
        );
        assert_eq!(outcome.pauses, 0, "{said}");
    }
}

/// Nearly all calls are cheap, some are six times dearer.
fn skewed(read: Read, _: f64) -> f64 {
    match read {
        Read::ConnectionData => 20.0,
        Read::Repositories => 1.0,
        _ => 0.5,
    }
}

/// One read at a time, each for 1.3 windows: the mean cost of a call jumps by up to six times.
fn shifting(read: Read, time: f64) -> f64 {
    let turn = (time / 1.3) as usize % Read::ALL.len();
    if Read::ALL[turn] == read { 1.0 } else { 0.0 }
}

/// Only cheap calls until half of the run, then only the dearest.
fn turning(read: Read, time: f64) -> f64 {
    let dear = matches!(read, Read::Repositories | Read::BuildDefinitions);
    let cheap = matches!(read, Read::ConnectionData | Read::Profile);
    if (time < 4.0 && cheap) || (time >= 4.0 && dear) { 1.0 } else { 0.0 }
}

#[test]
fn all_reads_alike_in_five_minutes() {
    hold_both_bounds("even, 300 s", |guess, seed| scenario(300, guess, seed));
}

#[test]
fn all_reads_alike_in_short_windows() {
    hold_both_bounds("even, 30 s", |guess, seed| scenario(30, guess, seed));
    hold_both_bounds("even, 12 s", |guess, seed| scenario(12, guess, seed));
}

#[test]
fn a_skewed_mix() {
    for window in [300, 30, 12] {
        let name = format!("skewed, {window} s");
        hold_both_bounds(&name, |guess, seed| Scenario { mix: skewed, ..scenario(window, guess, seed) });
    }
}

#[test]
fn a_mix_that_changes_all_the_time() {
    for window in [300, 30, 12] {
        let name = format!("shifting, {window} s");
        hold_both_bounds(&name, |guess, seed| Scenario { mix: shifting, ..scenario(window, guess, seed) });
    }
}

#[test]
fn a_mix_that_turns_from_the_cheapest_to_the_dearest() {
    for window in [300, 30, 12] {
        let name = format!("turning, {window} s");
        hold_both_bounds(&name, |guess, seed| Scenario { mix: turning, ..scenario(window, guess, seed) });
    }
}

#[test]
fn headers_in_whole_units() {
    for window in [300, 12] {
        let name = format!("whole units, {window} s");
        hold_both_bounds(&name, |guess, seed| Scenario {
            whole_units: true,
            ..scenario(window, guess, seed)
        });
    }
}

#[test]
fn a_limit_that_differs_from_the_documented_one() {
    for limit_tstu in [120.0, 400.0] {
        let outcome = run(Scenario { limit_tstu, ..scenario(30, 1.0, 3) });
        assert!(outcome.highest_tstu <= 0.9 * limit_tstu, "{} of {limit_tstu}", outcome.highest_tstu);
        assert!(
            outcome.mean_own_tstu >= 0.95 * 0.9 * limit_tstu,
            "{} of {limit_tstu}",
            outcome.mean_own_tstu
        );
    }
}

#[test]
fn people_who_wait_may_go_on_to_95_percent_of_the_limit() {
    let some_wait = |worker: usize, _: f64| {
        if worker < 4 { ConsumptionClass::Interactive } else { ConsumptionClass::Background }
    };
    for (window, guess) in [(300, 1.0), (300, 10.0), (30, 0.1), (12, 1.0)] {
        let outcome = run(Scenario { class: some_wait, ..scenario(window, guess, 5) });
        assert!(outcome.highest_tstu <= 190.0, "{window} s: {} TSTU", outcome.highest_tstu);
        assert!(
            outcome.highest_tstu > SHARE_TSTU,
            "{window} s: interactive calls did not go beyond the share"
        );
        assert_eq!(outcome.throttled_ever, 0);
    }
}

#[test]
fn spending_is_even_so_that_others_find_room_at_any_time() {
    let outcome = run(scenario(300, 1.0, 1));
    let halves = &outcome.pace_tstu[8..15];
    let least = halves.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(least >= 0.85 * SHARE_TSTU, "{halves:?}");
}

#[test]
fn costs_come_out_as_they_are() {
    let outcome = run(Scenario { windows: 60.0, ..scenario(300, 10.0, 1) });
    let settings = Scenario::new(300, MEAN_COST).settings;
    let view = outcome.state.view(&settings, outcome.end);
    for (read, learned) in view.costs {
        let truth = field_cost(read, 0.0);
        assert!((learned - truth).abs() < 0.03, "{read}: {learned} instead of {truth}");
    }
    assert!(view.foreign_tstu < 2.0, "nobody else is there: {}", view.foreign_tstu);
}

/// Every fifth read is asked for three times as often, another fifth seven times in a window.
fn wandering(read: Read, time: f64) -> f64 {
    let turn = (time * 7.0) as usize;
    let index = Read::ALL.iter().position(|other| *other == read).unwrap_or(0);
    if (index + turn).is_multiple_of(5) { 3.0 } else { 1.0 }
}

/// Only 200 calls fill the share of the window, and 32 callers wait for its next free place at the same moment.
#[test]
fn few_dear_calls_and_many_callers_in_a_short_window() {
    for (latency_ms, workers) in [((5.0, 60.0), 32), ((5.0, 400.0), 32), ((5.0, 60.0), 12)] {
        for seed in 1..=10 {
            let outcome = run(Scenario {
                cost: |_, _| 0.9,
                mix: wandering,
                workers,
                latency_ms,
                seed,
                windows: 8.0,
                ..Scenario::new(20, 0.9)
            });
            let Outcome { highest_tstu, mean_own_tstu, .. } = outcome;
            let said = format!(
                "{workers} callers, {latency_ms:?} ms, seed {seed}: {highest_tstu:.1}, mean {mean_own_tstu:.1}"
            );
            assert!(highest_tstu <= SHARE_TSTU, "{said}: above the share");
            assert!(mean_own_tstu >= 0.95 * SHARE_TSTU, "{said}: below 95 % of the share");
        }
    }
}
