//! The binary mode: attributes in headers, the payload in the body.
//! Sources: CloudEvents 1.0.2, amqp-protocol-binding.md 3.1 and http-protocol-binding.md 3.1.

use super::validation::{self, Attributes};
use super::{CloudEvent, InvalidEvent};
use crate::trace::TraceContext;

/// What stands before the name of an attribute: AMQP's two forms, and HTTP's.
const PREFIXES: [(&str, Encoding); 3] =
    [("cloudevents_", Encoding::Plain), ("cloudevents:", Encoding::Plain), ("ce-", Encoding::Percent)];

#[derive(Clone, Copy)]
enum Encoding {
    Plain,
    Percent,
}

/// What the headers of a message say about an event.
pub(super) struct Headers {
    attributes: Attributes,
    trace: Option<TraceContext>,
    size_bytes: usize,
}

impl Headers {
    pub(super) fn read<N, V>(headers: impl IntoIterator<Item = (N, V)>) -> Result<Self, InvalidEvent>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let mut attributes = Attributes::default();
        let mut size_bytes = 0;
        let mut trace_headers = Vec::new();
        for (name, value) in headers {
            let (name, value) = (name.as_ref().to_ascii_lowercase(), value.as_ref());
            let prefix = PREFIXES.iter().find_map(|(prefix, encoding)| {
                name.strip_prefix(prefix).map(|attribute| (attribute.to_owned(), *encoding))
            });
            let Some((attribute, encoding)) = prefix else {
                if matches!(name.as_str(), crate::trace::TRACEPARENT_HEADER | crate::trace::TRACESTATE_HEADER)
                {
                    trace_headers.push((name, value.to_owned()));
                }
                continue;
            };
            size_bytes += name.len() + value.len();
            validation::check_size(size_bytes)?;
            let decoded = match encoding {
                Encoding::Plain => Some(value.to_owned()),
                Encoding::Percent => percent_decoded(value),
            };
            let decoded = decoded.ok_or_else(|| {
                attributes.invalid(
                    &attribute,
                    "is not percent-encoded UTF-8",
                    "encode the header as CloudEvents asks",
                )
            })?;
            attributes.insert(&attribute, decoded)?;
        }
        Ok(Self { attributes, trace: TraceContext::from_headers(trace_headers), size_bytes })
    }

    /// True where at least one attribute was found: the message is an event in binary mode.
    pub(super) fn has_attributes(&self) -> bool {
        !self.attributes.is_empty()
    }

    pub(super) fn into_trace(self) -> Option<TraceContext> {
        self.trace
    }

    pub(super) fn into_event(
        mut self,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<CloudEvent, InvalidEvent> {
        validation::check_size(self.size_bytes + body.len())?;
        // The content type of the message is the content type of the data, whatever a header says beside it.
        if let Some(content_type) = content_type.filter(|content_type| !content_type.is_empty()) {
            self.attributes.replace("datacontenttype", content_type);
        }
        let data = validation::binary_data(&self.attributes, body)?;
        Ok(self.attributes.into_event(data)?.with_trace_unless_present(self.trace))
    }
}

/// The media type without parameters, in lower case.
pub(super) fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn percent_decoded(value: &str) -> Option<String> {
    let bytes = value.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut position = 0;
    while let Some(byte) = bytes.get(position) {
        if *byte == b'%' {
            let digits = std::str::from_utf8(bytes.get(position + 1..position + 3)?).ok()?;
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
            position += 3;
        } else {
            decoded.push(*byte);
            position += 1;
        }
    }
    String::from_utf8(decoded).ok()
}
