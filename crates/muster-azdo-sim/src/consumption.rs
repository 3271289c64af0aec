//! The global consumption limit: a true sliding window per identity, and what it makes of a request.

use std::collections::VecDeque;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header::RETRY_AFTER};
use tokio::time::Instant;

use crate::cost::Tstu;

/// From this share of the limit answers carry `X-RateLimit-*` headers.
const FLAGGED_FROM: f64 = 0.5;
/// From this share of the limit requests are blocked.
const BLOCKED_FROM: f64 = 1.5;
/// The least delay of a delayed request, as a share of the longest: "a few milliseconds".
const LEAST_DELAY_SHARE: f64 = 0.001;

/// What one identity spent in the last window, with exact arrival times.
#[derive(Debug)]
pub(crate) struct Window {
    length: Duration,
    arrivals: VecDeque<(Instant, Tstu)>,
    sum: Tstu,
    highest: Tstu,
    spent: Tstu,
}

impl Window {
    pub(crate) fn new(length: Duration) -> Self {
        let nothing = Tstu::default();
        Self { length, arrivals: VecDeque::new(), sum: nothing, highest: nothing, spent: nothing }
    }

    /// Counts a request that arrives now. The highest sum of any window is reached at some arrival, so looking at
    /// each arrival finds it exactly.
    pub(crate) fn arrive(&mut self, now: Instant, cost: Tstu) {
        self.forget_old(now);
        self.arrivals.push_back((now, cost));
        self.sum += cost;
        self.spent += cost;
        self.highest = self.highest.max(self.sum);
    }

    pub(crate) fn sum_at(&mut self, now: Instant) -> Tstu {
        self.forget_old(now);
        self.sum
    }

    pub(crate) fn highest(&self) -> Tstu {
        self.highest
    }

    pub(crate) fn spent(&self) -> Tstu {
        self.spent
    }

    /// Starts the records anew; what the window holds remains spent.
    pub(crate) fn reset_records(&mut self, now: Instant) {
        self.forget_old(now);
        self.highest = self.sum;
        self.spent = Tstu::default();
    }

    /// How long until, without further calls, the sum is below `limit`.
    fn until_below(&self, now: Instant, limit: Tstu) -> Duration {
        let mut sum = self.sum;
        let mut until = now;
        for (arrival, cost) in &self.arrivals {
            if sum < limit {
                break;
            }
            sum -= *cost;
            until = *arrival + self.length;
        }
        until.saturating_duration_since(now)
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some((arrival, cost)) = self.arrivals.front().copied() {
            if now.saturating_duration_since(arrival) < self.length {
                break;
            }
            self.sum -= cost;
            self.arrivals.pop_front();
        }
    }
}

/// The thresholds, equal for every identity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// `None` never throttles.
    pub(crate) limit: Option<Tstu>,
    pub(crate) window: Duration,
    pub(crate) longest_delay: Duration,
}

/// What the service does with a request, given what its identity spent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// Answered, without a word about consumption.
    Normal,
    /// Answered at once, with the numbers.
    Flagged(Numbers),
    /// Answered late, with the numbers and what to do.
    Delayed { numbers: Numbers, delay: Duration, retry_after_seconds: u64 },
    /// Refused.
    Blocked { numbers: Numbers, retry_after_seconds: u64 },
}

/// The numbers of the `X-RateLimit-*` headers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) limit_tstu: f64,
    pub(crate) remaining_tstu: f64,
    /// Until the usage would be back at zero if all consumption stopped now.
    pub(crate) until_zero: Duration,
}

impl Limits {
    /// Judges the request that was counted last.
    pub(crate) fn judge(&self, window: &Window, now: Instant) -> Verdict {
        let Some(limit) = self.limit else { return Verdict::Normal };
        let share = window.sum.as_f64() / limit.as_f64();
        if share < FLAGGED_FROM {
            return Verdict::Normal;
        }
        let remaining = limit.saturating_sub(window.sum);
        let numbers = Numbers {
            limit_tstu: limit.as_f64(),
            remaining_tstu: remaining.as_f64(),
            until_zero: self.window,
        };
        if window.sum < limit {
            return Verdict::Flagged(numbers);
        }
        let retry_after_seconds = whole_seconds_up(window.until_below(now, limit));
        if share >= BLOCKED_FROM {
            return Verdict::Blocked { numbers, retry_after_seconds };
        }
        let excess = (share - 1.0) / (BLOCKED_FROM - 1.0);
        let delay = self.longest_delay.mul_f64(excess.clamp(LEAST_DELAY_SHARE, 1.0));
        Verdict::Delayed { numbers, delay, retry_after_seconds }
    }
}

impl Verdict {
    /// Adds the headers of the state to an answer.
    pub(crate) fn describe(&self, headers: &mut HeaderMap, now_unix_seconds: u64) {
        let (numbers, retry_after_seconds) = match self {
            Self::Normal => return,
            Self::Flagged(numbers) => (numbers, None),
            Self::Delayed { numbers, delay, retry_after_seconds } => {
                let seconds = format!("{:.3}", delay.as_secs_f64());
                insert(headers, HeaderName::from_static("x-ratelimit-delay"), &seconds);
                (numbers, Some(retry_after_seconds))
            }
            Self::Blocked { numbers, retry_after_seconds } => (numbers, Some(retry_after_seconds)),
        };
        if let Some(seconds) = retry_after_seconds {
            insert(headers, RETRY_AFTER, &seconds.to_string());
        }
        let reset = now_unix_seconds + whole_seconds_up(numbers.until_zero);
        insert(headers, HeaderName::from_static("x-ratelimit-resource"), "Core");
        insert(headers, HeaderName::from_static("x-ratelimit-limit"), &amount(numbers.limit_tstu));
        insert(headers, HeaderName::from_static("x-ratelimit-remaining"), &amount(numbers.remaining_tstu));
        insert(headers, HeaderName::from_static("x-ratelimit-reset"), &reset.to_string());
    }
}

