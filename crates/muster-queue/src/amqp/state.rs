//! What the tasks of one transport know of each other.

use super::link::Purpose;
use crate::health::{Counters, TransportHealth};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Shared by the tasks of one transport.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) counters: Arc<Counters>,
    pub(crate) generation: watch::Sender<u64>,
    /// True while the broker takes nothing from the publishing connection.
    pub(crate) blocked: watch::Sender<bool>,
    pub(crate) consumers: AtomicUsize,
    pub(crate) consumers_wanted: AtomicUsize,
    /// Consumers that were ever registered, for their names.
    pub(crate) registrations: AtomicU64,
    /// No new work; what is under way ends.
    pub(crate) closing: CancellationToken,
    /// Connections go down.
    pub(crate) disconnecting: CancellationToken,
    links: Mutex<Links>,
    block: Mutex<Block>,
}

#[derive(Debug, Default)]
struct Links {
    publishing: LinkState,
    consuming: LinkState,
}

#[derive(Debug, Default)]
struct LinkState {
    connected: bool,
    fault: Option<String>,
}

#[derive(Debug, Default)]
struct Block {
    since: Option<Instant>,
    before: Duration,
}

impl State {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            counters: Arc::default(),
            generation: watch::Sender::new(0),
            blocked: watch::Sender::new(false),
            consumers: AtomicUsize::new(0),
            consumers_wanted: AtomicUsize::new(0),
            registrations: AtomicU64::new(1),
            closing: CancellationToken::new(),
            disconnecting: CancellationToken::new(),
            links: Mutex::default(),
            block: Mutex::default(),
        })
    }

    /// True while publishing has a chance.
    pub(crate) fn can_publish(&self) -> bool {
        self.links().publishing.connected && !*self.blocked.borrow() && !self.closing.is_cancelled()
    }

    pub(crate) fn connected(&self, purpose: Purpose) {
        self.set_link(purpose, LinkState { connected: true, fault: None });
        if purpose == Purpose::Publishing {
            self.generation.send_modify(|generation| *generation += 1);
        }
    }

    pub(crate) fn disconnected(&self, purpose: Purpose, fault: String) {
        self.set_link(purpose, LinkState { connected: false, fault: Some(fault) });
        if purpose == Purpose::Publishing {
            self.set_blocked(false);
        }
    }

    pub(crate) fn set_blocked(&self, blocked: bool) {
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        match (blocked, block.since) {
            (true, None) => block.since = Some(Instant::now()),
            (false, Some(since)) => {
                block.before += since.elapsed();
                block.since = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
        drop(block);
        self.blocked.send_replace(blocked);
    }

    pub(crate) fn health(&self) -> TransportHealth {
        let (connected, fault) = {
            let links = self.links();
            let fault = links.publishing.fault.clone().or_else(|| links.consuming.fault.clone());
            (links.publishing.connected && links.consuming.connected, fault)
        };
        TransportHealth {
            connected,
            blocked: *self.blocked.borrow(),
            consumers: self.consumers.load(Ordering::SeqCst),
            consumers_wanted: self.consumers_wanted.load(Ordering::SeqCst),
            generation: *self.generation.borrow(),
            fault,
            counters: self.counters.snapshot(self.blocked_time().as_secs_f64()),
        }
    }

    fn blocked_time(&self) -> Duration {
        let block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        block.before + block.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn set_link(&self, purpose: Purpose, state: LinkState) {
        let mut links = self.links();
        match purpose {
            Purpose::Publishing => links.publishing = state,
            Purpose::Consuming => links.consuming = state,
        }
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
