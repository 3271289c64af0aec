//! Delay schedules, pure. The module carries the name of the field's old crate `backoff`, which is unmaintained
//! (RUSTSEC-2025-0012); it stands on `backon`, whose builder makes the series.

use backon::{BackoffBuilder, ExponentialBuilder};
use std::time::Duration;

/// An exponential schedule with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    first: Duration,
    longest: Duration,
}

impl Schedule {
    /// Attempts of a job that failed in passing: up to 5 s, 10 s, 20 s, … 30 min.
    pub const JOB_RETRY: Self = Self { first: Duration::from_secs(5), longest: Duration::from_secs(30 * 60) };

    /// Reconnects to the broker: up to 0.5 s, 1 s, 2 s, … 30 s, without end.
    pub const RECONNECT: Self = Self { first: Duration::from_millis(500), longest: Duration::from_secs(30) };

    /// Waits between failures of the database: up to 0.1 s, 0.2 s, … 5 s.
    pub const DATABASE: Self = Self { first: Duration::from_millis(100), longest: Duration::from_secs(5) };

    /// Doubles from `first` to `longest`.
    pub const fn exponential(first: Duration, longest: Duration) -> Self {
        Self { first, longest }
    }

    /// The longest wait before attempt `attempt + 1`, without jitter; attempts count from 1.
    pub fn ceiling(self, attempt: u32) -> Duration {
        let attempt = usize::try_from(attempt.max(1)).unwrap_or(usize::MAX);
        ExponentialBuilder::default()
            .with_factor(2.0)
            .with_min_delay(self.first)
            .with_max_delay(self.longest)
            .without_max_times()
            .build()
            // Past the ceiling the series is constant, so that a huge attempt costs nothing.
            .nth((attempt - 1).min(MAXIMUM_DOUBLINGS))
            .unwrap_or(self.longest)
            .min(self.longest)
    }

    /// Full jitter: a wait between nothing and the ceiling. `random` is uniform in `[0, 1)`.
    pub fn delay(self, attempt: u32, random: f64) -> Duration {
        self.ceiling(attempt).mul_f64(random.clamp(0.0, 1.0))
    }
}

/// 2^40 times any first wait is beyond every longest wait.
const MAXIMUM_DOUBLINGS: usize = 40;

/// Shortest pause that a `Retry-After` may ask for; zero and negative values are taken as this.
pub const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause that is believed; longer ones are cut, the server says so again if it means it.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

/// A pause that came from outside, within bounds.
pub fn clamp_pause(pause: Duration) -> Duration {
    pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_longest_wait() {
        let seconds: Vec<u64> =
            (1..=11).map(|attempt| Schedule::JOB_RETRY.ceiling(attempt).as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800]);
        assert_eq!(Schedule::JOB_RETRY.ceiling(u32::MAX), Duration::from_secs(1800));
    }

    #[test]
    fn jitter_stays_between_nothing_and_the_ceiling() {
        assert_eq!(Schedule::RECONNECT.delay(3, 0.0), Duration::ZERO);
        assert_eq!(Schedule::RECONNECT.delay(3, 0.5), Duration::from_secs(1));
        assert!(Schedule::RECONNECT.delay(3, 0.999) < Duration::from_secs(2));
    }

    #[test]
    fn pauses_from_outside_are_bounded() {
        assert_eq!(clamp_pause(Duration::ZERO), SHORTEST_PAUSE);
        assert_eq!(clamp_pause(Duration::from_secs(999_999)), LONGEST_PAUSE);
        assert_eq!(clamp_pause(Duration::from_secs(7)), Duration::from_secs(7));
    }
}
