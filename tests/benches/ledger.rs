//! Throughput of the job ledger beside a raw loop, in one run on one machine.
//!
//! One job: take one message, write ten rows and one outgoing event in a transaction, acknowledge. The raw loop is
//! lapin and sea-orm with 16 handlers and a transaction per message. Muster's side is the whole way: dispatcher,
//! ticket, claim, handler, commit, acknowledgement, in groups. The goal is a ratio of 2.
//!
//! `tests/run --services-only` gives the services; `cargo bench --workspace --bench ledger` runs it.

use async_trait::async_trait;
use futures::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use muster_domain::job::{JobKind, JobSubject, Role};
use muster_domain::properties::{ProjectProperties, Properties, Visibility};
use muster_domain::resource::{Resource, ResourceKey};
use muster_domain::{ConnectorId, OrganizationId, OrganizationName, ProjectId};
use muster_messages::Fact;
use muster_messages::fact::{FactPayload, IdentityThrottled};
use muster_queue::{AmqpOptions, AmqpTransport, TicketTransport};
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::{Changes, ResourceWrite};
use muster_store::ledger::{BACKGROUND_PRIORITY, ClaimedJob, NewJob};
use muster_store::{Store, StoreOptions};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement, TransactionTrait};
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tests::broker::TestBroker;
use tests::database::TestDatabase;
use tests::local_worker::LocalWorker;
use tests::services;
use tests::waiting::wait_until;
use uuid::Uuid;

const JOBS: u32 = 6_000;
const ROWS_PER_JOB: u128 = 10;
/// Handlers of the raw loop: where its throughput stands level.
const RAW_HANDLERS: usize = 16;
/// Groups at the same time, and jobs of a group.
const SLOTS: usize = 4;
const GROUP: usize = 100;
/// Goal: the ledger at least as many times as fast as the raw loop.
const GOAL: f64 = 2.0;
const DEADLINE: Duration = Duration::from_secs(300);

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    services::install_tls_provider();
    let raw = raw_loop().await;
    let ledger = ledger().await;
    let ratio = ledger / raw;
    let met = if ratio >= GOAL { "met" } else { "missed" };
    let mut out = std::io::stdout().lock();
    writeln!(out, "raw loop  {raw:>8.0} jobs/s  ({RAW_HANDLERS} handlers, one transaction each)")
        .expect("print");
    writeln!(out, "ledger    {ledger:>8.0} jobs/s  ({SLOTS} groups of up to {GROUP})").expect("print");
    writeln!(out, "ratio     {ratio:>8.2}  (goal {GOAL}, {met})").expect("print");
}

