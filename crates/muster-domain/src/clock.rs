//! Where time comes from. Code takes a [`Clock`]; only `main` and the database know the real one.

use chrono::{DateTime, Utc};

/// Source of the present moment.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present moment.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A clock that moves only when told to.
#[cfg(feature = "testing")]
#[derive(Clone, Debug)]
pub struct TestClock(std::sync::Arc<std::sync::atomic::AtomicI64>);

#[cfg(feature = "testing")]
impl TestClock {
    /// Stands at `start` (millisecond resolution).
    pub fn at(start: DateTime<Utc>) -> Self {
        Self(std::sync::Arc::new(std::sync::atomic::AtomicI64::new(start.timestamp_millis())))
    }

    /// Moves forward.
    pub fn advance(&self, by: chrono::Duration) {
        self.0.fetch_add(by.num_milliseconds(), std::sync::atomic::Ordering::SeqCst);
    }

    /// Moves to a moment, also backwards.
    pub fn set(&self, to: DateTime<Utc>) {
        self.0.store(to.timestamp_millis(), std::sync::atomic::Ordering::SeqCst);
    }
}

#[cfg(feature = "testing")]
impl Clock for TestClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0.load(std::sync::atomic::Ordering::SeqCst)).unwrap_or_default()
    }
}
