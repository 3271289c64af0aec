//! Single steps of the budget.

use crate::IdentityKey;
use crate::backoff::LONGEST_PAUSE;
use crate::budget::{
    BudgetSettings, BudgetState, ConsumptionClass, Grant, NoRoom, NoRoomReason, ThrottleSignals,
};
use crate::read::Read;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

const BACKGROUND: ConsumptionClass = ConsumptionClass::Background;
const INTERACTIVE: ConsumptionClass = ConsumptionClass::Interactive;

fn at(seconds: f64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_800_000_000_000 + (seconds * 1000.0) as i64).expect("in range")
}

fn ask(state: &mut BudgetState, read: Read, class: ConsumptionClass, seconds: f64) -> Result<Grant, NoRoom> {
    let identity = IdentityKey::subject("msa.synthetic");
    state.reserve(&BudgetSettings::default(), &identity, read, class, at(seconds))
}

fn answer(
    state: &mut BudgetState,
    grant: &Grant,
    signals: ThrottleSignals,
    seconds: f64,
) -> Option<DateTime<Utc>> {
    state.settle(&BudgetSettings::default(), grant, Some(signals), at(seconds)).pause_began
}

fn told(used_tstu: f64) -> ThrottleSignals {
    ThrottleSignals { limit_tstu: Some(200.0), remaining_tstu: Some(200.0 - used_tstu), ..Default::default() }
}

fn spent(state: &BudgetState, seconds: f64) -> f64 {
    state.view(&BudgetSettings::default(), at(seconds)).spent_tstu
}

/// A budget that was told, two windows ago, what a call costs, and is empty.
fn learned(cost_tstu: f64) -> BudgetState {
    let mut state = BudgetState::new();
    for call in 1..=100 {
        let grant = ask(&mut state, Read::Projects, INTERACTIVE, -700.0).expect("room");
        let signals = if cost_tstu * f64::from(call) >= 100.0 {
            told(cost_tstu * f64::from(call))
        } else {
            ThrottleSignals::default()
        };
        answer(&mut state, &grant, signals, -700.0);
    }
    let _ = ask(&mut state, Read::Projects, BACKGROUND, -1.0)
        .map(|grant| state.settle(&BudgetSettings::default(), &grant, None, at(-1.0)));
    state
}

#[test]
fn an_unused_budget_takes_next_to_no_room_and_survives_storage() {
    let state = BudgetState::new();
    let row = serde_json::to_string(&state).expect("written");
    assert!(row.len() < 200, "{row}");
    assert_eq!(serde_json::from_str::<BudgetState>(&row).expect("read"), state);
}

#[test]
fn a_row_that_is_damaged_is_refused() {
    let mut state = BudgetState::new();
    ask(&mut state, Read::Projects, BACKGROUND, 0.0).expect("room");
    let row = serde_json::to_value(&state).expect("written");
    for (field, value) in [("doubt", "A"), ("reads", ""), ("slotMs", "")] {
        let mut damaged = row.clone();
        damaged[field] = value.into();
        assert!(serde_json::from_value::<BudgetState>(damaged).is_err(), "{field}");
    }
}

#[test]
fn counts_of_a_newer_version_are_kept_and_valued() {
    let mut state = BudgetState::new();
    let grant = ask(&mut state, Read::Projects, BACKGROUND, 0.0).expect("room");
    answer(&mut state, &grant, ThrottleSignals::default(), 0.1);
    let row = serde_json::to_string(&state).expect("written").replace("\"projects\"", "\"readOfTomorrow\"");
    let mut older: BudgetState = serde_json::from_str(&row).expect("read");
    assert!((spent(&older, 0.2) - 0.1).abs() < 1e-6, "{}", spent(&older, 0.2));
    ask(&mut older, Read::Projects, BACKGROUND, 0.3).expect("room");
    assert!(serde_json::to_string(&older).expect("written").contains("readOfTomorrow"));
}

#[test]
fn a_refusal_says_when_enough_will_have_left() {
    let mut state = learned(1.0);
    // Two calls of 1 TSTU in each slot of 2 s fill the window before its oldest call leaves: that of second -1, whose
    // slot is the 151st before the one that begins at second 300.
    for step in 0..290 {
        let seconds = f64::from(step) + 0.5;
        match ask(&mut state, Read::Projects, INTERACTIVE, seconds) {
            Ok(grant) => {
                state.settle(&BudgetSettings::default(), &grant, None, at(seconds));
            }
            Err(no_room) => {
                assert!(step > 150, "the window is full after {step} calls");
                assert_eq!(no_room, NoRoom { retry_at: at(300.0), reason: NoRoomReason::WindowFull });
                assert!(
                    ask(&mut state, Read::Projects, INTERACTIVE, 299.9).is_err(),
                    "too early by a moment"
                );
                assert!(ask(&mut state, Read::Projects, INTERACTIVE, 300.0).is_ok());
                return;
            }
        }
    }
    panic!("the window never filled");
}

