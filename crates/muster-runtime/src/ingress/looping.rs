//! Requests from the broker, one after the other as they come.

use super::refusing::Kept;
use super::{Accepted, Incoming, Ingress, Refused};
use crate::crash_point::{self, CrashPoint};
use crate::lifecycle::Shutdown;
use muster_domain::backoff::Schedule;
use muster_messages::TraceContext;
use muster_messages::fact::RequestRejected;
use muster_queue::{IncomingMessage, RequestSource};
use muster_store::dead_letters::NewDeadLetter;
use std::sync::Arc;

/// Requests in hand at a time.
const PREFETCH: u16 = 20;
/// Name of the queue, for dead letters and the audit.
const ORIGIN: &str = "muster.v1.ingress";
/// Name of the queue of dead letters.
const DEAD: &str = "muster.v1.dead";
/// Class of what the broker gave up.
const BROKER_CLASS: &str = "broker";

/// Takes requests, and dead letters, from the broker.
pub struct RequestLoop {
    /// The door.
    pub ingress: Ingress,
    /// The broker.
    pub source: Arc<dyn RequestSource>,
    /// Stops.
    pub shutdown: Shutdown,
}

impl RequestLoop {
    /// Starts it; it ends with the soft stop.
    pub fn start(self) {
        let shutdown = self.shutdown.clone();
        let this = Arc::new(self);
        let requests = Arc::clone(&this);
        shutdown.spawn("ingress", async move { requests.take_requests().await });
        shutdown.spawn("dead letters", async move { this.take_dead().await });
    }

    async fn take_requests(&self) {
        let soft = self.shutdown.soft();
        let Ok(mut consumer) = self.source.consume_requests(PREFETCH).await else { return };
        loop {
            let message = tokio::select! {
                biased;
                () = soft.cancelled() => break,
                message = consumer.next() => message,
            };
            self.take_request(message).await;
        }
        consumer.cancel().await;
    }

    async fn take_request(&self, message: IncomingMessage) {
        let incoming = incoming(&message, ORIGIN);
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.ingress.accept(incoming.clone()).await {
                Ok(Accepted::New { .. } | Accepted::Duplicate { .. }) => break,
                // Kept as a dead letter, with its bytes, and told: done with it.
                Err(
                    Refused::TooLarge(RequestRejected { .. })
                    | Refused::UnsupportedContentType(_)
                    | Refused::Invalid(_)
                    | Refused::Conflict(_),
                ) => break,
                // The broker keeps the others meanwhile; nothing is lost, nothing is counted against the request.
                Err(Refused::Unavailable(reason)) => {
                    tracing::warn!(attempt, error = reason, "a request cannot be taken now");
                    if !self.wait(attempt).await {
                        message.acknowledger.give_back().await;
                        return;
                    }
                }
            }
        }
        crash_point::reach(CrashPoint::RequestCommitted);
        message.acknowledger.acknowledge().await;
    }

    async fn take_dead(&self) {
        let soft = self.shutdown.soft();
        let Ok(mut consumer) = self.source.consume_dead(PREFETCH).await else { return };
        loop {
            let message = tokio::select! {
                biased;
                () = soft.cancelled() => break,
                message = consumer.next() => message,
            };
            self.keep_dead(message).await;
        }
        consumer.cancel().await;
    }

    async fn keep_dead(&self, message: IncomingMessage) {
        let reason = message.header("x-first-death-reason").unwrap_or_else(|| "unknown".to_owned());
        let incoming = incoming(&message, DEAD);
        let letter = NewDeadLetter {
            origin: DEAD.to_owned(),
            routing_key: Some(message.routing_key.clone()),
            raw: message.body.clone(),
            headers: Kept::of(&incoming).with_death(&incoming.headers).to_json(),
            reason_class: BROKER_CLASS.to_owned(),
            reason: format!("the broker gave it up: {reason}"),
            trace: TraceContext::from_headers(incoming.headers),
            ..NewDeadLetter::default()
        };
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.ingress.store.dead_letters().put(&letter).await {
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(attempt, error = %error, "a dead letter cannot be kept now");
                    if !self.wait(attempt).await {
                        message.acknowledger.give_back().await;
                        return;
                    }
                }
            }
        }
        message.acknowledger.acknowledge().await;
    }

    /// Waits before the next try; false when the process stops.
    async fn wait(&self, attempt: u32) -> bool {
        tokio::select! {
            () = self.shutdown.soft().cancelled() => false,
            () = tokio::time::sleep(Schedule::DATABASE.delay(attempt, rand::random())) => true,
        }
    }
}

/// What the broker brought, as the door takes it.
fn incoming(message: &IncomingMessage, origin: &'static str) -> Incoming {
    Incoming {
        content_type: message.content_type.clone(),
        headers: message.text_headers().into_iter().collect(),
        body: message.body.clone(),
        publisher: message.user_id.clone(),
        origin,
    }
}
