use super::*;
use opentelemetry_sdk::trace::InMemorySpanExporter;
use tracing::Instrument;

fn exporting() -> (InMemorySpanExporter, SdkTracerProvider, impl tracing::Subscriber) {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let subscriber = tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("test")));
    (exporter, provider, subscriber)
}

#[test]
fn a_consumer_span_is_linked_to_the_span_that_asked_for_the_work() {
    let (exporter, provider, subscriber) = exporting();
    let trace = tracing::subscriber::with_default(subscriber, || {
        let producer = tracing::info_span!("producer");
        let trace = producer.in_scope(current_trace).unwrap();
        let consumer = tracing::info_span!(parent: None, "consumer");
        link_to(&consumer, &trace);
        consumer.in_scope(|| ());
        trace
    });
    provider.force_flush().unwrap();
    let spans = exporter.get_finished_spans().unwrap();
    let producer = spans.iter().find(|span| span.name == "producer").unwrap();
    let consumer = spans.iter().find(|span| span.name == "consumer").unwrap();
    assert_eq!(consumer.links.len(), 1);
    let linked = &consumer.links.iter().next().unwrap().span_context;
    assert_eq!(linked.span_id(), producer.span_context.span_id());
    assert_eq!(linked.trace_id(), producer.span_context.trace_id());
    assert_ne!(consumer.span_context.trace_id(), producer.span_context.trace_id());
    assert!(trace.traceparent.contains(&producer.span_context.trace_id().to_string()));
}

#[test]
fn garbage_is_no_context() {
    for traceparent in
        ["", "00-zz-11-01", "00-00000000000000000000000000000000-0000000000000000-01", "01-a-b-c-d"]
    {
        let trace = TraceContext { traceparent: traceparent.to_owned(), tracestate: None };
        assert!(span_context_of(&trace).is_none(), "{traceparent}");
    }
}

#[tokio::test]
async fn a_span_outside_any_trace_has_no_context() {
    async {}.instrument(Span::none()).await;
    assert_eq!(trace_of(&Span::none()), None);
}
