//! Requests that are not taken: kept as dead letters, with what a replay needs, and told to their publishers.

use super::{Incoming, Ingress, Refused};
use muster_domain::ConnectorId;
use muster_domain::resource::ContentHash;
use muster_messages::event::{InvalidEvent, InvalidEventKind};
use muster_messages::fact::{FactPayload, RequestRejected};
use muster_messages::request::{RejectedRequest, RejectionKind};
use muster_messages::trace::{TRACEPARENT_HEADER, TRACESTATE_HEADER};
use muster_messages::{CloudEvent, Fact, TraceContext};
use muster_store::StoreError;
use muster_store::dead_letters::{DeadLetter, LOOKS_LIKE_A_SECRET, NewDeadLetter};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Class of a message that is no event.
const UNREADABLE_CLASS: &str = "unreadable";
/// Class of what is larger than events may be.
const TOO_LARGE_CLASS: &str = "too_large";
/// Class of a request that something else stands in the way of.
const CONFLICT_CLASS: &str = "conflict";
/// How headers begin that hold attributes of an event.
const ATTRIBUTE_PREFIXES: [&str; 3] = ["cloudevents_", "cloudevents:", "ce-"];

/// Why a request is not taken.
pub(crate) enum NotTaken {
    /// Something is wrong with it.
    Refused(Box<Refusal>),
    /// Nothing can be said now.
    Unavailable(String),
}

