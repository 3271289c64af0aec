//! How long an identity keeps still after the service asked for it.

use super::ThrottleSignals;
use crate::backoff::clamp_pause;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// First pause after a refusal that names no time.
const FIRST_UNEXPLAINED: Duration = Duration::from_secs(60);
/// Longest pause after refusals that name no time.
const LONGEST_UNEXPLAINED: Duration = Duration::from_secs(15 * 60);
/// From one such refusal to the next.
const UNEXPLAINED_FACTOR: f64 = 1.5;
/// 60 s · 1.5^7 is beyond 15 min; counting further says nothing.
const MOST_UNEXPLAINED: u32 = 8;

/// Why an identity keeps still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PauseReason {
    /// An answer named a time (`Retry-After`).
    RetryAfter,
    /// An answer was held back (`X-RateLimit-Delay`).
    Delayed,
    /// A call was refused (429), without a time.
    Refused,
}

/// The pause of an identity and what led to it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Pause {
    pub(super) until: Option<DateTime<Utc>>,
    /// Why until then.
    pub(super) reason: Option<PauseReason>,
    /// Consecutive pauses that began with a refusal that named no time.
    pub(super) unexplained: u32,
    /// Answers that were refused or held back, or that asked for a pause.
    pub(super) throttled_count: u64,
}

impl Pause {
    /// The end of the pause, while it lasts.
    pub(super) fn ahead(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.until.filter(|until| *until > now)
    }

    /// Takes an answer in; returns the end of a pause that begins with it.
    pub(super) fn hear(&mut self, signals: &ThrottleSignals, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let running = self.ahead(now).is_some();
        let Some(wait) = self.wait(signals, running) else {
            if !running {
                self.unexplained = 0;
            }
            return None;
        };
        self.throttled_count = self.throttled_count.saturating_add(1);
        let until = now + wait;
        if self.until < Some(until) {
            self.until = Some(until);
            self.reason = Some(match signals {
                ThrottleSignals { retry_after: Some(_), .. } => PauseReason::RetryAfter,
                ThrottleSignals { delay: Some(_), .. } => PauseReason::Delayed,
                _ => PauseReason::Refused,
            });
        }
        (!running).then_some(until)
    }

    /// How long the answer asks to wait. Answers of calls that were under way when the pause began are no new
    /// failures: they do not lengthen the series.
    fn wait(&mut self, signals: &ThrottleSignals, running: bool) -> Option<Duration> {
        if let Some(asked) = signals.retry_after.or(signals.delay) {
            return Some(clamp_pause(asked));
        }
        if !signals.blocked {
            return None;
        }
        if !running {
            self.unexplained = (self.unexplained + 1).min(MOST_UNEXPLAINED);
        }
        let exponent = i32::try_from(self.unexplained.saturating_sub(1)).unwrap_or(0);
        Some(FIRST_UNEXPLAINED.mul_f64(UNEXPLAINED_FACTOR.powi(exponent)).min(LONGEST_UNEXPLAINED))
    }

    /// Of two budgets that are one: the later end, all counts.
    pub(super) fn merge(&mut self, other: Self) {
        if self.until < other.until {
            (self.until, self.reason) = (other.until, other.reason);
        }
        self.unexplained = self.unexplained.max(other.unexplained);
        self.throttled_count = self.throttled_count.saturating_add(other.throttled_count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: ThrottleSignals = ThrottleSignals {
        retry_after: None,
        delay: None,
        limit_tstu: None,
        remaining_tstu: None,
        blocked: true,
    };

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("in range")
    }

    #[test]
    fn a_named_time_is_kept_within_bounds_and_never_shortened() {
        let mut pause = Pause::default();
        let asks = |seconds| ThrottleSignals {
            retry_after: Some(Duration::from_secs(seconds)),
            ..Default::default()
        };
        assert_eq!(pause.hear(&asks(0), at(0)), Some(at(1)));
        assert_eq!(pause.hear(&asks(40), at(10)), Some(at(50)));
        assert_eq!(pause.hear(&asks(5), at(20)), None, "already paused");
        assert_eq!(pause.ahead(at(49)), Some(at(50)));
        assert_eq!(pause.ahead(at(50)), None);
        assert_eq!(pause.hear(&asks(999_999), at(60)), Some(at(60 + 3600)));
        assert_eq!(pause.throttled_count, 4);
    }

    #[test]
    fn a_delay_without_retry_after_pauses_too() {
        let mut pause = Pause::default();
        let held = ThrottleSignals { delay: Some(Duration::from_secs(7)), ..Default::default() };
        assert_eq!(pause.hear(&held, at(0)), Some(at(7)));
    }

    #[test]
    fn refusals_without_a_time_pause_longer_and_longer() {
        let mut pause = Pause::default();
        let mut now = at(0);
        let mut waits = Vec::new();
        for _ in 0..9 {
            let until = pause.hear(&REFUSED, now).expect("a pause begins");
            assert_eq!(pause.hear(&REFUSED, now), None, "calls that were under way do not count");
            waits.push((until - now).num_seconds());
            now = until;
        }
        assert_eq!(waits, [60, 90, 135, 202, 303, 455, 683, 900, 900]);
    }

    #[test]
    fn a_good_answer_ends_the_series_but_not_the_pause() {
        let mut pause = Pause::default();
        pause.hear(&REFUSED, at(0));
        pause.hear(&ThrottleSignals::default(), at(1));
        assert_eq!(pause.unexplained, 1, "it was under way when the pause began");
        assert_eq!(pause.ahead(at(1)), Some(at(60)));
        pause.hear(&ThrottleSignals::default(), at(61));
        assert_eq!(pause.hear(&REFUSED, at(62)), Some(at(122)));
    }
}
