//! Events and tickets that come twice, broken, too large or from the future: each has one effect or none, and what had
//! none is kept, told, and replayed once.

/// Messages that cannot be taken, and messages that come twice.
mod messages;
/// Letters that are replayed: once, whoever else does so, and to the end, whoever was interrupted.
mod replays;
/// Tickets that come twice, or say nothing.
mod tickets;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection};
use muster_domain::credential::CredentialKind;
use muster_queue::{AmqpOptions, AmqpTransport, TicketTransport};
use muster_runtime::ingress::{Ingress, RequestLoop};
use muster_runtime::lifecycle::Shutdown;
use muster_runtime::metrics::Metrics;
use muster_runtime::replay::Replay;
use muster_store::dead_letters::{DeadLetter, DeadLetterFilter, LetterStatus};
use muster_store::{KeyRing, Store, StoreOptions};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::Arc;
use tests::broker::TestBroker;
use tests::database::TestDatabase;
use tests::waiting::{PATIENT, SOON, wait_until};

const CLOUD_EVENT: &str = "application/cloudevents+json";
const ONBOARD: &str = "muster.connector.onboarding-requested.v1";
const INGRESS: &str = "muster.v1.ingress";
const DEAD: &str = "muster.v1.dead";

/// The door for requests of a fleet: RabbitMQ, PostgreSQL, and what takes requests from the one to the other.
struct Door {
    store: Store,
    ingress: Ingress,
    transport: Arc<AmqpTransport>,
    shutdown: Shutdown,
    publisher: Channel,
    connection: Connection,
    broker: TestBroker,
    database: TestDatabase,
}

impl Door {
    /// Everything is there, nobody takes requests yet.
    async fn closed() -> Self {
        let (broker, database) = (TestBroker::vhost().await, TestDatabase::postgres().await);
        let store = store(&database).await;
        store.migrate().await.expect("migrate");
        let options = AmqpOptions::new(vec![broker.amqp_url()], "door");
        let transport = AmqpTransport::connect(options).await.expect("connect to the broker");
        let connection = broker.connect().await;
        let publisher = connection.create_channel().await.expect("open a channel");
        publisher.confirm_select(ConfirmSelectOptions::default()).await.expect("ask for confirms");
        let ingress = ingress(&store);
        let shutdown = Shutdown::new();
        Self { store, ingress, transport, shutdown, publisher, connection, broker, database }
    }

    /// Begins to take requests and dead letters.
    async fn open() -> Self {
        let door = Self::closed().await;
        door.let_in();
        door
    }

    fn let_in(&self) {
        let source = Arc::clone(&self.transport) as Arc<_>;
        RequestLoop { ingress: self.ingress.clone(), source, shutdown: self.shutdown.clone() }.start();
    }

    /// Stores the credential that the requests of these tests name.
    async fn know_the_credential(&self) {
        let secret = SecretString::from("not used".to_owned());
        let kind = CredentialKind::PersonalAccessToken;
        self.store.credentials().put("reader", kind, &secret).await.expect("store a credential");
    }

    /// Publishes bytes as another system does, and waits until the broker has them.
    async fn publish(&self, key: &str, body: &[u8], properties: BasicProperties) {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let confirm = self
            .publisher
            .basic_publish("muster.requests".into(), key.into(), options, body, properties)
            .await;
        let confirmation = confirm.expect("publish").await.expect("confirmed");
        assert!(confirmation.is_ack(), "{confirmation:?}");
    }

    /// Publishes an event in structured mode.
    async fn send(&self, body: &[u8]) {
        self.publish(ONBOARD, body, structured()).await;
    }

    /// Waits until the broker keeps nothing: neither ready, nor in somebody's hands.
    async fn wait_until_taken(&self) {
        for queue in [INGRESS, DEAD] {
            wait_until("the broker keeps nothing", PATIENT, async || {
                let state = self.broker.queue(queue).await.expect("the queue");
                self.broker.ready(queue).await == Some(0) && state.ready + state.unacknowledged == 0
            })
            .await;
        }
    }

    /// Waits for so many letters; newest first.
    async fn letters(&self, count: u64) -> Vec<DeadLetter> {
        let letters = self.store.dead_letters();
        let all = DeadLetterFilter::default();
        wait_until("the letters are there", SOON, async || {
            letters.count_matching(&all).await.expect("count") >= count
        })
        .await;
        let kept = letters.list(1_000).await.expect("list");
        assert_eq!(kept.len() as u64, count, "{kept:?}");
        kept
    }

    async fn letter(&self, id: uuid::Uuid) -> DeadLetter {
        self.store.dead_letters().get(id).await.expect("get").expect("the letter")
    }

    async fn wait_for_connectors(&self, count: usize) {
        wait_until("the connectors are there", SOON, async || self.connectors().await == count).await;
    }

    async fn connectors(&self) -> usize {
        self.store.connectors().list().await.expect("list").len()
    }

    /// What was counted of requests with this result.
    fn results(&self, result: &str) -> f64 {
        let text = self.ingress.metrics.render().expect("render");
        let label = format!("result=\"{result}\"");
        let lines = text
            .lines()
            .filter(|line| line.starts_with("muster_inbox_events_total{") && line.contains(&label));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    fn replay(&self) -> Replay {
        Replay { ingress: self.ingress.clone() }
    }

    async fn close(self) {
        self.shutdown.begin();
        self.shutdown.drained().await;
        self.transport.close().await;
        self.connection.close(200, "".into()).await.expect("close");
    }
}

async fn store(database: &TestDatabase) -> Store {
    let mut options = StoreOptions::new(database.url());
    options.encryption = Some(KeyRing::new(&KeyRing::generate_key(), &[]).expect("a key"));
    Store::connect(options).await.expect("connect")
}

fn ingress(store: &Store) -> Ingress {
    let metrics = Metrics::new().expect("fresh instruments");
    Ingress { store: store.clone(), metrics, work_was_made: Arc::default() }
}

fn structured() -> BasicProperties {
    BasicProperties::default().with_content_type(CLOUD_EVENT.into()).with_user_id("guest".into())
}

/// Text headers of a message.
fn table(headers: &[(&str, &str)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert((*name).into(), AMQPValue::LongString((*value).into()));
    }
    table
}

fn event(id: &str, event_type: &str, data: &Value) -> Vec<u8> {
    json!({"specversion": "1.0", "id": id, "source": "urn:contoso:portal", "type": event_type, "data": data})
        .to_string()
        .into_bytes()
}

fn onboarding(name: &str) -> Value {
    json!({"name": name, "subscriptionId": "20ff7fc3-e762-44dd-bd96-b71116dcdc23",
        "resourceGroup": "security", "region": "westeurope", "credential": "reader", "autoDiscovery": "Disabled",
        "organizations": ["contoso"]})
}

fn with(mut data: Value, field: &str, value: Value) -> Value {
    data[field] = value;
    data
}

fn without(mut data: Value, field: &str) -> Value {
    data.as_object_mut().expect("an object").remove(field);
    data
}

/// The letters with this status.
async fn with_status(store: &Store, status: LetterStatus) -> u64 {
    let filter = DeadLetterFilter { status: Some(status), ..DeadLetterFilter::default() };
    store.dead_letters().count_matching(&filter).await.expect("count")
}