impl NotTaken {
    pub(super) fn unavailable(error: &StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<Refusal> for NotTaken {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

/// What is wrong with a request.
pub(crate) struct Refusal {
    /// For its publisher.
    pub(super) refused: Refused,
    pub(crate) class: &'static str,
    rejected: RequestRejected,
    keep: Keep,
    trace: Option<TraceContext>,
    connector_id: Option<ConnectorId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Body,
    /// The body holds what looks like a secret.
    Nothing,
}

impl Refusal {
    pub(super) fn unreadable(invalid: InvalidEvent) -> Self {
        let kind = invalid.kind;
        let rejected = RequestRejected::from(invalid);
        let (class, refused) = match kind {
            InvalidEventKind::TooLarge => (TOO_LARGE_CLASS, Refused::TooLarge(rejected.clone())),
            InvalidEventKind::UnsupportedContentType => {
                (UNREADABLE_CLASS, Refused::UnsupportedContentType(rejected.clone()))
            }
            InvalidEventKind::Malformed => (UNREADABLE_CLASS, Refused::Invalid(rejected.clone())),
        };
        Self { refused, class, rejected, keep: Keep::Body, trace: None, connector_id: None }
    }

    pub(super) fn invalid(event: &CloudEvent, rejection: &RejectedRequest) -> Self {
        let rejected = rejection.to_fact(event);
        Self { class: class_of(rejection.kind), ..Self::of(event, rejection, Refused::Invalid(rejected)) }
    }

    pub(super) fn conflict(event: &CloudEvent, rejection: &RejectedRequest) -> Self {
        let rejected = rejection.to_fact(event);
        Self { class: CONFLICT_CLASS, ..Self::of(event, rejection, Refused::Conflict(rejected)) }
    }

    fn of(event: &CloudEvent, rejection: &RejectedRequest, refused: Refused) -> Self {
        let is_secret = rejection.kind == RejectionKind::ContainsSecret
            // Not every refusal looks at the payload first.
            || muster_messages::request::holds_secret(event.data.to_string().as_bytes());
        let connector_id = event.data.get("connectorId").and_then(serde_json::Value::as_str);
        Self {
            refused,
            class: class_of(rejection.kind),
            rejected: rejection.to_fact(event),
            keep: if is_secret { Keep::Nothing } else { Keep::Body },
            trace: event.trace(),
            connector_id: connector_id.and_then(|id| Uuid::try_parse(id).ok()).map(ConnectorId),
        }
    }

    /// Which field, why, and what to do, in one line: whoever reads a dead letter has nothing else.
    pub(crate) fn reason(&self) -> String {
        let rejected = &self.rejected;
        let field = rejected.field.as_ref().map(|field| format!("`{field}` ")).unwrap_or_default();
        format!("{field}{}; {}", rejected.reason, rejected.remedy)
    }
}

impl Ingress {
    /// Keeps what was not taken, and tells its publisher.
    pub(super) async fn keep(&self, incoming: &Incoming, refusal: &Refusal) -> Result<(), Refused> {
        tracing::warn!(
            origin = incoming.origin,
            class = refusal.class,
            field = refusal.rejected.field.as_deref(),
            reason = refusal.rejected.reason,
            "a request is not taken"
        );
        let letter = NewDeadLetter {
            origin: incoming.origin.to_owned(),
            raw: match refusal.keep {
                Keep::Body => incoming.body.clone(),
                Keep::Nothing => Vec::new(),
            },
            headers: Kept::of(incoming).without_body(refusal.keep).to_json(),
            reason_class: refusal.class.to_owned(),
            reason: refusal.reason(),
            trace: refusal.trace.clone(),
            connector_id: refusal.connector_id,
            ..NewDeadLetter::default()
        };
        let unavailable = |error: StoreError| Refused::Unavailable(error.to_string());
        let fact = self.fact_of(incoming, &refusal.rejected).await.map_err(unavailable)?;
        self.store.dead_letters().put_and_tell(&letter, &[fact]).await.map_err(unavailable)?;
        Ok(())
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
}

/// What a letter keeps of a message beside its body: what a replay needs, and nothing of which it is not known what it
/// is. Other headers may hold a login.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    event: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    broker: BTreeMap<String, String>,
    /// Why the body is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body_left_out: Option<String>,
}

impl Kept {
    pub(crate) fn of(incoming: &Incoming) -> Self {
        let is_of_event = |name: &str| {
            let name = name.to_ascii_lowercase();
            name == TRACEPARENT_HEADER
                || name == TRACESTATE_HEADER
                || ATTRIBUTE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        };
        Self {
            content_type: incoming.content_type.clone(),
            user_id: incoming.publisher.clone(),
            event: incoming.headers.iter().filter(|(name, _)| is_of_event(name)).cloned().collect(),
            ..Self::default()
        }
    }

    fn without_body(mut self, keep: Keep) -> Self {
        self.body_left_out = (keep == Keep::Nothing).then(|| LOOKS_LIKE_A_SECRET.to_owned());
        self
    }

    /// With what the broker says about the death of the message.
    pub(crate) fn with_death(mut self, headers: &[(String, String)]) -> Self {
        const OF_BROKER: &str = "x-";
        self.broker = headers.iter().filter(|(name, _)| name.starts_with(OF_BROKER)).cloned().collect();
        self
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        // A struct of text always serialises.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Incoming {
    /// The request of a dead letter; `None` where not all of its body was kept.
    pub(crate) fn of_letter(letter: &DeadLetter, origin: &'static str) -> Option<Self> {
        let DeadLetter { letter, original_bytes, .. } = letter;
        if u64::try_from(letter.raw.len()).ok() != Some(*original_bytes) {
            return None;
        }
        let kept: Kept = serde_json::from_value(letter.headers.clone()).unwrap_or_default();
        if kept.body_left_out.is_some() {
            return None;
        }
        Some(Self {
            content_type: kept.content_type,
            headers: kept.event.into_iter().collect(),
            body: letter.raw.clone(),
            publisher: kept.user_id,
            origin,
        })
    }
}

fn class_of(kind: RejectionKind) -> &'static str {
    match kind {
        RejectionKind::UnknownType => "unknown_type",
        RejectionKind::UnsupportedVersion => "unsupported_version",
        RejectionKind::Invalid => "invalid",
        RejectionKind::ContainsSecret => "contains_secret",
    }
}
