//! Properties and headers, out and in.

use crate::acknowledger::Acknowledger;
use crate::message::{HeaderValue, IncomingMessage, LONGEST_HEADER_BYTES, MOST_HEADERS, MessageAcknowledger};
use crate::transport::Delivery;
use chrono::{DateTime, Utc};
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use muster_messages::event::STRUCTURED_CONTENT_TYPE;
use muster_messages::ticket::TracedTicket;
use muster_messages::{CloudEvent, Ticket, TraceContext};
use std::collections::BTreeMap;

/// Stored on disk before it is confirmed.
const PERSISTENT: u8 = 2;
/// Content type of tickets.
const TICKET_CONTENT_TYPE: &str = "application/json";
/// Who publishes tickets.
const APPLICATION: &str = "muster";
/// Longest short string of AMQP 0-9-1, in bytes. The client library panics on a longer one.
const LONGEST_SHORT_STRING_BYTES: usize = 255;

/// Text as a short string, cut where it is too long.
pub(crate) fn short(text: &str) -> ShortString {
    let mut end = text.len().min(LONGEST_SHORT_STRING_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].into()
}

/// Properties of a ticket.
pub(crate) fn of_ticket(traced: &TracedTicket, now: DateTime<Utc>) -> BasicProperties {
    BasicProperties::default()
        .with_content_type(TICKET_CONTENT_TYPE.into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(short(&traced.ticket.message_id()))
        .with_type(traced.ticket.kind.as_str().into())
        .with_app_id(APPLICATION.into())
        .with_timestamp(seconds(now))
        .with_headers(trace_headers(traced.trace.as_ref()))
}

/// Properties of an event in structured mode.
pub(crate) fn of_event(event: &CloudEvent, now: DateTime<Utc>) -> BasicProperties {
    BasicProperties::default()
        .with_content_type(STRUCTURED_CONTENT_TYPE.into())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(short(&event.id))
        .with_type(short(&event.event_type))
        .with_app_id(short(&event.source))
        .with_timestamp(seconds(event.time.unwrap_or(now)))
        .with_headers(trace_headers(event.trace().as_ref()))
}

fn seconds(moment: DateTime<Utc>) -> u64 {
    u64::try_from(moment.timestamp()).unwrap_or_default()
}

fn trace_headers(trace: Option<&TraceContext>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in trace.into_iter().flat_map(TraceContext::headers) {
        table.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    table
}

/// A delivery of a ticket queue.
pub(crate) fn to_delivery(delivery: lapin::message::Delivery, acknowledger: Acknowledger) -> Delivery {
    Delivery {
        ticket: Ticket::from_json(&delivery.data),
        trace: trace_of(&delivery.properties),
        redelivered: delivery.redelivered,
        body: delivery.data,
        acknowledger,
    }
}

/// A delivery of any other queue.
pub(crate) fn to_message(delivery: lapin::message::Delivery, acknowledger: Acknowledger) -> IncomingMessage {
    let properties = delivery.properties;
    let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
    IncomingMessage {
        content_type: text(properties.content_type()),
        message_id: text(properties.message_id()),
        user_id: text(properties.user_id()),
        headers: properties.headers().as_ref().map(headers).unwrap_or_default(),
        exchange: delivery.exchange.to_string(),
        routing_key: delivery.routing_key.to_string(),
        redelivered: delivery.redelivered,
        body: delivery.data,
        acknowledger: MessageAcknowledger(acknowledger),
    }
}

fn trace_of(properties: &BasicProperties) -> Option<TraceContext> {
    let text = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => Some(text.to_string()),
        _ => None,
    };
    let headers = properties.headers().as_ref()?.into_iter();
    TraceContext::from_headers(headers.filter_map(|(name, value)| Some((name.as_str(), text(value)?))))
}

fn headers(table: &FieldTable) -> BTreeMap<String, HeaderValue> {
    let short_enough = |value: &HeaderValue| match value {
        HeaderValue::Text(text) => text.len() <= LONGEST_HEADER_BYTES,
        HeaderValue::Bytes(bytes) => bytes.len() <= LONGEST_HEADER_BYTES,
        _ => true,
    };
    table
        .into_iter()
        .map(|(name, value)| (name.to_string(), header(value)))
        .filter(|(_, value)| short_enough(value))
        .take(MOST_HEADERS)
        .collect()
}

fn header(value: &AMQPValue) -> HeaderValue {
    match value {
        AMQPValue::Boolean(boolean) => HeaderValue::Boolean(*boolean),
        AMQPValue::ShortShortInt(integer) => HeaderValue::Integer((*integer).into()),
        AMQPValue::ShortShortUInt(integer) => HeaderValue::Integer((*integer).into()),
        AMQPValue::ShortInt(integer) => HeaderValue::Integer((*integer).into()),
        AMQPValue::ShortUInt(integer) => HeaderValue::Integer((*integer).into()),
        AMQPValue::LongInt(integer) => HeaderValue::Integer((*integer).into()),
        AMQPValue::LongUInt(integer) => HeaderValue::Integer((*integer).into()),
        AMQPValue::LongLongInt(integer) => HeaderValue::Integer(*integer),
        AMQPValue::Float(number) => HeaderValue::Number((*number).into()),
        AMQPValue::Double(number) => HeaderValue::Number(*number),
        AMQPValue::ShortString(text) => HeaderValue::Text(text.to_string()),
        AMQPValue::LongString(text) => text_or_bytes(text.as_bytes()),
        AMQPValue::ByteArray(bytes) => HeaderValue::Bytes(bytes.as_slice().to_vec()),
        AMQPValue::Timestamp(seconds) => i64::try_from(*seconds)
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .map_or(HeaderValue::Other, HeaderValue::Timestamp),
        AMQPValue::DecimalValue(_)
        | AMQPValue::FieldArray(_)
        | AMQPValue::FieldTable(_)
        | AMQPValue::Void => HeaderValue::Other,
    }
}

/// AMQP's long strings are bytes.
fn text_or_bytes(bytes: &[u8]) -> HeaderValue {
    match std::str::from_utf8(bytes) {
        Ok(text) => HeaderValue::Text(text.to_owned()),
        Err(_) => HeaderValue::Bytes(bytes.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_at_a_character() {
        assert_eq!(short("muster").as_str(), "muster");
        assert_eq!(short(&"é".repeat(200)).as_str(), "é".repeat(127));
    }

    #[test]
    fn headers_are_bounded_in_number_and_length() {
        let mut table = FieldTable::default();
        for number in 0..200 {
            table.insert(format!("h{number:03}").into(), AMQPValue::LongInt(number));
        }
        table.insert("a-long-one".into(), AMQPValue::LongString("x".repeat(LONGEST_HEADER_BYTES + 1).into()));
        let read = headers(&table);
        assert_eq!(read.len(), MOST_HEADERS);
        assert_eq!(read.get("h000"), Some(&HeaderValue::Integer(0)));
        assert!(!read.contains_key("a-long-one"));
    }

    #[test]
    fn bytes_that_are_not_text_stay_bytes() {
        assert_eq!(header(&AMQPValue::LongString(vec![0xff].into())), HeaderValue::Bytes(vec![0xff]));
        assert_eq!(header(&AMQPValue::Timestamp(u64::MAX)), HeaderValue::Other);
        let noon = header(&AMQPValue::Timestamp(1_700_000_000));
        assert_eq!(noon.to_text(), "2023-11-14T22:13:20Z");
    }
}
