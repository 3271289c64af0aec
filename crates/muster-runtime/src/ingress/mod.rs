//! Requests, each accepted once, whichever way they come.
//!
//! A request is read, checked and looked up; its effects and the note that it was seen are one transaction. What
//! cannot be accepted is answered with a fact that names the field and the remedy, and kept as a dead letter.

mod effects;
mod looping;
mod refusing;

pub use looping::RequestLoop;

pub(crate) use refusing::NotTaken;

use crate::metrics::Metrics;
use crate::telemetry::{continue_from, current_trace};
use muster_domain::resource::ContentHash;
use muster_messages::event::{DuplicateKey, InvalidEvent};
use muster_messages::fact::RequestRejected;
use muster_messages::request::REQUEST_TYPES;
use muster_messages::{CloudEvent, Request};
use muster_store::audit::AuditEntry;
use muster_store::inbox::Acceptance;
use muster_store::requests::Asked;
use muster_store::{Store, StoreError};
use refusing::Refusal;
use std::sync::Arc;
use tokio::sync::Notify;
use tracing::Instrument as _;

/// The door for requests.
#[derive(Clone)]
pub struct Ingress {
    /// The truth.
    pub store: Store,
    /// Instruments.
    pub metrics: Metrics,
    /// Rung when jobs were made that a dispatcher in the same process could take at once.
    pub work_was_made: Arc<Notify>,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// What its publisher says that the body is.
    pub content_type: Option<String>,
    /// Headers, which hold the attributes in binary mode.
    pub headers: Vec<(String, String)>,
    /// The bytes.
    pub body: Vec<u8>,
    /// The user that the broker vouches for.
    pub publisher: Option<String>,
    /// The door that it came through: a queue, or a path.
    pub origin: &'static str,
}

/// A request that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Its work begins.
    New {
        /// Who asked.
        source: String,
        /// The id of the request.
        id: String,
    },
    /// It was taken before: nothing happens twice.
    Duplicate {
        /// Who asked.
        source: String,
        /// The id of the request.
        id: String,
    },
}

/// A request that was not taken, named by what its publisher does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Refused {
    /// Send less.
    TooLarge(RequestRejected),
    /// Say what it is.
    UnsupportedContentType(RequestRejected),
    /// Correct the field.
    Invalid(RequestRejected),
    /// Something else stands in the way.
    Conflict(RequestRejected),
    /// Send it again later: nothing was kept.
    Unavailable(String),
}