async fn raw_loop() -> f64 {
    let broker = TestBroker::vhost().await;
    let database = TestDatabase::postgres().await;
    let mut options = ConnectOptions::new(database.url());
    options.max_connections(20).sqlx_logging(false);
    let pool = Database::connect(options).await.expect("connect");
    for table in [
        "CREATE TABLE item (id uuid PRIMARY KEY, name text NOT NULL, properties jsonb NOT NULL, hash bytea NOT NULL)",
        "CREATE TABLE outbox (id uuid PRIMARY KEY, body bytea NOT NULL)",
    ] {
        pool.execute_unprepared(table).await.expect("make a table");
    }
    let connection =
        Connection::connect(&broker.amqp_url(), ConnectionProperties::default()).await.expect("connect");
    fill_queue(&connection).await;
    let channel = connection.create_channel().await.expect("open a channel");
    let prefetch = u16::try_from(RAW_HANDLERS * 4).expect("a small number");
    channel.basic_qos(prefetch, BasicQosOptions::default()).await.expect("set qos");
    let consumer = channel
        .basic_consume("raw".into(), "raw".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await
        .expect("consume");
    let began = Instant::now();
    consumer
        .take(usize::try_from(JOBS).expect("a small number"))
        .for_each_concurrent(RAW_HANDLERS, |delivery| {
            let pool = pool.clone();
            async move {
                raw_job(&pool).await;
                delivery.expect("a delivery").ack(BasicAckOptions::default()).await.expect("acknowledge");
            }
        })
        .await;
    f64::from(JOBS) / began.elapsed().as_secs_f64()
}

async fn fill_queue(connection: &Connection) {
    let channel = connection.create_channel().await.expect("open a channel");
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("raw".into(), durable, arguments).await.expect("declare the queue");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirm");
    let mut confirms = Vec::new();
    for _ in 0..JOBS {
        let body = Uuid::new_v4().to_string();
        let properties = BasicProperties::default().with_delivery_mode(2);
        let confirm = channel
            .basic_publish(
                "".into(),
                "raw".into(),
                BasicPublishOptions::default(),
                body.as_bytes(),
                properties,
            )
            .await
            .expect("publish");
        confirms.push(confirm);
    }
    for confirm in confirms {
        confirm.await.expect("a confirm");
    }
}

async fn raw_job(pool: &DatabaseConnection) {
    let transaction = pool.begin().await.expect("begin");
    let backend = transaction.get_database_backend();
    for _ in 0..ROWS_PER_JOB {
        let statement = Statement::from_sql_and_values(
            backend,
            "INSERT INTO item (id, name, properties, hash) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO UPDATE \
             SET name = excluded.name, properties = excluded.properties, hash = excluded.hash",
            [
                Uuid::new_v4().into(),
                "a project".into(),
                serde_json::json!({ "visibility": "private" }).into(),
                vec![0_u8; 16].into(),
            ],
        );
        transaction.execute_raw(statement).await.expect("upsert");
    }
    let statement = Statement::from_sql_and_values(
        backend,
        "INSERT INTO outbox (id, body) VALUES ($1, $2)",
        [Uuid::new_v4().into(), vec![0_u8; 300].into()],
    );
    transaction.execute_raw(statement).await.expect("insert");
    transaction.commit().await.expect("commit");
}

/// Writes ten rows and one fact.
struct TenRows;

#[async_trait]
impl Handler for TenRows {
    fn kind(&self) -> JobKind {
        JobKind::ProjectRefresh
    }

    fn group_size(&self) -> usize {
        GROUP
    }

    async fn handle(&self, job: &ClaimedJob, _slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        let mut changes = Changes::default();
        for _ in 0..ROWS_PER_JOB {
            let key = ResourceKey::project(OrganizationId(Uuid::nil()), ProjectId(Uuid::new_v4()));
            let properties = Properties::Project(ProjectProperties {
                visibility: Visibility::Private,
                state: "wellFormed".to_owned(),
                revision: Some(1),
            });
            let resource = Resource { key, name: "a project".to_owned(), properties };
            changes.resources.push(ResourceWrite { connector_id: job.subject.connector_id, resource });
        }
        changes.facts.push(Fact {
            subject: job.lease.job_id.to_string(),
            sequence: 1,
            time: job.due_at,
            payload: FactPayload::IdentityThrottled(IdentityThrottled {
                identity: "bench".to_owned(),
                until: job.due_at,
            }),
        });
        Ok(Outcome::done(changes))
    }
}

async fn ledger() -> f64 {
    let broker = TestBroker::vhost().await;
    let database = TestDatabase::postgres().await;
    let mut options = StoreOptions::new(database.url());
    options.max_connections = 20;
    let store = Store::connect(options).await.expect("connect");
    store.migrate().await.expect("migrate");
    let connector = ConnectorId(Uuid::new_v4());
    let jobs: Vec<NewJob> = (0..JOBS).map(|number| new_job(connector, number)).collect();
    for chunk in jobs.chunks(1_000) {
        store.ledger().enqueue(chunk).await.expect("enqueue");
    }
    let amqp = AmqpOptions::new(vec![broker.amqp_url()], "bench");
    let transport: Arc<dyn TicketTransport> = AmqpTransport::connect(amqp).await.expect("connect");
    let began = Instant::now();
    let worker = LocalWorker::start(&store, &transport, Role::Refresh, SLOTS, vec![Arc::new(TenRows)]);
    wait_until("all jobs are done", DEADLINE, async || store.ledger().is_idle().await.expect("ask")).await;
    let rate = f64::from(JOBS) / began.elapsed().as_secs_f64();
    worker.stop().await;
    rate
}

fn new_job(connector: ConnectorId, number: u32) -> NewJob {
    NewJob {
        kind: JobKind::ProjectRefresh,
        // Ten organizations, so that the dispatcher has something to be fair between.
        subject: JobSubject::project(
            connector,
            OrganizationName::new(format!("organization-{}", number % 10)),
            ProjectId(Uuid::new_v4()),
        ),
        credential_id: None,
        delay: Duration::ZERO,
        priority: BACKGROUND_PRIORITY,
        cause: "bench".to_owned(),
        trace: None,
    }
}
