//! Another system that never stops to publish requests, whatever becomes of the broker.

use super::dice::Dice;
use crate::broker::TestBroker;
use crate::waiting::{PATIENT, wait_until};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use muster_messages::event::STRUCTURED_CONTENT_TYPE;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Who publishes.
pub const SOURCE: &str = "urn:chaos:portal";
const EXCHANGE: &str = "muster.requests";
/// Survives a restart of the broker.
const PERSISTENT: u8 = 2;
/// A confirmation that did not come by then is taken for lost, and the request published again.
const CONFIRMATION: Duration = Duration::from_secs(5);
/// The pause before a broker that is away is tried again.
const AGAIN: Duration = Duration::from_millis(200);
/// The pause between two requests.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(700);

/// What was published and confirmed.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// Ids of good requests, each once.
    pub valid: Vec<String>,
    /// Ids of requests that cannot be taken.
    pub invalid: Vec<String>,
    /// Good requests that were published once more.
    pub duplicates: u64,
    /// Publications whose confirmation was lost: they were repeated.
    pub repeated: u64,
}

/// What requests are about.
#[derive(Clone, Debug)]
pub struct Subjects {
    /// The connector.
    pub connector: String,
    /// Its organizations.
    pub organizations: Vec<String>,
    /// Its projects, each with its organization.
    pub projects: Vec<(String, String)>,
}

/// Publishes until it is stopped.
#[derive(Debug)]
pub struct Publisher {
    published: Arc<Mutex<Published>>,
    task: Option<JoinHandle<()>>,
    stop: CancellationToken,
    _stop_at_end: DropGuard,
}

struct Line {
    url: String,
    channel: Option<(Connection, Channel)>,
}

impl Publisher {
    /// Begins to publish.
    pub fn start(broker: &TestBroker, subjects: Subjects, mut dice: Dice) -> Self {
        let (published, stop) = (Arc::<Mutex<Published>>::default(), CancellationToken::new());
        let (kept, stopped) = (Arc::clone(&published), stop.clone());
        let mut line = Line { url: broker.amqp_url(), channel: None };
        let task = tokio::spawn(async move {
            let mut sent: Vec<Value> = Vec::new();
            loop {
                let pause = dice.between(SHORTEST_PAUSE, LONGEST_PAUSE);
                if tokio::time::timeout(pause, stopped.cancelled()).await.is_ok() {
                    return;
                }
                let number = sent.len();
                let (kind, event) = next(&subjects, &sent, number, &mut dice);
                // To its end, also while stopping: what is not confirmed is not counted.
                let repeated = line.publish(&event).await;
                let id = event["id"].as_str().unwrap_or_default().to_owned();
                let mut kept = lock(&kept);
                kept.repeated += repeated;
                match kind {
                    Kind::Valid => kept.valid.push(id),
                    Kind::Duplicate => kept.duplicates += 1,
                    Kind::Invalid => kept.invalid.push(id),
                }
                if kind == Kind::Valid {
                    sent.push(event);
                }
            }
        });
        Self { published, task: Some(task), stop: stop.clone(), _stop_at_end: stop.drop_guard() }
    }

    /// What was confirmed so far.
    pub fn published(&self) -> Published {
        lock(&self.published).clone()
    }

    /// Publishes the last one, and says what there was.
    pub async fn finish(mut self) -> Published {
        self.stop.cancel();
        let task = self.task.take().expect("it was not finished before");
        wait_until("the last request is confirmed", PATIENT, async || task.is_finished()).await;
        self.published()
    }
}

/// Publishes one request until it is confirmed.
pub async fn publish(broker: &TestBroker, event: &Value) {
    Line { url: broker.amqp_url(), channel: None }.publish(event).await;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Valid,
    Duplicate,
    Invalid,
}

fn next(subjects: &Subjects, sent: &[Value], number: usize, dice: &mut Dice) -> (Kind, Value) {
    let id = format!("request-{number}-{}", dice.below(1_000_000));
    match dice.below(20) {
        0..=2 if !sent.is_empty() => (Kind::Duplicate, dice.pick(sent).clone()),
        3..=5 => (Kind::Invalid, invalid(subjects, &id, dice)),
        _ => (Kind::Valid, valid(subjects, &id, dice)),
    }
}

fn valid(subjects: &Subjects, id: &str, dice: &mut Dice) -> Value {
    let connector = &subjects.connector;
    match dice.below(4) {
        0 => discovery(connector, id),
        1 => {
            let organization = dice.pick(&subjects.organizations);
            let data = json!({ "connectorId": connector, "organization": organization });
            event(id, "muster.recommendations.refresh-requested.v1", &data)
        }
        _ => {
            let (organization, project) = dice.pick(&subjects.projects);
            let data = json!({ "connectorId": connector, "organization": organization, "project": project });
            event(id, "muster.project.sync-requested.v1", &data)
        }
    }
}

/// A request that lists everything again.
pub fn discovery(connector: &str, id: &str) -> Value {
    event(id, "muster.connector.discovery-requested.v1", &json!({ "connectorId": connector }))
}

fn invalid(subjects: &Subjects, id: &str, dice: &mut Dice) -> Value {
    let nobody = json!({ "connectorId": "0191d6a0-1111-7000-8000-000000000001" });
    match dice.below(4) {
        0 => event(id, "muster.connector.discovery-requested.v9", &nobody),
        1 => event(id, "contoso.order.placed.v1", &json!({})),
        2 => event(id, "muster.connector.discovery-requested.v1", &nobody),
        _ => {
            let data = json!({ "connectorId": subjects.connector, "organization": "contoso" });
            event(id, "muster.project.sync-requested.v1", &data)
        }
    }
}

/// A request with its envelope.
pub fn event(id: &str, event_type: &str, data: &Value) -> Value {
    json!({ "specversion": "1.0", "id": id, "source": SOURCE, "type": event_type,
        "datacontenttype": "application/json", "data": data })
}

impl Line {
    /// Publishes until the broker confirms; how often it had to be repeated.
    async fn publish(&mut self, event: &Value) -> u64 {
        let mut repeated = 0;
        while !self.try_to(event).await {
            repeated += 1;
            self.channel = None;
            // The broker is away by the will of the test: nothing to wait for but time.
            tokio::time::sleep(AGAIN).await;
        }
        repeated
    }

    async fn try_to(&mut self, event: &Value) -> bool {
        let sending = async {
            if self.channel.is_none() {
                let connection = Connection::connect(&self.url, ConnectionProperties::default()).await?;
                let channel = connection.create_channel().await?;
                channel.confirm_select(ConfirmSelectOptions::default()).await?;
                self.channel = Some((connection, channel));
            }
            let (_, channel) = self.channel.as_ref().expect("it is open");
            let properties = BasicProperties::default()
                .with_content_type(STRUCTURED_CONTENT_TYPE.into())
                .with_delivery_mode(PERSISTENT);
            // A request that no queue takes is given back, which is no confirmation.
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let key = event["type"].as_str().unwrap_or_default();
            let body = event.to_string();
            let confirm = channel
                .basic_publish(EXCHANGE.into(), key.into(), options, body.as_bytes(), properties)
                .await?;
            let confirmation = confirm.await?;
            let is_taken = confirmation.is_ack();
            Ok::<_, lapin::Error>(is_taken && confirmation.take_message().is_none())
        };
        matches!(tokio::time::timeout(CONFIRMATION, sending).await, Ok(Ok(true)))
    }
}

fn lock(published: &Mutex<Published>) -> MutexGuard<'_, Published> {
    published.lock().unwrap_or_else(PoisonError::into_inner)
}
