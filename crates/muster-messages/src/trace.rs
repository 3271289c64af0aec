//! W3C trace context (<https://www.w3.org/TR/trace-context/>) as it travels in AMQP headers and ledger rows.

use serde::{Deserialize, Serialize};

/// Name of the header that carries the context.
pub const TRACEPARENT_HEADER: &str = "traceparent";
/// Name of the header that carries vendors' additions.
pub const TRACESTATE_HEADER: &str = "tracestate";

/// Where in a trace something was caused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    /// `00-{trace id}-{span id}-{flags}`.
    pub traceparent: String,
    /// Vendors' additions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracestate: Option<String>,
}
