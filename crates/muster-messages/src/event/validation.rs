//! The checks that every event passes, whichever way it came.

use super::binary::media_type;
use super::{
    CloudEvent, EVENT_BYTES_MAX, InvalidEvent, InvalidEventKind, JSON_CONTENT_TYPE, LONG_ATTRIBUTE_BYTES_MAX,
    SHORT_ATTRIBUTE_BYTES_MAX, SOURCE_BYTES_MAX, SPEC_VERSION,
};
use crate::trace::TraceContext;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Datelike, Utc};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// The attributes that are kept; all others are extensions, and ignored.
const KNOWN: [&str; 10] = [
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "datacontenttype",
    "dataschema",
    "traceparent",
    "tracestate",
];
/// Years that RFC 3339 can write.
const YEARS: std::ops::RangeInclusive<i32> = 0..=9_999;
/// Longest name of a field of the payload that is repeated to the publisher, in characters.
const FIELD_NAME_CHARACTERS_MAX: usize = 64;

/// Attributes by name, before the checks.
#[derive(Default)]
pub(super) struct Attributes {
    values: BTreeMap<&'static str, String>,
    has_any: bool,
}

impl Attributes {
    /// Keeps a known attribute.
    ///
    /// # Errors
    /// Given twice with different values: nobody can tell which one is meant.
    pub(super) fn insert(&mut self, name: &str, value: String) -> Result<(), InvalidEvent> {
        self.has_any = true;
        let Some(known) = KNOWN.into_iter().find(|known| *known == name) else { return Ok(()) };
        if self.values.get(known).is_some_and(|present| *present != value) {
            return Err(self.invalid(known, "is given twice with different values", "give it once"));
        }
        self.values.insert(known, value);
        Ok(())
    }

    pub(super) fn replace(&mut self, name: &'static str, value: &str) {
        self.values.insert(name, value.to_owned());
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.has_any
    }

    /// A complaint about one field of this event.
    pub(super) fn invalid(&self, field: &str, reason: &str, remedy: &'static str) -> InvalidEvent {
        let readable = |name, limit| self.get(name).filter(|text| text.len() <= limit && !has_control(text));
        let (source, id) = (readable("source", SOURCE_BYTES_MAX), readable("id", SHORT_ATTRIBUTE_BYTES_MAX));
        InvalidEvent::malformed(Some(field), reason, remedy).about(source, id)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The event, once every attribute was found right.
    pub(super) fn into_event(self, data: Value) -> Result<CloudEvent, InvalidEvent> {
        let specversion = self.required("specversion", SHORT_ATTRIBUTE_BYTES_MAX)?;
        if specversion != SPEC_VERSION {
            return Err(self.invalid("specversion", "is not 1.0", "publish CloudEvents 1.0"));
        }
        let source = self.required("source", SOURCE_BYTES_MAX)?;
        if !is_uri_reference(&source) {
            return Err(self.invalid(
                "source",
                "is not a URI reference",
                "use a URI such as urn:example:portal or https://portal.example.com/",
            ));
        }
        if let Some(path) = nul_in(&data, "data") {
            return Err(self.invalid(&path, "holds a NUL character", "send text without U+0000"));
        }
        let trace = self
            .get("traceparent")
            .and_then(|parent| TraceContext::parse(parent, self.get("tracestate")).ok());
        let (traceparent, tracestate) =
            trace.map_or((None, None), |trace| (Some(trace.traceparent), trace.tracestate));
        Ok(CloudEvent {
            id: self.required("id", SHORT_ATTRIBUTE_BYTES_MAX)?,
            event_type: self.required("type", SHORT_ATTRIBUTE_BYTES_MAX)?,
            subject: self.optional("subject", LONG_ATTRIBUTE_BYTES_MAX)?,
            time: self.time()?,
            datacontenttype: self.optional("datacontenttype", SHORT_ATTRIBUTE_BYTES_MAX)?,
            dataschema: self.optional("dataschema", LONG_ATTRIBUTE_BYTES_MAX)?,
            specversion,
            source,
            traceparent,
            tracestate,
            data,
        })
    }

    fn required(&self, name: &str, bytes_max: usize) -> Result<String, InvalidEvent> {
        self.optional(name, bytes_max)?.ok_or_else(|| {
            self.invalid(name, "is missing", "every CloudEvent has specversion, id, source and type")
        })
    }

    fn optional(&self, name: &str, bytes_max: usize) -> Result<Option<String>, InvalidEvent> {
        let Some(value) = self.get(name) else { return Ok(None) };
        if value.is_empty() {
            return Err(self.invalid(name, "is empty", "give it a value or leave it out"));
        }
        if value.len() > bytes_max {
            return Err(self.invalid(name, &format!("is longer than {bytes_max} bytes"), "shorten it"));
        }
        // CloudEvents 1.0.2, "Type System": strings hold no control characters.
        if has_control(value) {
            return Err(self.invalid(name, "holds a control character", "leave it out"));
        }
        Ok(Some(value.to_owned()))
    }

    fn time(&self) -> Result<Option<DateTime<Utc>>, InvalidEvent> {
        let Some(text) = self.get("time") else { return Ok(None) };
        let time = DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc));
        let invalid = || self.invalid("time", "is not an RFC 3339 time", "write it as 2026-01-31T12:00:00Z");
        time.filter(|time| YEARS.contains(&time.year())).map(Some).ok_or_else(invalid)
    }
}

