//! Tickets, and waiting with a deadline.

use crate::transport::{Delivery, TicketConsumer};
use muster_domain::JobId;
use muster_domain::job::{JobKind, Role};
use muster_messages::ticket::{TICKET_VERSION, TracedTicket};
use muster_messages::{CloudEvent, Ticket};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

/// A busy machine included; a test that waits that long has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Between looks at a condition.
const LOOK: Duration = Duration::from_millis(20);

pub(super) fn ticket_of(kind: JobKind, number: u128) -> TracedTicket {
    let job = JobId(Uuid::from_u128(number));
    let (subject, cause) = ("subject".to_owned(), "schedule:test".to_owned());
    TracedTicket {
        ticket: Ticket { v: TICKET_VERSION, job, seq: 1, kind, subject, cause, urgent: false },
        trace: None,
    }
}

/// A ticket of [`ROLE`].
pub(super) fn ticket(number: u128) -> TracedTicket {
    ticket_of(JobKind::ProjectSync, number)
}

/// The role of [`ticket`].
pub(super) const ROLE: Role = Role::Sync;

pub(super) fn number(delivery: &Delivery) -> u128 {
    delivery.ticket.as_ref().unwrap().job.0.as_u128()
}

pub(super) fn event(event_type: &str) -> CloudEvent {
    CloudEvent {
        specversion: "1.0".to_owned(),
        id: Uuid::new_v4().to_string(),
        source: "urn:test".to_owned(),
        event_type: event_type.to_owned(),
        subject: None,
        time: None,
        datacontenttype: None,
        dataschema: None,
        traceparent: Some(TRACEPARENT.to_owned()),
        tracestate: None,
        data: serde_json::json!({ "answer": 42 }),
    }
}

pub(super) const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The value, or a failed test.
pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    within(PATIENCE, what, future).await
}

/// The value within a time that is part of a promise.
pub(super) async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> T {
    let Ok(value) = timeout(limit, future).await else { panic!("not within {limit:?}: {what}") };
    value
}

/// Looks at a condition until it holds.
pub(super) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        // Waits for the condition: the pause only spares the processor.
        sleep(LOOK).await;
    }
}

pub(super) async fn next(consumer: &mut Box<dyn TicketConsumer>) -> Delivery {
    soon("a ticket is delivered", consumer.next()).await
}
