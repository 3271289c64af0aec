//! Waiting for a condition under a deadline. Tests wait with these functions and never sleep.

use std::time::Duration;
use tokio::time::Instant;

/// A deadline for what takes milliseconds on an idle machine: long, since only a failure waits for its end.
pub const SOON: Duration = Duration::from_secs(20);
/// A deadline for what boots or rebuilds something: a process, a broker's application.
pub const PATIENT: Duration = Duration::from_secs(90);

/// The pause between two looks: short beside a test, long beside a look.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until the condition holds; fails the test with `what` when it does not before the deadline.
pub async fn wait_until(what: &str, deadline: Duration, mut condition: impl AsyncFnMut() -> bool) {
    wait_for(what, deadline, async || condition().await.then_some(())).await;
}

/// Waits until there is a value and returns it; fails the test with `what` when there is none in time.
pub async fn wait_for<T>(what: &str, deadline: Duration, look: impl AsyncFnMut() -> Option<T>) -> T {
    try_for(deadline, look).await.unwrap_or_else(|| panic!("{what}: not within {deadline:?}"))
}

/// Waits until there is a value, or until the deadline.
pub async fn try_for<T>(deadline: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        // The look itself may hang on what the test broke.
        match tokio::time::timeout_at(end, look()).await {
            Ok(Some(value)) => return Some(value),
            Ok(None) if Instant::now() < end => pause().await,
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Looks at the condition for the whole period and fails the test with `what` as soon as it does not hold.
/// It shows that something does not happen; choose the period much longer than the wrong thing would take.
pub async fn stays_true(what: &str, period: Duration, mut condition: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + period;
    while Instant::now() < end {
        assert!(condition().await, "{what}: did not stay so for {period:?}");
        pause().await;
    }
}

pub(crate) async fn pause() {
    // The one sleep of the tests: the pause of every polling loop.
    tokio::time::sleep(PAUSE).await;
}
