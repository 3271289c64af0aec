//! Events without a broker: nobody can subscribe, so a fact is delivered to everybody who did, at once.

use crate::in_process::InProcessTransport;
use crate::transport::{EventPublisher, PublishOutcome};
use async_trait::async_trait;
use muster_messages::CloudEvent;

#[async_trait]
impl EventPublisher for InProcessTransport {
    async fn publish_event(&self, _event: &CloudEvent) -> PublishOutcome {
        PublishOutcome::Confirmed
    }

    async fn publish_events(&self, events: &[CloudEvent]) -> Vec<PublishOutcome> {
        vec![PublishOutcome::Confirmed; events.len()]
    }

    /// Requests of others need a broker, or `POST /events`.
    async fn publish_request(&self, _request: &CloudEvent) -> PublishOutcome {
        PublishOutcome::Unroutable
    }
}
