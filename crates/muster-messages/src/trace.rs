//! W3C trace context (<https://www.w3.org/TR/trace-context/>) as it travels in AMQP headers and ledger rows.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Name of the header that carries the context.
pub const TRACEPARENT_HEADER: &str = "traceparent";
/// Name of the header that carries vendors' additions.
pub const TRACESTATE_HEADER: &str = "tracestate";
/// Most bytes of `tracestate` that are carried on (W3C Trace Context, 3.3.1.5: at least 512 should be).
pub const TRACESTATE_BYTES_MAX: usize = 512;

/// The only version of `traceparent` there is (W3C Trace Context, 3.2.2).
const TRACEPARENT_VERSION: &str = "00";
/// Hexadecimal digits of a trace id.
const TRACE_ID_DIGITS: usize = 32;
/// Hexadecimal digits of a parent (span) id.
const PARENT_ID_DIGITS: usize = 16;
/// Hexadecimal digits of the flags.
const FLAGS_DIGITS: usize = 2;
/// The flag that says that the caller records its trace.
const SAMPLED_FLAG: u8 = 0x01;

/// Where in a trace something was caused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    /// `00-{trace id}-{span id}-{flags}`.
    pub traceparent: String,
    /// Vendors' additions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
}

impl TraceContext {
    /// Reads both values. A `tracestate` that cannot be carried on is left out: the trace is worth more than
    /// vendors' additions.
    ///
    /// # Errors
    /// [`InvalidTraceparent`] says which part is wrong. Callers start a new trace then; work is never refused for it.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Result<Self, InvalidTraceparent> {
        TraceParts::parse(traceparent)?;
        let tracestate = tracestate.filter(|state| can_be_carried(state)).map(str::to_owned);
        Ok(Self { traceparent: traceparent.to_owned(), tracestate })
    }

    /// Finds a valid context among headers; names are compared without case.
    pub fn from_headers<N, V>(headers: impl IntoIterator<Item = (N, V)>) -> Option<Self>
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        let (mut traceparent, mut tracestate) = (None, None);
        for (name, value) in headers {
            if name.as_ref().eq_ignore_ascii_case(TRACEPARENT_HEADER) {
                traceparent = Some(value);
            } else if name.as_ref().eq_ignore_ascii_case(TRACESTATE_HEADER) {
                tracestate = Some(value);
            }
        }
        Self::parse(traceparent?.as_ref(), tracestate.as_ref().map(AsRef::as_ref)).ok()
    }

    /// The headers that carry it.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let tracestate = self.tracestate.as_deref().map(|state| (TRACESTATE_HEADER, state));
        std::iter::once((TRACEPARENT_HEADER, self.traceparent.as_str())).chain(tracestate)
    }

    /// Its ids as numbers; absent where the text, which anybody may write, is no valid context.
    pub fn parts(&self) -> Option<TraceParts> {
        TraceParts::parse(&self.traceparent).ok()
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.traceparent)
    }
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(traceparent: &str) -> Result<Self, Self::Err> {
        Self::parse(traceparent, None)
    }
}

/// What a `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParts {
    /// The whole trace.
    pub trace_id: u128,
    /// The span that caused it.
    pub parent_id: u64,
    /// The caller records its trace.
    pub sampled: bool,
}

impl TraceParts {
    fn parse(traceparent: &str) -> Result<Self, InvalidTraceparent> {
        let mut parts = traceparent.split('-');
        let (Some(version), Some(trace_id), Some(parent_id), Some(flags), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidTraceparent::Shape);
        };
        if version != TRACEPARENT_VERSION {
            return Err(InvalidTraceparent::Version);
        }
        let trace_id = hexadecimal(trace_id, TRACE_ID_DIGITS).filter(|id| *id != 0);
        let parent_id = hexadecimal(parent_id, PARENT_ID_DIGITS)
            .and_then(|id| u64::try_from(id).ok())
            .filter(|id| *id != 0);
        let flags = hexadecimal(flags, FLAGS_DIGITS).and_then(|flags| u8::try_from(flags).ok());
        Ok(Self {
            trace_id: trace_id.ok_or(InvalidTraceparent::TraceId)?,
            parent_id: parent_id.ok_or(InvalidTraceparent::ParentId)?,
            sampled: flags.ok_or(InvalidTraceparent::Flags)? & SAMPLED_FLAG != 0,
        })
    }
}

/// Which part of a `traceparent` is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTraceparent {
    /// Not four parts between hyphens.
    #[error("traceparent is not of the form 00-<trace id>-<parent id>-<flags>")]
    Shape,
    /// Another version than 00.
    #[error("traceparent is not of version 00")]
    Version,
    /// The trace id.
    #[error("the trace id is not 32 lowercase hexadecimal digits, or is all zero")]
    TraceId,
    /// The parent id.
    #[error("the parent id is not 16 lowercase hexadecimal digits, or is all zero")]
    ParentId,
    /// The flags.
    #[error("the trace flags are not 2 lowercase hexadecimal digits")]
    Flags,
}

/// The number, where `text` is exactly so many lowercase hexadecimal digits (upper case is invalid by the standard).
fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let is_lowercase = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (text.len() == digits && is_lowercase).then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

fn can_be_carried(tracestate: &str) -> bool {
    let is_printable = tracestate.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    !tracestate.is_empty() && tracestate.len() <= TRACESTATE_BYTES_MAX && is_printable
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_valid_context_is_kept_letter_by_letter() {
        let context = TraceContext::parse(VALID, Some("rojo=00f067aa0ba902b7")).unwrap();
        assert_eq!(context.to_string(), VALID);
        assert_eq!(context.tracestate.as_deref(), Some("rojo=00f067aa0ba902b7"));
        let parts = context.parts().unwrap();
        assert_eq!(parts.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(parts.parent_id, 0x00f0_67aa_0ba9_02b7);
        assert!(parts.sampled);
        let unsampled: TraceContext = VALID.replace("-01", "-00").parse().unwrap();
        assert!(!unsampled.parts().unwrap().sampled);
    }

    #[test]
    fn every_part_is_checked() {
        use InvalidTraceparent as Invalid;
        let cases = [
            ("", Invalid::Shape),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", Invalid::Shape),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x", Invalid::Shape),
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Invalid::Version),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Invalid::Version),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", Invalid::TraceId),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", Invalid::TraceId),
            ("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01", Invalid::TraceId),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", Invalid::ParentId),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-+0f067aa0ba902b7-01", Invalid::ParentId),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1", Invalid::Flags),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g", Invalid::Flags),
        ];
        for (traceparent, expected) in cases {
            assert_eq!(TraceContext::parse(traceparent, None), Err(expected), "{traceparent}");
        }
    }

    #[test]
    fn a_bad_tracestate_does_not_cost_the_trace() {
        for state in ["", "a=\n", "a=\u{e9}", &"x".repeat(TRACESTATE_BYTES_MAX + 1)] {
            assert_eq!(TraceContext::parse(VALID, Some(state)).unwrap().tracestate, None);
        }
    }

    #[test]
    fn headers_are_found_without_case_and_written_in_lower_case() {
        let context =
            TraceContext::from_headers([("TraceParent", VALID), ("other", "x"), ("tracestate", "a=b")]);
        let context = context.unwrap();
        assert_eq!(context.headers().collect::<Vec<_>>(), [("traceparent", VALID), ("tracestate", "a=b")]);
        assert_eq!(TraceContext::from_headers([("tracestate", "a=b")]), None);
        assert_eq!(TraceContext::from_headers([("traceparent", "garbage")]), None);
    }
}
