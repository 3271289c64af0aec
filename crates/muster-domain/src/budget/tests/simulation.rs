//! A discrete-event simulation on a virtual clock: processes that call a service which keeps an exact sliding
//! window and throttles in the documented states. For tests only.

use super::scenario::{Outcome, Random, Scenario};
use crate::IdentityKey;
use crate::budget::{ConsumptionClass, Grant, ThrottleSignals};
use crate::read::Read;
use chrono::{DateTime, Utc};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

/// Answers carry headers from this part of the limit on, are held back from the whole of it, refused from this.
const FLAGGED: f64 = 0.5;
const REFUSED: f64 = 1.5;
/// What a held-back or refused answer asks to wait, seconds.
const RETRY_AFTER_SECONDS: u64 = 5;
const MICROSECONDS: f64 = 1e6;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Ask { worker: usize },
    Arrive { call: usize },
    Answer { call: usize },
    Person,
}

struct Call {
    worker: usize,
    grant: Grant,
    signals: ThrottleSignals,
    lost: bool,
}

struct Run {
    scenario: Scenario,
    random: Random,
    now_us: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    calls: Vec<Option<Call>>,
    free: Vec<usize>,
    /// Time, cost, own.
    counted: VecDeque<(u64, f64, bool)>,
    sums: [f64; 2],
    own_since_measuring: f64,
    /// Since when each worker has waited for leave.
    asking_since_us: Vec<Option<u64>>,
    outcome: Outcome,
    identity: IdentityKey,
}

/// Runs a scenario to its end.
pub(super) fn run(scenario: Scenario) -> Outcome {
    let mut run = Run {
        random: Random::new(scenario.seed),
        now_us: 0,
        events: BinaryHeap::new(),
        sequence: 0,
        calls: Vec::new(),
        free: Vec::new(),
        counted: VecDeque::new(),
        sums: [0.0; 2],
        own_since_measuring: 0.0,
        asking_since_us: vec![None; scenario.workers],
        outcome: Outcome {
            pace_tstu: vec![0.0; (scenario.windows * 2.0) as usize + 1],
            ..Outcome::default()
        },
        identity: IdentityKey::subject("msa.synthetic"),
        scenario,
    };
    for worker in 0..run.scenario.workers {
        let after = run.random.between(0.0, 100.0);
        run.schedule_ms(after, Event::Ask { worker });
    }
    run.schedule_ms(1.0, Event::Person);
    run.turn();
    run.finish()
}

impl Run {
    fn turn(&mut self) {
        let end_us = (self.scenario.windows * self.window_us()) as u64;
        while let Some(Reverse((at_us, _, event))) = self.events.pop() {
            if at_us >= end_us {
                return;
            }
            self.now_us = at_us;
            match event {
                Event::Ask { worker } => self.ask(worker),
                Event::Arrive { call } => self.arrive(call),
                Event::Answer { call } => self.answer(call),
                Event::Person => self.person(),
            }
        }
    }

    fn ask(&mut self, worker: usize) {
        let time = self.time();
        let Some(read) = self.choose(time) else {
            let pause = self.window_us() / 1000.0 / 100.0;
            return self.schedule_ms(pause, Event::Ask { worker });
        };
        let (class, now) = ((self.scenario.class)(worker, time), self.database_time());
        let since_us = *self.asking_since_us[worker].get_or_insert(self.now_us);
        let Scenario { settings, .. } = &self.scenario;
        match self.outcome.state.reserve(settings, &self.identity, read, class, now) {
            Ok(grant) => {
                self.asking_since_us[worker] = None;
                if class == ConsumptionClass::Interactive && self.measuring() {
                    self.outcome.interactive_waits_ms.push((self.now_us - since_us) as f64 / 1000.0);
                }
                if self.outcome.state.blocked_until().is_some_and(|until| until > now) {
                    self.outcome.sent_in_pause += 1;
                }
                let lost = self.random.next() < (self.scenario.death)(time);
                let call = self.keep(Call { worker, grant, signals: ThrottleSignals::default(), lost });
                let way_ms = self.half_latency_ms();
                self.schedule_ms(way_ms, Event::Arrive { call });
            }
            Err(no_room) => {
                self.outcome.refusals += 1;
                assert!(no_room.retry_at > now, "a refusal must name a later time");
                let wait_ms = (no_room.retry_at - now).num_microseconds().unwrap_or(0) as f64 / 1000.0;
                let late_ms = self.random.between(0.0, 20.0);
                self.schedule_ms(wait_ms + late_ms, Event::Ask { worker });
            }
        }
    }

    fn arrive(&mut self, index: usize) {
        let time = self.time();
        self.forget();
        let Some(read) = self.calls[index].as_ref().map(|call| call.grant.read) else { return };
        let limit = self.scenario.limit_tstu;
        let mut signals = ThrottleSignals::default();
        let mut held_ms = 0.0;
        let retry_after = Some(Duration::from_secs(RETRY_AFTER_SECONDS));
        if self.sums[0] + self.sums[1] >= REFUSED * limit {
            signals = ThrottleSignals { blocked: true, retry_after, ..signals };
        } else {
            self.count((self.scenario.cost)(read, time), true);
        }
        let used = self.sums[0] + self.sums[1];
        if used >= FLAGGED * limit && !(self.scenario.silent)(read) {
            let remaining = (limit - used).max(0.0);
            let remaining = if self.scenario.whole_units { remaining.round() } else { remaining };
            signals.limit_tstu = Some(limit);
            signals.remaining_tstu = Some(remaining);
            self.outcome.first_header.get_or_insert(time);
        }
        if used >= limit {
            held_ms = 500.0;
            let delay = Some(Duration::from_millis(500));
            signals = ThrottleSignals { retry_after, delay, ..signals };
            self.outcome.throttled_ever += 1;
            self.outcome.throttled += u32::from(self.measuring());
        }
        if let Some(call) = self.calls[index].as_mut() {
            call.signals = signals;
        }
        let way_ms = self.half_latency_ms() + held_ms;
        self.schedule_ms(way_ms, Event::Answer { call: index });
    }

