//! Requests, each accepted once, whichever way they come.
//!
//! A request is read, checked and looked up; its effects and the note that it was seen are one transaction. What
//! cannot be accepted is answered with a fact that names the field and the remedy, and kept as a dead letter.

mod effects;
mod looping;

pub use looping::RequestLoop;

use crate::metrics::Metrics;
use crate::telemetry::{continue_from, current_trace};
use muster_domain::resource::ContentHash;
use muster_messages::event::DuplicateKey;
use muster_messages::fact::{FactPayload, RequestRejected};
use muster_messages::request::{REQUEST_TYPES, RejectedRequest, RejectionKind};
use muster_messages::{CloudEvent, Fact, Request};
use muster_store::audit::AuditEntry;
use muster_store::dead_letters::NewDeadLetter;
use muster_store::inbox::Acceptance;
use muster_store::requests::Asked;
use muster_store::{Store, StoreError};
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
    /// Takes a request, or says why not.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn accept(&self, incoming: Incoming) -> Result<Accepted, Refused> {
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
        self.take(incoming, event).instrument(span).await
    }

    async fn take(
        &self,
        incoming: Incoming,
        event: Result<CloudEvent, muster_messages::event::InvalidEvent>,
    ) -> Result<Accepted, Refused> {
        use muster_messages::event::InvalidEventKind;
        let event = match event {
            Ok(event) => event,
            Err(invalid) => {
                let kind = invalid.kind;
                let rejected = RequestRejected::from(invalid);
                self.refuse(&incoming, "unreadable", &rejected, Keep::Body).await?;
                return Err(match kind {
                    InvalidEventKind::TooLarge => Refused::TooLarge(rejected),
                    InvalidEventKind::UnsupportedContentType => Refused::UnsupportedContentType(rejected),
                    InvalidEventKind::Malformed => Refused::Invalid(rejected),
                });
            }
        };
        let request = match Request::from_event(&event) {
            Ok(request) => request,
            Err(rejection) => return Err(self.reject(&incoming, &event, &rejection).await),
        };
        let asked = Asked { cause: event.id.clone(), trace: current_trace() };
        let effects = match effects::of(&self.store, &request, &asked).await {
            Ok(effects) => effects,
            Err(effects::NotPossible::Rejected(rejection)) => {
                return Err(self.reject(&incoming, &event, &rejection).await);
            }
            Err(effects::NotPossible::Store(error)) => return Err(unavailable(&error)),
        };
        let DuplicateKey { source, id } = event.duplicate_key();
        let body_hash = ContentHash::of(&(&event.event_type, &event.data));
        match self.store.inbox().accept(&source, &id, body_hash, &effects).await {
            Ok(Acceptance::Accepted(_)) => {
                self.metrics.event_received(known_type(&event), "accepted");
                self.work_was_made.notify_waiters();
                self.note(&incoming, &event).await;
                Ok(Accepted::New { source, id })
            }
            Ok(Acceptance::Duplicate) => {
                self.metrics.event_received(known_type(&event), "duplicate");
                Ok(Accepted::Duplicate { source, id })
            }
            Ok(Acceptance::ConflictingBody) => {
                let rejection = effects::conflict(
                    "id",
                    "was used before by another request of the same source",
                    "give every request an id of its own; the first one was taken",
                );
                Err(Refused::Conflict(self.kept(&incoming, &event, &rejection).await?))
            }
            Err(error) if error.is_passing() => Err(unavailable(&error)),
            Err(StoreError::Conflict { what, .. }) => {
                let rejection = effects::conflict(
                    "data.name",
                    what,
                    "choose another name, or remove the other one first",
                );
                Err(Refused::Conflict(self.kept(&incoming, &event, &rejection).await?))
            }
            Err(StoreError::Transition(error)) => {
                let remedy = "look at its state with `muster connector show`";
                let rejection = effects::conflict("data.connectorId", error.to_string(), remedy);
                Err(Refused::Conflict(self.kept(&incoming, &event, &rejection).await?))
            }
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn reject(&self, incoming: &Incoming, event: &CloudEvent, rejection: &RejectedRequest) -> Refused {
        match self.kept(incoming, event, rejection).await {
            Ok(rejected) => Refused::Invalid(rejected),
            Err(refused) => refused,
        }
    }

    async fn kept(
        &self,
        incoming: &Incoming,
        event: &CloudEvent,
        rejection: &RejectedRequest,
    ) -> Result<RequestRejected, Refused> {
        let rejected = rejection.to_fact(event);
        let keep = if rejection.kind == RejectionKind::ContainsSecret { Keep::Nothing } else { Keep::Body };
        self.metrics.event_received(known_type(event), "rejected");
        self.refuse(incoming, class_of(rejection.kind), &rejected, keep).await?;
        Ok(rejected)
    }

    /// Keeps what was not taken, and tells its publisher.
    async fn refuse(
        &self,
        incoming: &Incoming,
        class: &'static str,
        rejected: &RequestRejected,
        keep: Keep,
    ) -> Result<(), Refused> {
        tracing::warn!(
            origin = incoming.origin,
            class,
            field = rejected.field.as_deref(),
            reason = rejected.reason,
            "a request is not taken"
        );
        let raw = match keep {
            Keep::Body => incoming.body.clone(),
            Keep::Nothing => Vec::new(),
        };
        let letter = NewDeadLetter {
            origin: incoming.origin.to_owned(),
            routing_key: None,
            raw,
            headers: serde_json::json!({ "contentType": incoming.content_type, "userId": incoming.publisher }),
            reason_class: class.to_owned(),
            reason: reason_of(rejected),
            job_id: None,
        };
        let fact = self.fact_of(incoming, rejected).await.map_err(|error| unavailable(&error))?;
        self.store.dead_letters().put(&letter).await.map_err(|error| unavailable(&error))?;
        self.store.inbox().tell(&[fact]).await.map_err(|error| unavailable(&error))
    }

    async fn fact_of(&self, incoming: &Incoming, rejected: &RequestRejected) -> Result<Fact, StoreError> {
        // The same bytes refused again are the same fact.
        let mut sequence = [0_u8; 8];
        sequence.copy_from_slice(&ContentHash::of(&incoming.body).0[..8]);
        Ok(Fact {
            subject: format!("{}/{}", incoming.origin, rejected.id.as_deref().unwrap_or_default()),
            sequence: i64::from_be_bytes(sequence),
            time: self.store.now().await?,
            payload: FactPayload::RequestRejected(rejected.clone()),
        })
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Body,
    /// The body holds what looks like a secret.
    Nothing,
}

/// Which field, why, and what to do, in one line: whoever reads a dead letter has nothing else.
fn reason_of(rejected: &RequestRejected) -> String {
    let field = rejected.field.as_ref().map(|field| format!("`{field}` ")).unwrap_or_default();
    format!("{field}{}; {}", rejected.reason, rejected.remedy)
}

fn class_of(kind: RejectionKind) -> &'static str {
    match kind {
        RejectionKind::UnknownType => "unknown_type",
        RejectionKind::UnsupportedVersion => "unsupported_version",
        RejectionKind::Invalid => "invalid",
        RejectionKind::ContainsSecret => "contains_secret",
    }
}

/// The type as a label: only known ones, because a label must have few values.
fn known_type(event: &CloudEvent) -> &'static str {
    REQUEST_TYPES.into_iter().find(|known| *known == event.event_type).unwrap_or("unknown")
}

fn unavailable(error: &StoreError) -> Refused {
    Refused::Unavailable(error.to_string())
}
