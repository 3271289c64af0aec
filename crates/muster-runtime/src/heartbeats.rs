//! Heartbeats: which processes are alive, for people who watch the fleet. Nothing is decided by them.

use crate::lifecycle::Shutdown;
use muster_store::Store;
use muster_store::heartbeats::Heartbeat as SignOfLife;
use std::time::Duration;

/// Time between two beats.
const INTERVAL: Duration = Duration::from_secs(15);

/// Tells that a process is alive.
pub struct Heartbeat {
    /// Where it is told.
    pub store: Store,
    /// Stops.
    pub shutdown: Shutdown,
    /// Name of the process.
    pub owner: String,
    /// What it does.
    pub role: &'static str,
    /// Groups of jobs that it can run at a time; none for a scheduler.
    pub slots: u32,
}

impl Heartbeat {
    /// Starts it; the last beat is taken away with the soft stop.
    pub fn start(self) {
        let shutdown = self.shutdown.clone();
        shutdown.spawn("heartbeat", self.run());
    }

    async fn run(self) {
        let soft = self.shutdown.soft().clone();
        loop {
            let beat = SignOfLife {
                instance: self.instance(),
                role: self.role.to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                slots: self.slots,
                busy: 0,
            };
            if let Err(error) = self.store.heartbeats().beat(&beat).await {
                tracing::debug!(error = %error, "the heartbeat is not kept");
            }
            tokio::select! {
                () = soft.cancelled() => break,
                () = tokio::time::sleep(INTERVAL) => (),
            }
        }
        if let Err(error) = self.store.heartbeats().forget(&self.instance(), Duration::ZERO).await {
            tracing::debug!(error = %error, "the last heartbeat is left to age");
        }
    }
    /// One process may hold several roles; each gives a sign of life of its own.
    fn instance(&self) -> String {
        format!("{}/{}", self.owner, self.role)
    }
}
