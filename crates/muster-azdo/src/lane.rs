//! What a process keeps per identity: its calls in flight, and when it was throttled last.

use chrono::{DateTime, TimeDelta, Utc};
use muster_domain::IdentityKey;
use muster_domain::budget::{ConsumptionClass, ThrottleSignals};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long after a throttling signal a refused credential is not believed: the service looks at the consumption of the
/// last five minutes (source: Microsoft, "Rate and usage limits"), and while it slows an identity down it has been seen
/// to refuse good credentials in rows.
const THROTTLED_PHASE: TimeDelta = TimeDelta::minutes(5);

/// All identities of a process; one entry for each credential that was used, so that the map stays small.
pub(crate) struct Lanes {
    concurrency: NonZeroUsize,
    by_identity: Mutex<HashMap<IdentityKey, Arc<Lane>>>,
}

impl Lanes {
    pub(crate) fn new(concurrency: NonZeroUsize) -> Self {
        Self { concurrency, by_identity: Mutex::default() }
    }

    pub(crate) fn of(&self, identity: &IdentityKey) -> Arc<Lane> {
        let mut lanes = self.by_identity.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(identity.clone()).or_insert_with(|| Arc::new(Lane::new(self.concurrency)));
        Arc::clone(lane)
    }
}

/// One identity.
pub(crate) struct Lane {
    background: Arc<Semaphore>,
    /// One call is kept for people: workers whose answers are held back for 30 s must not make them wait.
    interactive: Arc<Semaphore>,
    throttled_at: Mutex<Option<DateTime<Utc>>>,
}

impl Lane {
    fn new(concurrency: NonZeroUsize) -> Self {
        Self {
            background: Arc::new(Semaphore::new((concurrency.get() - 1).max(1))),
            interactive: Arc::new(Semaphore::new(1)),
            throttled_at: Mutex::default(),
        }
    }

    /// Waits until one more call may be in flight. A person takes the place that is kept, or one of the others: the
    /// answer to another person may be long.
    pub(crate) async fn enter(&self, class: ConsumptionClass) -> OwnedSemaphorePermit {
        let background = Arc::clone(&self.background).acquire_owned();
        let permit = match class {
            ConsumptionClass::Background => background.await,
            ConsumptionClass::Interactive => tokio::select! {
                biased;
                kept = Arc::clone(&self.interactive).acquire_owned() => kept,
                other = background => other,
            },
        };
        permit.expect("the semaphore is never closed")
    }

    /// Remembers an answer that slowed this identity down, or said that it is about to.
    pub(crate) fn note(&self, signals: &ThrottleSignals, now: DateTime<Utc>) {
        let delayed = signals.delay.is_some_and(|delay| delay > Duration::ZERO);
        let nothing_left = signals.remaining_tstu.is_some_and(|remaining| remaining <= 0.0);
        if signals.blocked || delayed || nothing_left || signals.retry_after.is_some() {
            self.note_pause(now);
        }
    }

    /// Remembers that the identity pauses because the service asked for it, this process or another one.
    pub(crate) fn note_pause(&self, now: DateTime<Utc>) {
        *self.throttled_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Whether this identity was slowed down in the last few minutes.
    pub(crate) fn is_in_throttled_phase(&self, now: DateTime<Utc>) -> bool {
        let throttled_at = *self.throttled_at.lock().unwrap_or_else(PoisonError::into_inner);
        throttled_at.is_some_and(|then| now - then < THROTTLED_PHASE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane() -> Lane {
        Lane::new(NonZeroUsize::new(4).unwrap())
    }

    #[test]
    fn a_person_gets_in_while_workers_fill_their_part() {
        let lane = lane();
        assert_eq!(lane.background.available_permits(), 3);
        let _held: Vec<_> =
            (0..3).map(|_| Arc::clone(&lane.background).try_acquire_owned().unwrap()).collect();
        assert!(Arc::clone(&lane.background).try_acquire_owned().is_err());
        assert!(Arc::clone(&lane.interactive).try_acquire_owned().is_ok());
    }

    #[test]
    fn the_throttled_phase_starts_with_a_signal_and_ends_with_the_window() {
        let lane = lane();
        let start = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let flagged = ThrottleSignals { remaining_tstu: Some(90.0), ..ThrottleSignals::default() };
        lane.note(&flagged, start);
        assert!(!lane.is_in_throttled_phase(start), "a flagged answer does not slow anybody down");
        let silent = ThrottleSignals::default();
        for signals in [
            ThrottleSignals { delay: Some(Duration::from_millis(5)), ..silent },
            ThrottleSignals { retry_after: Some(Duration::from_secs(1)), ..silent },
            ThrottleSignals { remaining_tstu: Some(0.0), ..silent },
            ThrottleSignals { blocked: true, ..silent },
        ] {
            let lane = self::lane();
            lane.note(&signals, start);
            lane.note(&silent, start + TimeDelta::seconds(1));
            assert!(lane.is_in_throttled_phase(start + TimeDelta::seconds(299)), "{signals:?}");
            assert!(!lane.is_in_throttled_phase(start + TimeDelta::seconds(300)), "{signals:?}");
        }
    }

    #[test]
    fn sessions_of_one_identity_share_a_lane() {
        let lanes = Lanes::new(NonZeroUsize::new(4).unwrap());
        let (one, other) = (IdentityKey::subject("aad.one"), IdentityKey::subject("aad.other"));
        assert!(Arc::ptr_eq(&lanes.of(&one), &lanes.of(&one)));
        assert!(!Arc::ptr_eq(&lanes.of(&one), &lanes.of(&other)));
    }
}