#[test]
fn a_pause_holds_for_everybody_and_is_announced_once() {
    let mut state = BudgetState::new();
    let first = ask(&mut state, Read::Projects, BACKGROUND, 0.0).expect("room");
    let second = ask(&mut state, Read::Projects, BACKGROUND, 0.0).expect("room");
    let wait = ThrottleSignals { retry_after: Some(Duration::from_secs(30)), ..told(201.0) };
    assert_eq!(answer(&mut state, &first, wait, 1.0), Some(at(31.0)));
    assert_eq!(answer(&mut state, &second, wait, 2.0), None);
    for class in [BACKGROUND, INTERACTIVE] {
        let refused = ask(&mut state, Read::Projects, class, 3.0).expect_err("paused");
        assert_eq!(refused, NoRoom { retry_at: at(32.0), reason: NoRoomReason::ServicePause });
    }
    assert_eq!(state.view(&BudgetSettings::default(), at(3.0)).throttled_count, 2);
    let lasting =
        ThrottleSignals { retry_after: Some(Duration::from_secs(10_000_000)), ..Default::default() };
    answer(&mut state, &first, lasting, 3.0);
    assert_eq!(state.blocked_until(), Some(at(3.0) + LONGEST_PAUSE));
}

#[test]
fn a_flagged_answer_without_a_time_only_corrects_the_count() {
    let mut state = BudgetState::new();
    let grant = ask(&mut state, Read::Projects, BACKGROUND, 0.0).expect("room");
    assert_eq!(answer(&mut state, &grant, told(120.0), 0.1), None);
    assert_eq!(state.blocked_until(), None);
    assert!((spent(&state, 0.1) - 120.0).abs() < 1.0, "{}", spent(&state, 0.1));
}

#[test]
fn nonsense_in_headers_is_not_believed() {
    let mut state = BudgetState::new();
    for (limit, remaining) in [(f64::NAN, f64::NAN), (0.0, f64::INFINITY), (-5.0, 1e300), (1e12, -1e300)] {
        let grant = ask(&mut state, Read::Projects, BACKGROUND, 0.0).expect("room");
        let signals = ThrottleSignals {
            limit_tstu: Some(limit),
            remaining_tstu: Some(remaining),
            ..Default::default()
        };
        answer(&mut state, &grant, signals, 0.1);
        let view = state.view(&BudgetSettings::default(), at(0.1));
        assert!(view.spent_tstu.is_finite() && view.limit_tstu == 200.0, "{view:?}");
        state = serde_json::from_str(&serde_json::to_string(&state).expect("written")).expect("read");
        if remaining < 0.0 {
            assert!(view.spent_tstu >= 199.0, "nothing remains: {}", view.spent_tstu);
        }
    }
}

#[test]
fn a_second_settlement_changes_no_count() {
    let mut state = BudgetState::new();
    let grant = ask(&mut state, Read::Projects, BACKGROUND, 0.0).expect("room");
    for _ in 0..3 {
        state.settle(&BudgetSettings::default(), &grant, None, at(0.2));
    }
    let view = state.view(&BudgetSettings::default(), at(0.3));
    assert_eq!((view.calls_in_window[&Read::Projects], view.in_flight), (1, 0));
}

#[test]
fn a_late_answer_is_booked_when_it_came() {
    let mut state = BudgetState::new();
    let grant = ask(&mut state, Read::Projects, BACKGROUND, 0.0).expect("room");
    answer(&mut state, &grant, ThrottleSignals::default(), 60.0);
    let calls =
        |seconds| state.view(&BudgetSettings::default(), at(seconds)).calls_in_window[&Read::Projects];
    assert_eq!(calls(361.9), 1, "it may have been counted at 60 s");
    assert_eq!(calls(362.0), 0);
}

#[test]
fn a_grant_that_is_never_given_back_counts_until_it_has_left() {
    let mut state = BudgetState::new();
    ask(&mut state, Read::Projects, BACKGROUND, 0.0).expect("room");
    let view = |seconds| state.view(&BudgetSettings::default(), at(seconds));
    assert_eq!((view(110.0).in_flight, view(110.0).calls_in_window[&Read::Projects]), (1, 1));
    assert_eq!((view(130.0).in_flight, view(130.0).calls_in_window[&Read::Projects]), (0, 1));
    assert_eq!(view(400.0).calls_in_window[&Read::Projects], 0);
}