impl Ingress {
    /// Takes a request, or says why not: then it is kept as a dead letter, and its publisher told.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn accept(&self, incoming: Incoming) -> Result<Accepted, Refused> {
        let (span, event) = read(&incoming);
        async {
            match self.take(&incoming, event).await {
                Ok(accepted) => Ok(accepted),
                Err(NotTaken::Refused(refusal)) => {
                    self.keep(&incoming, &refusal).await?;
                    Err(refusal.refused)
                }
                Err(NotTaken::Unavailable(reason)) => Err(Refused::Unavailable(reason)),
            }
        }
        .instrument(span)
        .await
    }

    /// Takes a request that was kept as a dead letter, or says what is wrong with it now: nothing more is kept or told.
    pub(crate) async fn take_again(&self, incoming: &Incoming) -> Result<Accepted, NotTaken> {
        let (span, event) = read(incoming);
        self.take(incoming, event).instrument(span).await
    }

    async fn take(
        &self,
        incoming: &Incoming,
        event: Result<CloudEvent, InvalidEvent>,
    ) -> Result<Accepted, NotTaken> {
        let event = match event {
            Ok(event) => event,
            Err(invalid) => {
                self.metrics.event_received(UNKNOWN_TYPE, "invalid");
                return Err(Refusal::unreadable(invalid).into());
            }
        };
        let request = match Request::from_event(&event) {
            Ok(request) => request,
            Err(rejection) => return Err(self.refused(Refusal::invalid(&event, &rejection), &event)),
        };
        let asked = Asked { cause: event.id.clone(), trace: current_trace() };
        let effects = match effects::of(&self.store, &request, &asked).await {
            Ok(effects) => effects,
            Err(effects::NotPossible::Rejected(rejection)) => {
                return Err(self.refused(Refusal::invalid(&event, &rejection), &event));
            }
            Err(effects::NotPossible::Store(error)) => return Err(NotTaken::unavailable(&error)),
        };
        let DuplicateKey { source, id } = event.duplicate_key();
        let body_hash = ContentHash::of(&(&event.event_type, &event.data));
        match self.store.inbox().accept(&source, &id, body_hash, &effects).await {
            Ok(Acceptance::Accepted(_)) => {
                self.metrics.event_received(known_type(&event), "accepted");
                self.work_was_made.notify_waiters();
                self.note(incoming, &event).await;
                Ok(Accepted::New { source, id })
            }
            Ok(Acceptance::Duplicate) => {
                self.metrics.event_received(known_type(&event), "duplicate");
                Ok(Accepted::Duplicate { source, id })
            }
            Ok(Acceptance::ConflictingBody) => {
                tracing::warn!(event.source = source, event.id = id, "the id of a request was used before");
                let rejection = effects::conflict(
                    "id",
                    "was used before by another request of the same source",
                    "give every request an id of its own; the first one was taken",
                );
                Err(self.refused(Refusal::conflict(&event, &rejection), &event))
            }
            Err(StoreError::Conflict { what, .. }) => {
                let rejection = effects::conflict(
                    "data.name",
                    what,
                    "choose another name, or remove the other one first",
                );
                Err(self.refused(Refusal::conflict(&event, &rejection), &event))
            }
            Err(StoreError::Transition(error)) => {
                let remedy = "look at its state with `muster connector show`";
                let rejection = effects::conflict("data.connectorId", error.to_string(), remedy);
                Err(self.refused(Refusal::conflict(&event, &rejection), &event))
            }
            Err(error) => Err(NotTaken::unavailable(&error)),
        }
    }

    fn refused(&self, refusal: Refusal, event: &CloudEvent) -> NotTaken {
        self.metrics.event_received(known_type(event), "rejected");
        refusal.into()
    }

    async fn note(&self, incoming: &Incoming, event: &CloudEvent) {
        let entry = AuditEntry {
            actor: incoming.publisher.clone().unwrap_or_else(|| event.source.clone()),
            action: event.event_type.clone(),
            target: event.subject.clone().unwrap_or_default(),
            detail: serde_json::json!({ "source": event.source, "id": event.id, "origin": incoming.origin }),
        };
        if let Err(error) = self.store.audit().record(&entry).await {
            tracing::error!(error = %error, event.id = event.id, "an accepted request is missing in the audit");
        }
    }
}

/// The event of a message, and the span in which it is looked at.
fn read(incoming: &Incoming) -> (tracing::Span, Result<CloudEvent, InvalidEvent>) {
    let span = tracing::info_span!(
        "accept request",
        otel.kind = "consumer",
        cloudevents.event_id = tracing::field::Empty,
        cloudevents.event_type = tracing::field::Empty,
    );
    let headers = incoming.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let event = CloudEvent::from_message(incoming.content_type.as_deref(), headers, &incoming.body);
    if let Ok(event) = &event {
        span.record("cloudevents.event_id", event.id.as_str());
        span.record("cloudevents.event_type", event.event_type.as_str());
        if let Some(trace) = event.trace() {
            continue_from(&span, &trace);
        }
    }
    (span, event)
}

/// Label of what is no known type.
const UNKNOWN_TYPE: &str = "unknown";

/// The type as a label: only known ones, because a label must have few values.
fn known_type(event: &CloudEvent) -> &'static str {
    REQUEST_TYPES.into_iter().find(|known| *known == event.event_type).unwrap_or(UNKNOWN_TYPE)
}
