//! Start, drain, stop: a soft stop lets running work finish under a deadline, a hard stop does not.

use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long running slices may go on after the soft stop.
pub const GRACE: Duration = Duration::from_secs(25);
/// How long a process may take from the first signal to its end, whatever happens.
pub const LONGEST_DRAIN: Duration = Duration::from_secs(40);

/// The two stops of a process, and everything that must end before it does.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// Everything finished.
    Complete,
    /// Something was cut off; its work goes on in another process.
    Forced,
}

impl Shutdown {
    /// A process that runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled at the first signal: take no new work.
    pub fn soft(&self) -> &CancellationToken {
        &self.soft
    }

    /// Cancelled when the grace is over, or at the second signal: let go at once.
    pub fn hard(&self) -> &CancellationToken {
        &self.hard
    }

    /// Begins the soft stop.
    pub fn begin(&self) {
        self.soft.cancel();
    }

    /// True from the soft stop on.
    pub fn has_begun(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Starts a task that must end before the process does. A panic in it stops the process: limping on without
    /// one of its loops would look healthy.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let soft = self.soft.clone();
        let handle = self.tasks.spawn(task);
        self.tasks.spawn(async move {
            if let Err(error) = handle.await {
                if error.is_panic() {
                    tracing::error!(task = name, "a supervisor task panicked, the process stops");
                }
                soft.cancel();
            }
        });
    }

    /// Turns SIGTERM and SIGINT into the soft stop, a second one into the hard stop.
    ///
    /// # Errors
    /// When the operating system refuses to install the handlers.
    pub fn listen_to_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            for stop in [&shutdown.soft, &shutdown.hard] {
                tokio::select! {
                    _ = terminate.recv() => tracing::info!(signal = "SIGTERM", "stopping"),
                    _ = interrupt.recv() => tracing::info!(signal = "SIGINT", "stopping"),
                }
                stop.cancel();
            }
        });
        Ok(())
    }

    /// Waits for the soft stop, then for every task; cuts off what outlasts the grace.
    pub async fn drained(&self) -> Drain {
        self.soft.cancelled().await;
        self.tasks.close();
        let in_time = tokio::select! {
            () = self.tasks.wait() => return Drain::Complete,
            () = self.hard.cancelled() => false,
            () = tokio::time::sleep(GRACE) => true,
        };
        if in_time {
            tracing::warn!(grace_seconds = GRACE.as_secs(), "the grace is over, running work is cut off");
        }
        self.hard.cancel();
        // What was cut off still gives its leases back.
        match tokio::time::timeout(LONGEST_DRAIN.saturating_sub(GRACE), self.tasks.wait()).await {
            Ok(()) | Err(_) => Drain::Forced,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tasks_that_end_in_time_make_a_complete_drain() {
        let shutdown = Shutdown::new();
        let soft = shutdown.soft().clone();
        shutdown.spawn("quick", async move { soft.cancelled().await });
        shutdown.begin();
        assert_eq!(shutdown.drained().await, Drain::Complete);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_hangs_is_cut_off_within_the_longest_drain() {
        let shutdown = Shutdown::new();
        shutdown.spawn("hangs", std::future::pending());
        shutdown.begin();
        let began = tokio::time::Instant::now();
        assert_eq!(shutdown.drained().await, Drain::Forced);
        assert!(began.elapsed() <= LONGEST_DRAIN);
        assert!(shutdown.hard().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_stops_the_process() {
        let shutdown = Shutdown::new();
        shutdown.spawn("panics", async { panic!("for the test") });
        tokio::time::timeout(Duration::from_secs(5), shutdown.soft().cancelled()).await.unwrap();
    }
}
