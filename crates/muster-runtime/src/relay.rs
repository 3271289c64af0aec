//! The relay: facts from the event outbox to subscribers.
//!
//! A fact may be published twice when a relay dies between the broker's confirmation and the deletion of the row; it
//! has the same id then, and subscribers know it by that.

use crate::crash_point::{self, CrashPoint};
use crate::lifecycle::Shutdown;
use crate::metrics::Metrics;
use muster_domain::backoff::Schedule;
use muster_messages::CloudEvent;
use muster_queue::{EventPublisher, PublishOutcome};
use muster_store::dead_letters::{NewDeadLetter, OUTBOX_ORIGIN};
use muster_store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Facts taken at a time.
const BATCH: u32 = 200;
/// How long a relay may hold facts before another one takes them.
const CLAIM: Duration = Duration::from_secs(60);
/// How long a fact waits after its publication failed.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long it waits after it found nothing.
const IDLE_WAIT: Duration = Duration::from_millis(500);

/// Publishes facts.
pub struct Relay {
    /// The truth.
    pub store: Store,
    /// Where facts go.
    pub publisher: Arc<dyn EventPublisher>,
    /// Instruments.
    pub metrics: Metrics,
    /// Stops.
    pub shutdown: Shutdown,
    /// Rung by those in the same process who made facts.
    pub work_was_made: Arc<Notify>,
}

impl Relay {
    /// Starts it; it ends with the soft stop.
    pub fn start(self) {
        let shutdown = self.shutdown.clone();
        shutdown.spawn("relay", self.run());
    }

    async fn run(self) {
        let soft = self.shutdown.soft().clone();
        let mut failures = 0;
        while !soft.is_cancelled() {
            let work_was_made = self.work_was_made.notified();
            tokio::pin!(work_was_made);
            work_was_made.as_mut().enable();
            let wait = match self.round().await {
                Ok(Round { taken, failed: 0 }) if taken > 0 => {
                    failures = 0;
                    continue;
                }
                Ok(Round { failed: 0, .. }) => {
                    failures = 0;
                    IDLE_WAIT
                }
                Ok(round) => {
                    failures += 1;
                    tracing::warn!(count = round.failed, "facts cannot be published now");
                    Schedule::RECONNECT.delay(failures, rand::random())
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(error = %error, "the event outbox cannot be read now");
                    Schedule::DATABASE.delay(failures, rand::random())
                }
            };
            tokio::select! {
                () = soft.cancelled() => return,
                () = &mut work_was_made => (),
                () = tokio::time::sleep(wait) => (),
            }
        }
    }

    /// Publishes one batch.
    ///
    /// # Errors
    /// [`StoreError`] when the outbox cannot be reached.
    pub async fn round(&self) -> Result<Round, StoreError> {
        let outbox = self.store.outbox();
        let rows = outbox.claim(BATCH, CLAIM).await?;
        let taken = rows.len();
        let (ids, events): (Vec<_>, Vec<_>) = rows.into_iter().map(|row| (row.id, row.event)).unzip();
        let outcomes = self.publisher.publish_events(&events).await;
        if !events.is_empty() {
            crash_point::reach(CrashPoint::FactsConfirmed);
        }
        let (mut published, mut failed) = (Vec::with_capacity(taken), Vec::new());
        for ((id, event), outcome) in ids.into_iter().zip(&events).zip(outcomes) {
            match outcome {
                // A fact without a subscriber is normal: the broker drops it, that is a delivery.
                PublishOutcome::Confirmed | PublishOutcome::Unroutable => published.push(id),
                PublishOutcome::Refused | PublishOutcome::Unconfirmed => failed.push(id),
                PublishOutcome::TooLarge => {
                    self.set_aside(event).await?;
                    published.push(id);
                }
            }
        }
        self.metrics.facts_published("confirmed", published.len());
        outbox.published(&published).await?;
        if !failed.is_empty() {
            self.metrics.facts_published("failed", failed.len());
            outbox.reschedule(&failed, AGAIN_AFTER).await?;
        }
        Ok(Round { taken, failed: failed.len() })
    }

    /// A fact that no broker takes, however often it is tried: kept for a person.
    async fn set_aside(&self, event: &CloudEvent) -> Result<(), StoreError> {
        tracing::error!(
            event.id = event.id,
            event.kind = event.event_type,
            "a fact is too large to be published"
        );
        let letter = NewDeadLetter {
            origin: OUTBOX_ORIGIN.to_owned(),
            routing_key: Some(event.event_type.clone()),
            raw: event.to_structured(),
            reason_class: "too_large".to_owned(),
            reason: "the fact is larger than a message may be".to_owned(),
            trace: event.trace(),
            ..NewDeadLetter::default()
        };
        self.store.dead_letters().put(&letter).await.map(drop)
    }
}

/// What one batch came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Facts that were taken.
    pub taken: usize,
    /// Facts that must be tried again.
    pub failed: usize,
}
