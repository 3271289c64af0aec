//! Start, drain, stop: a soft stop lets running work finish under a deadline, a hard stop does not.
//!
//! The seconds of a stop, from the first signal: 25 for running slices, 5 to let go of leases, 3 to close the broker, 1
//! to close the database (more where the others took less), 5 for the last spans. Together they are less than
//! [`LONGEST_DRAIN`], whatever hangs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long running slices may go on after the soft stop.
pub const GRACE: Duration = Duration::from_secs(25);
/// How long what is cut off may take to let go: leases are given back meanwhile. Then it is dropped where it stands.
pub const LETTING_GO: Duration = Duration::from_secs(5);
/// How much longer is waited for what is dropped: what does not even yield is left to its fate.
const DROPPING: Duration = Duration::from_millis(500);
/// How long the broker may take to close.
pub const BROKER_CLOSE: Duration = Duration::from_secs(3);
/// How long the database may take to close.
pub const DATABASE_CLOSE: Duration = Duration::from_secs(1);
/// How long the last spans may take on their way out.
pub const TELEMETRY_FLUSH: Duration = Duration::from_secs(5);
/// How long a process may take from the first signal to its end, whatever happens.
pub const LONGEST_DRAIN: Duration = Duration::from_secs(40);

/// The two stops of a process, and everything that must end before it does.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
    tasks: TaskTracker,
    ledger: Arc<Mutex<Tasks>>,
}

/// What runs, and what went wrong with it.
#[derive(Debug, Default)]
struct Tasks {
    running: BTreeMap<&'static str, usize>,
    dropped: Vec<&'static str>,
    panicked: Option<&'static str>,
    second_signal: bool,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drain {
    /// Everything finished.
    Complete,
    /// Something was cut off; its work goes on in another process.
    Forced(Forced),
}

/// Why a process did not end by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forced {
    /// Work outlasted the grace.
    GraceIsOver {
        /// What still ran then.
        running: Vec<&'static str>,
        /// What did not let go either, and was dropped.
        dropped: Vec<&'static str>,
    },
    /// A second signal came.
    SecondSignal {
        /// What still ran then.
        running: Vec<&'static str>,
        /// What did not let go either, and was dropped.
        dropped: Vec<&'static str>,
    },
    /// One of the loops of the process panicked.
    Panicked {
        /// Which.
        task: &'static str,
    },
}

impl fmt::Display for Forced {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (why, running, dropped) = match self {
            Self::GraceIsOver { running, dropped } => {
                let grace = GRACE.as_secs();
                (format!("the grace of {grace} s was over"), running, dropped)
            }
            Self::SecondSignal { running, dropped } => ("a second signal came".to_owned(), running, dropped),
            Self::Panicked { task } => return write!(formatter, "{task} panicked, which is a defect"),
        };
        write!(formatter, "{why} while this ran: {}", names(running))?;
        if !dropped.is_empty() {
            write!(formatter, "; dropped where it stood: {}", names(dropped))?;
        }
        formatter.write_str("; what was cut off goes on in another process")
    }
}

fn names(tasks: &[&'static str]) -> String {
    if tasks.is_empty() { "nothing".to_owned() } else { tasks.join(", ") }
}

/// Runs while a task does.
struct Running {
    ledger: Arc<Mutex<Tasks>>,
    name: &'static str,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut tasks = lock(&self.ledger);
        if let Some(count) = tasks.running.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                tasks.running.remove(self.name);
            }
        }
    }
}

fn lock(tasks: &Mutex<Tasks>) -> MutexGuard<'_, Tasks> {
    tasks.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Starts a task that must end before the process does; after the hard stop it has [`LETTING_GO`] to do so. A panic
    /// in it stops the process: limping on without one of its loops would look healthy.
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (soft, hard) = (self.soft.clone(), self.hard.clone());
        let ledger = Arc::clone(&self.ledger);
        *lock(&ledger).running.entry(name).or_default() += 1;
        let running = Running { ledger: Arc::clone(&ledger), name };
        let handle = self.tasks.spawn(async move {
            let running = running;
            tokio::select! {
                biased;
                () = task => (),
                () = async { hard.cancelled().await; tokio::time::sleep(LETTING_GO).await } => {
                    lock(&running.ledger).dropped.push(name);
                }
            }
        });
        self.tasks.spawn(async move {
            if let Err(error) = handle.await {
                if error.is_panic() {
                    tracing::error!(task = name, "a supervisor task panicked, the process stops");
                    lock(&ledger).panicked.get_or_insert(name);
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
            for (stop, is_second) in [(&shutdown.soft, false), (&shutdown.hard, true)] {
                tokio::select! {
                    _ = terminate.recv() => tracing::info!(signal = "SIGTERM", "stopping"),
                    _ = interrupt.recv() => tracing::info!(signal = "SIGINT", "stopping"),
                }
                lock(&shutdown.ledger).second_signal = is_second;
                stop.cancel();
            }
        });
        Ok(())
    }

    /// Waits for the soft stop, then for every task; cuts off what outlasts the grace.
    pub async fn drained(&self) -> Drain {
        self.soft.cancelled().await;
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => return self.ended(),
            () = self.hard.cancelled() => (),
            () = tokio::time::sleep(GRACE) => (),
        }
        let running: Vec<&'static str> = lock(&self.ledger).running.keys().copied().collect();
        tracing::warn!(running = names(&running), "running work is cut off");
        self.hard.cancel();
        // What was cut off still gives its leases back.
        let let_go = tokio::time::timeout(LETTING_GO + DROPPING, self.tasks.wait()).await;
        let mut dropped = std::mem::take(&mut lock(&self.ledger).dropped);
        if let_go.is_err() {
            dropped.extend(lock(&self.ledger).running.keys());
        }
        let second_signal = lock(&self.ledger).second_signal;
        Drain::Forced(if second_signal {
            Forced::SecondSignal { running, dropped }
        } else {
            Forced::GraceIsOver { running, dropped }
        })
    }

    fn ended(&self) -> Drain {
        match lock(&self.ledger).panicked {
            Some(task) => Drain::Forced(Forced::Panicked { task }),
            None => Drain::Complete,
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
        let running = vec!["hangs"];
        let expected = Forced::GraceIsOver { running: running.clone(), dropped: running };
        assert_eq!(shutdown.drained().await, Drain::Forced(expected));
        let closing = BROKER_CLOSE + DATABASE_CLOSE + TELEMETRY_FLUSH;
        assert!(began.elapsed() + closing <= LONGEST_DRAIN, "{:?}", began.elapsed());
        assert!(shutdown.hard().is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_stops_the_process() {
        let shutdown = Shutdown::new();
        shutdown.spawn("panics", async { panic!("for the test") });
        tokio::time::timeout(Duration::from_secs(5), shutdown.soft().cancelled()).await.unwrap();
        assert_eq!(shutdown.drained().await, Drain::Forced(Forced::Panicked { task: "panics" }));
    }

    #[tokio::test(start_paused = true)]
    async fn what_lets_go_at_the_hard_stop_is_named_but_not_dropped() {
        let shutdown = Shutdown::new();
        let hard = shutdown.hard().clone();
        shutdown.spawn("runner", async move { hard.cancelled().await });
        shutdown.spawn("quick", async {});
        shutdown.begin();
        let Drain::Forced(forced) = shutdown.drained().await else { panic!("it was cut off") };
        assert_eq!(forced, Forced::GraceIsOver { running: vec!["runner"], dropped: Vec::new() });
        assert!(forced.to_string().contains("25 s") && forced.to_string().contains("runner"), "{forced}");
    }
}
