//! Why a message is no event that can be read.

use crate::fact::RequestRejected;

/// A message that is not a valid event. Says nothing of what it holds beyond `source` and `id`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", field.as_ref().map(|field| format!("`{field}` ")).unwrap_or_default())]
pub struct InvalidEvent {
    /// What a transport answers.
    pub kind: InvalidEventKind,
    /// `source`, as far as it could be read.
    pub event_source: Option<String>,
    /// `id`, as far as it could be read.
    pub event_id: Option<String>,
    /// The attribute or field that is wrong.
    pub field: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub remedy: &'static str,
}

/// What a transport answers to an invalid event; on AMQP all are dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidEventKind {
    /// Larger than [`EVENT_BYTES_MAX`](super::EVENT_BYTES_MAX): HTTP 413.
    TooLarge,
    /// Neither structured JSON nor binary mode: HTTP 415.
    UnsupportedContentType,
    /// Not an event, or an attribute is wrong: HTTP 400.
    Malformed,
}

impl InvalidEvent {
    pub(super) fn malformed(field: Option<&str>, reason: impl Into<String>, remedy: &'static str) -> Self {
        Self {
            kind: InvalidEventKind::Malformed,
            event_source: None,
            event_id: None,
            field: field.map(str::to_owned),
            reason: reason.into(),
            remedy,
        }
    }

    pub(super) fn content_type(reason: impl Into<String>) -> Self {
        let remedy = "send one JSON event as application/cloudevents+json, or its attributes as CloudEvents headers \
                      and its data as application/json";
        Self { kind: InvalidEventKind::UnsupportedContentType, ..Self::malformed(None, reason, remedy) }
    }

    pub(super) fn about(mut self, source: Option<&str>, id: Option<&str>) -> Self {
        self.event_source = source.map(str::to_owned);
        self.event_id = id.map(str::to_owned);
        self
    }
}

impl From<InvalidEvent> for RequestRejected {
    fn from(invalid: InvalidEvent) -> Self {
        Self {
            source: invalid.event_source,
            id: invalid.event_id,
            field: invalid.field,
            reason: invalid.reason,
            remedy: invalid.remedy.to_owned(),
        }
    }
}
