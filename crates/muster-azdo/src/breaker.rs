//! Hosts that fail again and again are left alone for a while: every call would cost a timeout and an attempt.

use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Failures in a row after which a host is left alone: more than one bad answer each of the calls in flight.
const FAILURES_IN_A_ROW: u32 = 10;
/// While a host is left alone, one call each so often looks whether it is back.
const PROBE_EVERY: TimeDelta = TimeDelta::seconds(30);

/// All hosts that a process calls.
#[derive(Debug, Default)]
pub(crate) struct Breakers {
    by_host: Mutex<HashMap<String, Breaker>>,
}

/// One host.
#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    /// When the next call may look whether it is back; absent while it is not left alone.
    next_probe: Option<DateTime<Utc>>,
}

impl Breakers {
    /// Lets a call through, or says when the next one may go. Of those that come while a host is left alone, one in
    /// half a minute goes through; one whose caller goes away holds nobody up for longer.
    pub(crate) fn admit(&self, host: &str, now: DateTime<Utc>) -> Result<(), DateTime<Utc>> {
        match self.hosts().get_mut(host) {
            Some(Breaker { next_probe: Some(moment), .. }) if now < *moment => Err(*moment),
            Some(Breaker { next_probe: Some(moment), .. }) => {
                *moment = now + PROBE_EVERY;
                Ok(())
            }
            Some(Breaker { next_probe: None, .. }) | None => Ok(()),
        }
    }

    /// The host answered, whatever it said.
    pub(crate) fn answered(&self, host: &str) {
        if let Some(before) = self.hosts().remove(host)
            && before.next_probe.is_some()
        {
            tracing::info!(server.address = host, "the host answers again");
        }
    }

    /// The host gave no answer, or said that it cannot.
    pub(crate) fn failed(&self, host: &str, now: DateTime<Utc>) {
        let mut hosts = self.hosts();
        let breaker = hosts.entry(host.to_owned()).or_default();
        breaker.failures = breaker.failures.saturating_add(1);
        if breaker.failures < FAILURES_IN_A_ROW {
            return;
        }
        if breaker.next_probe.is_none() {
            let failures = breaker.failures;
            tracing::warn!(
                server.address = host,
                failures,
                "the host fails again and again, it is left alone"
            );
        }
        breaker.next_probe = Some(now + PROBE_EVERY);
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<String, Breaker>> {
        self.by_host.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "dev.azure.com";

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    fn failing(failures: u32) -> Breakers {
        let breakers = Breakers::default();
        for _ in 0..failures {
            assert_eq!(breakers.admit(HOST, at(0)), Ok(()));
            breakers.failed(HOST, at(0));
        }
        breakers
    }

    #[test]
    fn a_host_is_left_alone_after_ten_failures_in_a_row_and_others_are_not() {
        let breakers = failing(FAILURES_IN_A_ROW);
        assert_eq!(breakers.admit(HOST, at(0)), Err(at(30)));
        assert_eq!(breakers.admit(HOST, at(29)), Err(at(30)));
        assert_eq!(breakers.admit("vsaex.dev.azure.com", at(0)), Ok(()));
    }

    #[test]
    fn an_answer_in_between_begins_the_count_anew() {
        let breakers = failing(FAILURES_IN_A_ROW - 1);
        breakers.answered(HOST);
        breakers.failed(HOST, at(1));
        assert_eq!(breakers.admit(HOST, at(1)), Ok(()));
    }

    #[test]
    fn one_call_in_half_a_minute_looks_whether_the_host_is_back() {
        let breakers = failing(FAILURES_IN_A_ROW);
        assert_eq!(breakers.admit(HOST, at(30)), Ok(()), "the probe");
        assert_eq!(breakers.admit(HOST, at(30)), Err(at(60)), "nobody else");
        breakers.failed(HOST, at(31));
        assert_eq!(breakers.admit(HOST, at(60)), Err(at(61)), "it is not back");
        assert_eq!(breakers.admit(HOST, at(61)), Ok(()));
        breakers.answered(HOST);
        assert_eq!([breakers.admit(HOST, at(61)), breakers.admit(HOST, at(61))], [Ok(()), Ok(())]);
        breakers.failed(HOST, at(62));
        assert_eq!(breakers.admit(HOST, at(62)), Ok(()), "ten more are needed");
    }

    #[test]
    fn a_probe_whose_caller_went_away_does_not_hold_others_up() {
        let breakers = failing(FAILURES_IN_A_ROW);
        assert_eq!(breakers.admit(HOST, at(30)), Ok(()));
        assert_eq!(breakers.admit(HOST, at(60)), Ok(()), "the first one never said what became of it");
    }
}