/// Refuses what is larger than events may be, before anything reads it.
pub(super) fn check_size(bytes: usize) -> Result<(), InvalidEvent> {
    if bytes <= EVENT_BYTES_MAX {
        return Ok(());
    }
    let reason = format!("the event is larger than {EVENT_BYTES_MAX} bytes");
    let invalid = InvalidEvent::malformed(None, reason, "send less at a time");
    Err(InvalidEvent { kind: InvalidEventKind::TooLarge, ..invalid })
}

/// Reads a JSON object. Depth is bounded by `serde_json`, which refuses at 128 levels.
pub(super) fn parse_object<T: DeserializeOwned>(body: &[u8]) -> Result<T, InvalidEvent> {
    // A derived structure would also take an array for an object.
    let starts_object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let error = if starts_object {
        match serde_json::from_slice(body) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        }
    } else {
        return Err(InvalidEvent::malformed(None, "the body is not a JSON object", "send one JSON object"));
    };
    let place = format!("line {} column {}", error.line(), error.column());
    let reason = match error.classify() {
        // A member that stands there twice: its name is one of ours, its value is not in the text.
        serde_json::error::Category::Data => format!("the event cannot be read: {error}"),
        _ => format!("the body is not JSON that can be read ({place})"),
    };
    Err(InvalidEvent::malformed(None, reason, "send valid JSON in UTF-8, at most 127 levels deep"))
}

/// The payload of the structured mode.
pub(super) fn structured_data(
    attributes: &Attributes,
    data: Option<Value>,
    data_base64: Option<Value>,
) -> Result<Value, InvalidEvent> {
    check_data_content_type(attributes)?;
    let data = match (data, data_base64) {
        (Some(_), Some(_)) => {
            return Err(attributes.invalid("data_base64", "stands beside data", "send one of both"));
        }
        (None, Some(encoded)) => {
            let decoded = encoded.as_str().and_then(|encoded| STANDARD.decode(encoded).ok());
            let parsed = decoded.and_then(|decoded| serde_json::from_slice::<Value>(&decoded).ok());
            let invalid =
                || attributes.invalid("data_base64", "is not JSON in base64", "send data as a JSON object");
            Some(parsed.ok_or_else(invalid)?)
        }
        (data, None) => data,
    };
    match data {
        None => Err(attributes.invalid("data", "is missing", "send the payload as a JSON object")),
        Some(data @ Value::Object(_)) => Ok(data),
        Some(_) => {
            Err(attributes.invalid("data", "is not a JSON object", "send the payload as a JSON object"))
        }
    }
}

/// The payload of the binary mode.
pub(super) fn binary_data(attributes: &Attributes, body: &[u8]) -> Result<Value, InvalidEvent> {
    check_data_content_type(attributes)?;
    let object: serde_json::Map<String, Value> =
        parse_object(body).map_err(|error| attributes.invalid("data", &error.reason, error.remedy))?;
    Ok(Value::Object(object))
}

fn check_data_content_type(attributes: &Attributes) -> Result<(), InvalidEvent> {
    let Some(content_type) = attributes.get("datacontenttype") else { return Ok(()) };
    let media_type = media_type(content_type);
    if media_type == JSON_CONTENT_TYPE || media_type.ends_with("+json") {
        return Ok(());
    }
    let invalid =
        attributes.invalid("datacontenttype", "is not JSON", "send the payload as application/json");
    Err(InvalidEvent { kind: InvalidEventKind::UnsupportedContentType, ..invalid })
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// True where the text could stand as a URI reference: its characters are those of RFC 3986, percent signs lead
/// two digits, and a scheme, where there is one, begins with a letter.
fn is_uri_reference(text: &str) -> bool {
    let bytes = text.as_bytes();
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(byte);
    let escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%').all(|(position, _)| {
        bytes.get(position + 1..position + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let first_segment = text.split(['/', '?', '#']).next().unwrap_or_default();
    let scheme = first_segment.split_once(':').map(|(scheme, _)| scheme);
    let scheme_is_valid =
        scheme.is_none_or(|scheme| scheme.starts_with(|first: char| first.is_ascii_alphabetic()));
    bytes.iter().all(allowed) && escapes && scheme_is_valid
}

/// The path of the first text that holds a NUL character: no database of ours can keep it (PostgreSQL refuses it in
/// text and in jsonb). The depth is bounded by the parser.
fn nul_in(value: &Value, path: &str) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(|| path.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| nul_in(item, &format!("{path}[{index}]")))
        }
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            if name.contains('\0') {
                return Some(path.to_owned());
            }
            let shown: String =
                name.chars().filter(|c| !c.is_control()).take(FIELD_NAME_CHARACTERS_MAX).collect();
            nul_in(member, &format!("{path}.{shown}"))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}
