//! Logs with trace ids, spans to OpenTelemetry, and links across the queue.

use crate::lifecycle::TELEMETRY_FLUSH;
use muster_messages::TraceContext;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::io::IsTerminal as _;
use std::str::FromStr;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line: for collectors.
    #[default]
    Json,
    /// Lines for people, coloured at a terminal (unless `NO_COLOR` is set, <https://no-color.org>).
    Text,
}

/// Who reads the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Those who run a service: everything that happens.
    Operators,
    /// The person who called a command: what is wrong.
    Caller,
}

/// What services log when `RUST_LOG` says nothing.
const SERVICE_FILTER: &str = "info,sqlx=warn,lapin=error,hyper=warn,reqwest=warn,sea_orm=warn";
/// What commands log when `RUST_LOG` says nothing: their data is elsewhere, a person wants to know what is wrong. What
/// the AMQP client says of a broker that cannot be reached, the command says itself, with what to do.
const COMMAND_FILTER: &str = "warn,sqlx=error,lapin=off";

/// Keeps the exporter alive; [`Telemetry::shutdown`] sends what is left.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkTracerProvider,
}

/// Telemetry cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `OTEL_EXPORTER_OTLP_*` cannot be used.
    #[error("the span exporter cannot be built, check OTEL_EXPORTER_OTLP_ENDPOINT: {0}")]
    Exporter(String),
    /// Something else in the process already logs.
    #[error("logs are already set up in this process")]
    AlreadyInstalled,
}

impl Telemetry {
    /// Logs to standard error in `format`, for `audience`; spans go to a collector where `OTEL_EXPORTER_OTLP_ENDPOINT` names one.
    ///
    /// # Errors
    /// [`TelemetryError`].
    pub fn install(
        service: &'static str,
        format: LogFormat,
        audience: Audience,
    ) -> Result<Self, TelemetryError> {
        let provider = build_provider(service)?;
        let tracer = provider.tracer("muster");
        let default = match audience {
            Audience::Operators => SERVICE_FILTER,
            Audience::Caller => COMMAND_FILTER,
        };
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
        let logs = match format {
            LogFormat::Json => tracing_subscriber::fmt::layer()
                .event_format(crate::telemetry::json::JsonWithTrace)
                .with_writer(std::io::stderr)
                .boxed(),
            LogFormat::Text => {
                let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
                layer.with_ansi(is_coloured()).boxed()
            }
        };
        tracing_subscriber::registry()
            .with(filter)
            .with(tracing_opentelemetry::layer().with_tracer(tracer))
            .with(logs)
            .try_init()
            .map_err(|_| TelemetryError::AlreadyInstalled)?;
        Ok(Self { provider })
    }

    /// Sends the last spans, for [`TELEMETRY_FLUSH`] at most: a collector that is down must not hold a process up. The
    /// thread that sends may go on: the process must not wait for it.
    pub async fn shutdown(self) {
        // The exporter blocks; on a runtime thread it could wait for itself.
        let flush = tokio::task::spawn_blocking(move || self.provider.shutdown());
        if !matches!(tokio::time::timeout(TELEMETRY_FLUSH, flush).await, Ok(Ok(Ok(())))) {
            tracing::debug!("the last spans were not delivered");
        }
    }
}

fn is_coloured() -> bool {
    let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !is_refused
}

fn build_provider(service: &'static str) -> Result<SdkTracerProvider, TelemetryError> {
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let builder = SdkTracerProvider::builder().with_resource(resource);
    let wants_export = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if !wants_export {
        return Ok(builder.build());
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .build()
        .map_err(|error| TelemetryError::Exporter(error.to_string()))?;
    Ok(builder.with_batch_exporter(exporter).build())
}

/// The context of the current span, to be kept with a job, a ticket or an event.
pub fn current_trace() -> Option<TraceContext> {
    trace_of(&Span::current())
}

/// The context of a span.
pub fn trace_of(span: &Span) -> Option<TraceContext> {
    let context = span.context();
    let span_context = context.span().span_context().clone();
    span_context.is_valid().then(|| TraceContext {
        traceparent: format!(
            "00-{}-{}-{:02x}",
            span_context.trace_id(),
            span_context.span_id(),
            span_context.trace_flags().to_u8()
        ),
        tracestate: Some(span_context.trace_state().header()).filter(|state| !state.is_empty()),
    })
}

/// Links `span` to where its work was asked for. A link and not a parent: a job outlives the request that caused
/// it, and a group has many causes (OpenTelemetry semantic conventions, messaging spans).
pub fn link_to(span: &Span, cause: &TraceContext) {
    if let Some(context) = span_context_of(cause) {
        span.add_link(context);
    }
}

/// Makes `span` a child of where its work was asked for, within one request.
pub fn continue_from(span: &Span, cause: &TraceContext) {
    if let Some(context) = span_context_of(cause)
        && span.set_parent(Context::new().with_remote_span_context(context)).is_err()
    {
        tracing::debug!("the span already has a parent");
    }
}

fn span_context_of(trace: &TraceContext) -> Option<SpanContext> {
    let mut parts = trace.traceparent.split('-');
    let (Some("00"), Some(trace_id), Some(span_id), Some(flags), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let context = SpanContext::new(
        TraceId::from_hex(trace_id).ok()?,
        SpanId::from_hex(span_id).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        trace.tracestate.as_deref().and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default(),
    );
    context.is_valid().then_some(context)
}

mod json;

#[cfg(test)]
mod tests;