/// `Retry-After` speaks whole seconds; to round down would send the client back too early.
fn whole_seconds_up(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

fn amount(tstu: f64) -> String {
    let hundredths = (tstu * 100.0).round() / 100.0;
    hundredths.to_string()
}

fn insert(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn limits() -> Limits {
        Limits { limit: Some(Tstu::from_f64(100.0)), window: seconds(300), longest_delay: seconds(30) }
    }

    /// Spends `tstu` in one request and gives the verdict on it.
    fn spend(window: &mut Window, now: Instant, tstu: f64) -> Verdict {
        window.arrive(now, Tstu::from_f64(tstu));
        limits().judge(window, now)
    }

    #[test]
    fn the_states_follow_each_other_at_50_100_and_150_percent() {
        let start = Instant::now();
        let mut window = Window::new(seconds(300));
        assert_eq!(spend(&mut window, start, 49.9), Verdict::Normal);
        assert!(matches!(spend(&mut window, start, 0.1), Verdict::Flagged(n) if n.remaining_tstu == 50.0));
        assert!(matches!(spend(&mut window, start, 49.9), Verdict::Flagged(_)));
        assert!(
            matches!(spend(&mut window, start, 0.1), Verdict::Delayed { numbers, .. } if numbers.remaining_tstu == 0.0)
        );
        assert!(matches!(spend(&mut window, start, 49.9), Verdict::Delayed { .. }));
        assert!(matches!(spend(&mut window, start, 0.1), Verdict::Blocked { .. }));
    }

    #[test]
    fn the_delay_grows_with_the_excess_up_to_the_longest() {
        let start = Instant::now();
        let mut window = Window::new(seconds(300));
        let delay = |verdict| match verdict {
            Verdict::Delayed { delay, .. } => delay,
            other => panic!("{other:?}"),
        };
        assert_eq!(delay(spend(&mut window, start, 100.0)), Duration::from_millis(30));
        assert_eq!(delay(spend(&mut window, start, 25.0)), seconds(15));
        assert!(delay(spend(&mut window, start, 24.0)) > seconds(29));
    }

    #[test]
    fn a_request_leaves_the_window_exactly_one_length_after_it_came() {
        let start = Instant::now();
        let mut window = Window::new(seconds(300));
        window.arrive(start, Tstu::from_f64(70.0));
        window.arrive(start + seconds(100), Tstu::from_f64(20.0));
        assert_eq!(window.sum_at(start + seconds(300) - Duration::from_nanos(1)), Tstu::from_f64(90.0));
        assert_eq!(window.sum_at(start + seconds(300)), Tstu::from_f64(20.0));
        assert_eq!(window.sum_at(start + seconds(400)), Tstu::default());
        assert_eq!(window.highest(), Tstu::from_f64(90.0));
        assert_eq!(window.spent(), Tstu::from_f64(90.0));
    }

    #[test]
    fn retry_after_is_when_the_usage_falls_below_the_limit() {
        let start = Instant::now();
        let mut window = Window::new(seconds(300));
        spend(&mut window, start, 60.0);
        spend(&mut window, start + seconds(10), 30.0);
        let verdict = spend(&mut window, start + seconds(20), 35.0);
        assert!(matches!(verdict, Verdict::Delayed { retry_after_seconds: 280, .. }), "{verdict:?}");
        assert_eq!(window.sum_at(start + seconds(300)), Tstu::from_f64(65.0));
    }

    #[test]
    fn headers_say_the_state_and_no_more() {
        let describe = |verdict: Verdict| {
            let mut headers = HeaderMap::new();
            verdict.describe(&mut headers, 1_000);
            headers
        };
        let numbers = Numbers { limit_tstu: 200.0, remaining_tstu: 12.345, until_zero: seconds(300) };
        assert!(describe(Verdict::Normal).is_empty());
        let flagged = describe(Verdict::Flagged(numbers));
        assert_eq!(flagged["x-ratelimit-limit"], "200");
        assert_eq!(flagged["x-ratelimit-remaining"], "12.35");
        assert_eq!(flagged["x-ratelimit-reset"], "1300");
        assert!(!flagged.contains_key(RETRY_AFTER) && !flagged.contains_key("x-ratelimit-delay"));
        let delay = Duration::from_millis(532);
        let delayed = describe(Verdict::Delayed { numbers, delay, retry_after_seconds: 5 });
        assert_eq!(delayed["x-ratelimit-delay"], "0.532");
        assert_eq!(delayed[RETRY_AFTER], "5");
        let blocked = describe(Verdict::Blocked { numbers, retry_after_seconds: 7 });
        assert_eq!(blocked[RETRY_AFTER], "7");
        assert!(!blocked.contains_key("x-ratelimit-delay"));
    }

    #[test]
    fn without_a_limit_nothing_is_throttled_and_all_is_counted() {
        let now = Instant::now();
        let mut window = Window::new(seconds(300));
        window.arrive(now, Tstu::from_f64(1e6));
        assert_eq!(Limits { limit: None, ..limits() }.judge(&window, now), Verdict::Normal);
        assert_eq!(window.highest(), Tstu::from_f64(1e6));
    }
}