#[test]
fn other_settings_of_the_window_keep_what_is_counted() {
    let mut state = BudgetState::new();
    for second in 0..10 {
        let grant = ask(&mut state, Read::Projects, BACKGROUND, f64::from(second)).expect("room");
        answer(&mut state, &grant, ThrottleSignals::default(), f64::from(second) + 0.1);
    }
    let finer = BudgetSettings { slots_per_window: 300, ..BudgetSettings::default() };
    let longer = BudgetSettings { window: Duration::from_secs(600), ..BudgetSettings::default() };
    for settings in [finer, longer] {
        let view = state.view(&settings, at(10.0));
        assert_eq!(view.calls_in_window[&Read::Projects], 10, "{settings:?}");
        let identity = IdentityKey::subject("msa.synthetic");
        let mut state = state.clone();
        state.reserve(&settings, &identity, Read::Projects, BACKGROUND, at(11.0)).expect("room");
        assert_eq!(state.view(&settings, at(11.0)).calls_in_window[&Read::Projects], 11);
    }
}

#[test]
fn two_budgets_that_are_one_add_up() {
    let mut one = learned(1.0);
    let mut other = BudgetState::new();
    for _ in 0..5 {
        ask(&mut one, Read::Projects, INTERACTIVE, 0.0).expect("room");
        let grant = ask(&mut other, Read::Repositories, INTERACTIVE, 3.0).expect("room");
        answer(&mut other, &grant, ThrottleSignals::default(), 3.0);
    }
    ask(&mut other, Read::Projects, INTERACTIVE, 3.0).expect("room");
    let cost = one.view(&BudgetSettings::default(), at(3.0)).costs[&Read::Projects];
    for mut merged in [merge(&one, &other), merge(&other, &one)] {
        let view = merged.view(&BudgetSettings::default(), at(4.0));
        assert_eq!(view.calls_in_window[&Read::Projects], 7, "5, 1, and the one that made the budget empty");
        assert_eq!(view.calls_in_window[&Read::Repositories], 5);
        assert!(
            (view.costs[&Read::Projects] / cost - 1.0).abs() < 0.01,
            "the better informed costs stay: {view:?}"
        );
        merged.merge(BudgetState::new());
        assert_eq!(merged.view(&BudgetSettings::default(), at(4.0)), view);
    }
}

#[test]
fn the_later_pause_of_two_budgets_holds() {
    let mut one = BudgetState::new();
    let mut other = BudgetState::new();
    for (state, seconds) in [(&mut one, 5), (&mut other, 50)] {
        let grant = ask(state, Read::Projects, BACKGROUND, 0.0).expect("room");
        let wait = ThrottleSignals { retry_after: Some(Duration::from_secs(seconds)), ..Default::default() };
        answer(state, &grant, wait, 0.0);
    }
    assert_eq!(merge(&one, &other).blocked_until(), Some(at(50.0)));
    assert_eq!(merge(&other, &one).blocked_until(), Some(at(50.0)));
}

fn merge(one: &BudgetState, other: &BudgetState) -> BudgetState {
    let mut merged = one.clone();
    merged.merge(other.clone());
    merged
}

#[test]
fn a_new_read_starts_from_its_guess_as_far_as_guesses_were_right() {
    let state = learned(1.0);
    let mut more = state.clone();
    ask(&mut more, Read::Repositories, INTERACTIVE, 0.0).expect("room");
    let view = more.view(&BudgetSettings::default(), at(0.0));
    let scale = view.costs[&Read::Projects] / 0.1;
    assert!((view.costs[&Read::Repositories] - 0.1 * scale).abs() < 1e-9, "{view:?}");
}

#[test]
fn a_clock_that_was_set_back_far_takes_the_pause_along() {
    let mut state = BudgetState::new();
    let grant = ask(&mut state, Read::Projects, BACKGROUND, 7200.0).expect("room");
    let wait = ThrottleSignals { retry_after: Some(Duration::from_secs(30)), ..Default::default() };
    answer(&mut state, &grant, wait, 7200.0);
    let refused = ask(&mut state, Read::Projects, BACKGROUND, 0.0).expect_err("paused");
    assert!(refused.retry_at <= at(0.0) + TimeDelta::seconds(32), "{refused:?}");
}
