//! The trace of a request is linked from the work that it caused: over the ledger row, the AMQP header and the ticket.

use async_trait::async_trait;
use muster_domain::job::{JobKind, JobState, JobSubject, Role};
use muster_domain::{ConnectorId, OrganizationName, ProjectId};
use muster_queue::{AmqpOptions, AmqpTransport, InProcessTransport, TicketTransport};
use muster_runtime::telemetry::current_trace;
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::Changes;
use muster_store::ledger::{BACKGROUND_PRIORITY, ClaimedJob, JobFilter, NewJob};
use muster_store::{Store, StoreOptions};
use opentelemetry::trace::{SpanId, TraceId, TracerProvider as _};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tests::broker::TestBroker;
use tests::database::TestDatabase;
use tests::local_worker::LocalWorker;
use tests::waiting::{SOON, wait_for, wait_until};
use tracing::Level;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use uuid::Uuid;

struct Nothing;

#[async_trait]
impl Handler for Nothing {
    fn kind(&self) -> JobKind {
        JobKind::ProjectRefresh
    }

    async fn handle(&self, _job: &ClaimedJob, _slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        Ok(Outcome::done(Changes::default()))
    }
}

#[tokio::test]
async fn work_over_amqp_is_linked_to_what_caused_it() {
    let broker = TestBroker::vhost().await;
    let database = TestDatabase::postgres().await;
    let options = AmqpOptions::new(vec![broker.amqp_url()], "trace-link");
    let transport = AmqpTransport::connect(options).await.unwrap();
    the_link_is_there(&database, transport).await;
}

#[tokio::test]
async fn work_in_process_is_linked_to_what_caused_it() {
    let database = TestDatabase::sqlite();
    the_link_is_there(&database, InProcessTransport::new()).await;
}

/// Spans of the whole test binary: threads of the database's driver leave spans through the global subscriber, a
/// subscriber of one thread would never see them end.
fn exporter() -> &'static InMemorySpanExporter {
    static EXPORTER: OnceLock<InMemorySpanExporter> = OnceLock::new();
    EXPORTER.get_or_init(|| {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let ours = Targets::new().with_targets([("muster_runtime", Level::INFO), ("it", Level::INFO)]);
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(ours));
        tracing::subscriber::set_global_default(subscriber).expect("nobody else sets a global subscriber");
        exporter
    })
}

async fn the_link_is_there(database: &TestDatabase, transport: Arc<dyn TicketTransport>) {
    let exporter = exporter();
    let store = Store::connect(StoreOptions::new(database.url())).await.expect("connect");
    store.migrate().await.expect("migrate");
    let producer = tracing::info_span!("accept request");
    let trace = producer.in_scope(current_trace).expect("the producer's span has a context");
    drop(producer);
    store.ledger().enqueue(&[job(Some(trace.clone()))]).await.expect("enqueue");
    run_to_the_end(&store, transport).await;

    let cause = trace.parts().expect("a valid context");
    let linked = |span: &SpanData| {
        span.links.iter().any(|link| {
            link.span_context.trace_id() == TraceId::from(cause.trace_id)
                && link.span_context.span_id() == SpanId::from(cause.parent_id)
        })
    };
    let work = wait_for("the span of the work is finished", SOON, async || {
        exporter.get_finished_spans().expect("the spans").into_iter().find(linked)
    })
    .await;
    assert_eq!(work.name, "process muster.v1.refresh");
    assert_eq!(work.links.len(), 1);
    let own = work.span_context.trace_id();
    assert_ne!(own, TraceId::from(cause.trace_id), "linked, not a child");
}

fn job(trace: Option<muster_messages::TraceContext>) -> NewJob {
    let connector = ConnectorId(Uuid::new_v4());
    NewJob {
        kind: JobKind::ProjectRefresh,
        subject: JobSubject::project(connector, OrganizationName::new("contoso"), ProjectId(Uuid::new_v4())),
        credential_id: None,
        delay: Duration::ZERO,
        priority: BACKGROUND_PRIORITY,
        cause: "test".to_owned(),
        trace,
    }
}

async fn run_to_the_end(store: &Store, transport: Arc<dyn TicketTransport>) {
    let worker = LocalWorker::start(store, &transport, Role::Refresh, 1, vec![Arc::new(Nothing)]);
    wait_until("the job is done", SOON, async || {
        let jobs = store.ledger().list(&JobFilter::default()).await.expect("list");
        jobs.iter().all(|job| job.state == JobState::Done)
    })
    .await;
    worker.stop().await;
}
