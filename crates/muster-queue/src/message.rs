//! Messages of other systems, as they came.

use crate::acknowledger::Acknowledger;
use chrono::{DateTime, SecondsFormat, Utc};
use std::collections::BTreeMap;

/// Most headers of one message that are looked at.
pub(crate) const MOST_HEADERS: usize = 64;
/// Longest header value that is looked at, in bytes; a longer one is as good as absent.
pub(crate) const LONGEST_HEADER_BYTES: usize = 8 * 1024;

/// A message that another system published, or a dead letter.
#[derive(Debug)]
pub struct IncomingMessage {
    /// The bytes as they came.
    pub body: Vec<u8>,
    /// What the publisher says that they are.
    pub content_type: Option<String>,
    /// Headers; in binary mode the attributes of the event under `cloudEvents_` or `cloudEvents:`. At most 64, and
    /// none longer than 8 KiB.
    pub headers: BTreeMap<String, HeaderValue>,
    /// Identity that the publisher gave it.
    pub message_id: Option<String>,
    /// The user that published it: RabbitMQ refuses a message whose `user_id` is not the user of its connection
    /// (<https://www.rabbitmq.com/docs/validated-user-id>).
    pub user_id: Option<String>,
    /// Exchange that it was published to.
    pub exchange: String,
    /// Routing key that it was published with; of a dead letter the name of the queue that it died in.
    pub routing_key: String,
    /// True where it may have been handed out before.
    pub redelivered: bool,
    /// Settles it.
    pub acknowledger: MessageAcknowledger,
}

impl IncomingMessage {
    /// A header as text, in the canonical form of the CloudEvents type system.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).map(HeaderValue::to_text)
    }

    /// Every header as text.
    pub fn text_headers(&self) -> BTreeMap<String, String> {
        self.headers.iter().map(|(name, value)| (name.clone(), value.to_text())).collect()
    }
}

/// Value of a header.
#[derive(Clone, Debug, PartialEq)]
pub enum HeaderValue {
    /// Text.
    Text(String),
    /// Any of the integer types.
    Integer(i64),
    /// Any of the floating point types.
    Number(f64),
    /// A truth value.
    Boolean(bool),
    /// A moment, to the second.
    Timestamp(DateTime<Utc>),
    /// Bytes that are not text.
    Bytes(Vec<u8>),
    /// Nested or absent: nothing that an event's attribute can be.
    Other,
}

impl HeaderValue {
    /// The canonical text of the CloudEvents type system
    /// (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#type-system>).
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Integer(integer) => integer.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Boolean(boolean) => boolean.to_string(),
            Self::Timestamp(moment) => moment.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Other => String::new(),
        }
    }
}

/// Settles a message. Dropped undecided it gives the message back.
#[derive(Debug)]
pub struct MessageAcknowledger(pub(crate) Acknowledger);

impl MessageAcknowledger {
    /// It is dealt with.
    pub async fn acknowledge(self) {
        self.0.acknowledge().await;
    }

    /// It can never be dealt with: to the dead letters.
    pub async fn reject(self) {
        self.0.reject().await;
    }

    /// Somebody else shall have it.
    pub async fn give_back(self) {
        self.0.give_back().await;
    }
}
