//! A database that stops, refuses, fills up, collides or is locked.

/// Another server takes over.
mod failover;
/// A restart under load.
mod restarts;
/// A pool, a file or a disk that has no more room.
mod shortages;

use async_trait::async_trait;
use muster_domain::job::{JobKind, JobSubject, Role};
use muster_domain::{ConnectorId, OrganizationName, ProjectId};
use muster_queue::{AmqpOptions, AmqpTransport, TicketTransport};
use muster_runtime::dispatcher::Dispatcher;
use muster_runtime::lifecycle::Shutdown;
use muster_runtime::metrics::Metrics;
use muster_runtime::runner::{Runner, RunnerContext, RunnerSettings};
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::Changes;
use muster_store::ledger::{BACKGROUND_PRIORITY, ClaimedJob, JobFilter, JobView, NewJob};
use muster_store::{Store, StoreOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tests::broker::TestBroker;
use uuid::Uuid;

/// Longer than any job of a test.
const LONG: Duration = Duration::from_secs(120);

/// Counts the jobs that it was given, each of which it does at once.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicU32>);

impl Counting {
    fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Handler for Counting {
    fn kind(&self) -> JobKind {
        JobKind::ProjectRefresh
    }

    async fn handle(&self, _job: &ClaimedJob, _slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Outcome::done(Changes::default()))
    }
}

/// A wish for work of [`Counting`].
fn work(number: u128) -> NewJob {
    let project = ProjectId(Uuid::from_u128(number));
    let subject =
        JobSubject::project(ConnectorId(Uuid::from_u128(1)), OrganizationName::new("contoso"), project);
    NewJob {
        kind: JobKind::ProjectRefresh,
        subject,
        credential_id: None,
        delay: Duration::ZERO,
        priority: BACKGROUND_PRIORITY,
        cause: "test".to_owned(),
        trace: None,
    }
}

/// A store that gives up waiting for a connection soon.
async fn store(url: &str) -> Store {
    let options = StoreOptions { acquire_timeout: Duration::from_secs(1), ..StoreOptions::new(url) };
    Store::connect(options).await.expect("connect")
}

async fn transport(broker: &TestBroker) -> Arc<AmqpTransport> {
    AmqpTransport::connect(AmqpOptions::new(vec![broker.amqp_url()], "database-faults"))
        .await
        .expect("connect")
}

/// A worker of this process, with a connection of its own to the broker.
struct Worker {
    shutdown: Shutdown,
    transport: Arc<AmqpTransport>,
}

impl Worker {
    async fn start(store: &Store, broker: &TestBroker, hold: Duration, handler: &Counting) -> Self {
        let (transport, shutdown) = (transport(broker).await, Shutdown::new());
        let context = RunnerContext {
            store: store.clone(),
            transport: Arc::clone(&transport) as Arc<dyn TicketTransport>,
            metrics: Metrics::new().expect("fresh instruments"),
            shutdown: shutdown.clone(),
            work_was_made: Arc::default(),
            owner: "test".to_owned(),
        };
        let settings = RunnerSettings { slots: 8, lease: LONG, slice: LONG, overrun: LONG, hold };
        let handlers: Vec<Arc<dyn Handler>> = vec![Arc::new(handler.clone())];
        Runner::new(context, settings, Role::Refresh, handlers).start();
        Self { shutdown, transport }
    }

    async fn stop(self) {
        self.shutdown.begin();
        self.shutdown.drained().await;
        self.transport.close().await;
    }
}

/// Makes tickets of everything that is due.
async fn dispatch(store: &Store, transport: &Arc<AmqpTransport>) -> usize {
    let dispatcher = Dispatcher {
        store: store.clone(),
        transport: Arc::clone(transport) as Arc<dyn TicketTransport>,
        metrics: Metrics::new().expect("fresh instruments"),
        shutdown: Shutdown::new(),
        work_was_made: Arc::default(),
    };
    dispatcher.round().await.expect("dispatch")
}

async fn jobs(store: &Store) -> Vec<JobView> {
    store.ledger().list(&JobFilter::default()).await.expect("list")
}

/// Whether all jobs are done at their first attempt, and nobody's crash.
fn all_done_at_once(jobs: &[JobView]) -> bool {
    jobs.iter().all(|job| {
        job.state == muster_domain::job::JobState::Done && job.attempt <= 1 && job.crash_count == 0
    })
}
