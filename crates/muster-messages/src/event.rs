//! The CloudEvents 1.0 envelope (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>): read from
//! structured JSON or from binary mode, checked once, here.

mod binary;
mod invalid;
mod validation;

pub use invalid::{InvalidEvent, InvalidEventKind};

use crate::trace::TraceContext;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::fmt;

/// Content type of the structured mode.
pub const STRUCTURED_CONTENT_TYPE: &str = "application/cloudevents+json";
/// Content type of every payload.
pub const JSON_CONTENT_TYPE: &str = "application/json";
/// The version of CloudEvents that is spoken here.
pub const SPEC_VERSION: &str = "1.0";
/// Largest event that is read, in bytes, envelope included: what every intermediary of CloudEvents has to forward
/// (CloudEvents 1.0.2, "Size Limits"). A larger one could get lost on its way to somebody else.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;
/// Longest `id` and `type`, in bytes: both travel as short strings of AMQP 0-9-1 (message id, routing key).
pub const SHORT_ATTRIBUTE_BYTES_MAX: usize = 255;
/// Longest `source`, in bytes: with `id` it is the key of an index, whose rows PostgreSQL limits to 2,704 bytes.
pub const SOURCE_BYTES_MAX: usize = 512;
/// Longest `subject` and `dataschema`, in bytes: an ARM id of a repository with the longest names fits.
pub const LONG_ATTRIBUTE_BYTES_MAX: usize = 2_048;

/// An event in its structured JSON form.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CloudEvent {
    /// Always `1.0`.
    #[schemars(extend("const" = SPEC_VERSION))]
    pub specversion: String,
    /// With `source`, what makes it unique: the duplicate key.
    #[schemars(length(min = 1, max = SHORT_ATTRIBUTE_BYTES_MAX))]
    pub id: String,
    /// Who says it.
    #[schemars(length(min = 1, max = SOURCE_BYTES_MAX), extend("format" = "uri-reference"))]
    pub source: String,
    /// What it is; also the routing key. Ends in a version.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = SHORT_ATTRIBUTE_BYTES_MAX))]
    pub event_type: String,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// When it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<DateTime<Utc>>,
    /// Content type of `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datacontenttype: Option<String>,
    /// Schema of `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataschema: Option<String>,
    /// Start of the trace, W3C.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Vendors' additions to the trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
    /// The payload, a JSON object.
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub data: Value,
}

impl CloudEvent {
    /// Reads a message: structured or binary mode as its content type and headers say, with the trace of the
    /// transport where the event has none.
    ///
    /// A JSON body without any CloudEvents header is taken as structured: publishers forget the content type, and
    /// the checks then say what is missing.
    ///
    /// # Errors
    /// [`InvalidEvent`] with what is wrong, where, and what to do.
    pub fn from_message<N, V>(
        content_type: Option<&str>,
        headers: impl IntoIterator<Item = (N, V)>,
        body: &[u8],
    ) -> Result<Self, InvalidEvent>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let headers = binary::Headers::read(headers)?;
        let media_type = content_type.map(binary::media_type).filter(|media_type| !media_type.is_empty());
        let structured = match media_type.as_deref() {
            Some(STRUCTURED_CONTENT_TYPE | "application/cloudevents") => true,
            Some(other) if other.starts_with("application/cloudevents") => {
                return Err(InvalidEvent::content_type("batches and formats other than JSON are not read"));
            }
            Some(JSON_CONTENT_TYPE) | None => !headers.has_attributes(),
            Some(_) if headers.has_attributes() => false,
            Some(_) => return Err(InvalidEvent::content_type("the message is not a CloudEvent")),
        };
        if !structured {
            return headers.into_event(content_type, body);
        }
        let transport_trace = headers.into_trace();
        Ok(Self::from_structured(body)?.with_trace_unless_present(transport_trace))
    }

    /// Reads the structured mode.
    ///
    /// # Errors
    /// [`InvalidEvent`] with what is wrong, where, and what to do.
    pub fn from_structured(body: &[u8]) -> Result<Self, InvalidEvent> {
        validation::check_size(body.len())?;
        let raw: RawEvent = validation::parse_object(body)?;
        raw.into_event()
    }

    /// Reads the binary mode: attributes in headers (`cloudEvents_…` or `cloudEvents:…` on AMQP, `ce-…` on HTTP,
    /// there percent-encoded), the payload in the body.
    ///
    /// # Errors
    /// [`InvalidEvent`] with what is wrong, where, and what to do.
    pub fn from_binary<N, V>(
        headers: impl IntoIterator<Item = (N, V)>,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Self, InvalidEvent>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        binary::Headers::read(headers)?.into_event(content_type, body)
    }

    /// The structured form.
    pub fn to_structured(&self) -> Vec<u8> {
        // Text, a time and a JSON value always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What makes it unique: two events with the same key are one.
    pub fn duplicate_key(&self) -> DuplicateKey {
        DuplicateKey { source: self.source.clone(), id: self.id.clone() }
    }

    /// Where in a trace it was published.
    pub fn trace(&self) -> Option<TraceContext> {
        TraceContext::parse(self.traceparent.as_deref()?, self.tracestate.as_deref()).ok()
    }

    fn with_trace_unless_present(mut self, trace: Option<TraceContext>) -> Self {
        if let (None, Some(trace)) = (&self.traceparent, trace) {
            self.traceparent = Some(trace.traceparent);
            self.tracestate = trace.tracestate;
        }
        self
    }
}

/// `source` and `id` of an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DuplicateKey {
    /// Who says it.
    pub source: String,
    /// Which of what it says.
    pub id: String,
}

impl fmt::Display for DuplicateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}#{}", self.source, self.id)
    }
}

/// No event comes into being from JSON without the checks.
impl<'de> Deserialize<'de> for CloudEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RawEvent::deserialize(deserializer)?.into_event().map_err(serde::de::Error::custom)
    }
}

/// The structured form before the checks. Members that are not named here are extension attributes: ignored.
#[derive(Deserialize)]
struct RawEvent {
    specversion: Option<Value>,
    id: Option<Value>,
    source: Option<Value>,
    #[serde(rename = "type")]
    event_type: Option<Value>,
    subject: Option<Value>,
    time: Option<Value>,
    datacontenttype: Option<Value>,
    dataschema: Option<Value>,
    traceparent: Option<Value>,
    tracestate: Option<Value>,
    data: Option<Value>,
    data_base64: Option<Value>,
}

impl RawEvent {
    fn into_event(self) -> Result<CloudEvent, InvalidEvent> {
        let mut attributes = validation::Attributes::default();
        let members = [
            ("source", self.source),
            ("id", self.id),
            ("specversion", self.specversion),
            ("type", self.event_type),
            ("subject", self.subject),
            ("time", self.time),
            ("datacontenttype", self.datacontenttype),
            ("dataschema", self.dataschema),
            ("traceparent", self.traceparent),
            ("tracestate", self.tracestate),
        ];
        for (name, value) in members {
            match value {
                None => {}
                Some(Value::String(text)) => attributes.insert(name, text)?,
                Some(_) => {
                    return Err(attributes.invalid(name, "must be a string", "write it in quotation marks"));
                }
            }
        }
        let data = validation::structured_data(&attributes, self.data, self.data_base64)?;
        attributes.into_event(data)
    }
}

#[cfg(test)]
mod tests;