    fn answer(&mut self, index: usize) {
        let Some(call) = self.calls[index].take() else { return };
        self.free.push(index);
        if !call.lost {
            let now = self.database_time();
            let state = &mut self.outcome.state;
            let effect = state.settle(&self.scenario.settings, &call.grant, Some(call.signals), now);
            self.outcome.pauses += u32::from(effect.pause_began.is_some());
        }
        if self.outcome.calls.is_multiple_of(97) {
            self.store_and_load();
        }
        self.outcome.calls += 1;
        // A process that died is started again after a while.
        let thinking_ms = (self.scenario.thinking_ms)(call.worker);
        let after_ms = if call.lost { 2000.0 } else { thinking_ms + self.random.between(0.0, 2.0) };
        self.schedule_ms(after_ms, Event::Ask { worker: call.worker });
    }

    /// The person works evenly, a hundred small actions in a window.
    fn person(&mut self) {
        self.forget();
        let cost = (self.scenario.person)(self.time()) / 100.0;
        if cost > 0.0 {
            self.count(cost, false);
        }
        let pause = self.window_us() / 1000.0 / 100.0;
        self.schedule_ms(pause, Event::Person);
    }

    fn count(&mut self, cost: f64, own: bool) {
        self.counted.push_back((self.now_us, cost, own));
        self.sums[usize::from(own)] += cost;
        let used = self.sums[0] + self.sums[1];
        let outcome = &mut self.outcome;
        outcome.highest_ever_tstu = outcome.highest_ever_tstu.max(used);
        if own {
            let half_window = (self.scenario.settings.window.as_secs_f64() * MICROSECONDS / 2.0) as u64;
            outcome.pace_tstu[(self.now_us / half_window) as usize] += 2.0 * cost;
        }
        if self.measuring() {
            self.outcome.highest_tstu = self.outcome.highest_tstu.max(used);
            self.outcome.highest_own_tstu = self.outcome.highest_own_tstu.max(self.sums[1]);
            self.own_since_measuring += if own { cost } else { 0.0 };
        }
    }

    fn forget(&mut self) {
        let window = self.window_us() as u64;
        while let Some((at_us, cost, own)) = self.counted.front().copied() {
            if at_us + window > self.now_us {
                break;
            }
            self.counted.pop_front();
            self.sums[usize::from(own)] -= cost;
        }
    }

    fn store_and_load(&mut self) {
        let row = serde_json::to_string(&self.outcome.state).expect("a state can be written");
        self.outcome.largest_row_bytes = self.outcome.largest_row_bytes.max(row.len());
        self.outcome.state = serde_json::from_str(&row).expect("a state can be read");
    }

    fn finish(mut self) -> Outcome {
        let begin = self.outcome.first_header.map_or(f64::INFINITY, |time| time + 2.0);
        self.outcome.mean_own_tstu = self.own_since_measuring / (self.scenario.windows - begin);
        self.store_and_load();
        self.outcome.end = self.database_time();
        self.outcome
    }

    fn measuring(&self) -> bool {
        self.outcome.first_header.is_some_and(|first| self.time() >= first + 2.0)
    }

    fn choose(&mut self, time: f64) -> Option<Read> {
        let mix = self.scenario.mix;
        let total: f64 = Read::ALL.iter().map(|read| mix(*read, time)).sum();
        let mut point = self.random.next() * total;
        Read::ALL.into_iter().find(|read| {
            point -= mix(*read, time);
            total > 0.0 && point < 0.0
        })
    }

    fn keep(&mut self, call: Call) -> usize {
        let index = self.free.pop().unwrap_or_else(|| {
            self.calls.push(None);
            self.calls.len() - 1
        });
        self.calls[index] = Some(call);
        index
    }

    fn half_latency_ms(&mut self) -> f64 {
        let (low, high) = self.scenario.latency_ms;
        self.random.between(low, high) / 2.0
    }

    fn window_us(&self) -> f64 {
        self.scenario.settings.window.as_secs_f64() * MICROSECONDS
    }

    fn time(&self) -> f64 {
        self.now_us as f64 / self.window_us()
    }

    fn database_time(&self) -> DateTime<Utc> {
        let error_us = ((self.scenario.clock_error)(self.time()) * MICROSECONDS) as i64;
        DateTime::from_timestamp_micros(1_800_000_000_000_000 + self.now_us as i64 + error_us)
            .expect("in range")
    }

    fn schedule_ms(&mut self, after_ms: f64, event: Event) {
        self.sequence += 1;
        let at_us = self.now_us + (after_ms * 1000.0) as u64;
        self.events.push(Reverse((at_us, self.sequence, event)));
    }
}
