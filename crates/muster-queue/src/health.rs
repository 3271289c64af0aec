//! Health and counters of a transport, for probes and metrics.

use crate::transport::PublishOutcome;
use std::sync::atomic::{AtomicU64, Ordering};

/// State of a transport at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct TransportHealth {
    /// True while both connections are up (always, inside the process).
    pub connected: bool,
    /// True while the broker takes no messages (memory or disk alarm): dispatch nothing, consuming goes on.
    pub blocked: bool,
    /// Consumers that the broker knows at present.
    pub consumers: usize,
    /// Consumers that were asked for and not cancelled; fewer [`Self::consumers`] means that some are being rebuilt.
    pub consumers_wanted: usize,
    /// Number of connections made so far; see [`crate::TicketTransport::generation`].
    pub generation: u64,
    /// Why it is not connected, for people; never contains a password.
    pub fault: Option<String>,
    /// Counters since the start.
    pub counters: TransportCounters,
}

/// Counters of a transport since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TransportCounters {
    /// Messages published, by outcome.
    pub published: PublishCounts,
    /// Connections that were made anew.
    pub reconnects: u64,
    /// Seconds during which the broker took no messages.
    pub blocked_seconds: f64,
    /// Consumers that were lost and made anew.
    pub consumer_rebuilds: u64,
    /// Messages taken out by consumers.
    pub delivered: u64,
    /// Of these, marked as handed out before.
    pub redelivered: u64,
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// Acknowledgements that did not reach the broker: it will hand the message out again.
    pub acknowledgements_lost: u64,
    /// Messages given back.
    pub given_back: u64,
}

/// Messages published, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublishCounts {
    /// [`PublishOutcome::Confirmed`]
    pub confirmed: u64,
    /// [`PublishOutcome::Unroutable`]
    pub unroutable: u64,
    /// [`PublishOutcome::Refused`]
    pub refused: u64,
    /// [`PublishOutcome::Unconfirmed`]
    pub unconfirmed: u64,
    /// [`PublishOutcome::TooLarge`]
    pub too_large: u64,
}

/// The counters while they count.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    confirmed: AtomicU64,
    unroutable: AtomicU64,
    refused: AtomicU64,
    unconfirmed: AtomicU64,
    too_large: AtomicU64,
    pub(crate) reconnects: AtomicU64,
    pub(crate) consumer_rebuilds: AtomicU64,
    pub(crate) delivered: AtomicU64,
    pub(crate) redelivered: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) acknowledgements_lost: AtomicU64,
    pub(crate) given_back: AtomicU64,
}

/// One more.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn published(&self, outcome: PublishOutcome) {
        count(match outcome {
            PublishOutcome::Confirmed => &self.confirmed,
            PublishOutcome::Unroutable => &self.unroutable,
            PublishOutcome::Refused => &self.refused,
            PublishOutcome::Unconfirmed => &self.unconfirmed,
            PublishOutcome::TooLarge => &self.too_large,
        });
    }

    pub(crate) fn handed_out(&self, redelivered: bool) {
        count(&self.delivered);
        if redelivered {
            count(&self.redelivered);
        }
    }

    pub(crate) fn snapshot(&self, blocked_seconds: f64) -> TransportCounters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TransportCounters {
            published: PublishCounts {
                confirmed: read(&self.confirmed),
                unroutable: read(&self.unroutable),
                refused: read(&self.refused),
                unconfirmed: read(&self.unconfirmed),
                too_large: read(&self.too_large),
            },
            reconnects: read(&self.reconnects),
            blocked_seconds,
            consumer_rebuilds: read(&self.consumer_rebuilds),
            delivered: read(&self.delivered),
            redelivered: read(&self.redelivered),
            acknowledged: read(&self.acknowledged),
            acknowledgements_lost: read(&self.acknowledgements_lost),
            given_back: read(&self.given_back),
        }
    }
}
