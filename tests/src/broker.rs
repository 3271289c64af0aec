//! Virtual hosts of one test each on a RabbitMQ.

use crate::management::Management;
use crate::{blocking, services};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use uuid::Uuid;

/// How a node is reached.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) amqp_url: String,
    pub(crate) management_url: String,
    pub(crate) rabbitmqctl: Option<PathBuf>,
}

/// A virtual host that belongs to one test and is deleted with this value, also when the test fails.
#[derive(Debug)]
pub struct TestBroker {
    node: Node,
    management: Management,
    vhost: String,
    users: Vec<String>,
}

/// What the broker says of a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueState {
    /// `quorum` or `classic`.
    pub kind: String,
    /// Whether it survives a restart.
    pub durable: bool,
    /// The `x-` arguments that it was declared with.
    pub arguments: Map<String, Value>,
    /// Messages that wait for a consumer.
    pub ready: u64,
    /// Messages at consumers, not acknowledged yet.
    pub unacknowledged: u64,
    /// Consumers.
    pub consumers: u64,
}

/// A user of one virtual host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestUser {
    /// The name, as the broker validates it in `user_id`.
    pub name: String,
    /// The virtual host's URL with this user's name and password.
    pub amqp_url: String,
}

impl TestBroker {
    /// A new virtual host with a random name on the broker of [`services::amqp_url`].
    pub async fn vhost() -> Self {
        let node = Node {
            amqp_url: services::amqp_url(),
            management_url: services::amqp_management_url(),
            rabbitmqctl: std::env::var_os(services::RABBITMQCTL).map(PathBuf::from),
        };
        Self::on(node).await
    }

    pub(crate) async fn on(node: Node) -> Self {
        let management = Management::new(&node.management_url);
        let vhost = format!("muster-test-{}", Uuid::new_v4().simple());
        management.put(&format!("vhosts/{vhost}"), json!({})).await;
        let broker = Self { node, management, vhost, users: Vec::new() };
        let owner = user_of(&broker.node.amqp_url).to_owned();
        broker.permit(&owner, ".*", ".*", ".*").await;
        broker
    }

    /// The URL of the virtual host, as `MUSTER_AMQP_URL` takes it.
    pub fn amqp_url(&self) -> String {
        self.url_of(&self.node.amqp_url)
    }

    /// The same URL on the TLS listener, whose certificate is signed by [`services::amqps_ca_file`].
    pub fn amqps_url(&self) -> String {
        self.url_of(&services::amqps_url())
    }

    /// The name of the virtual host.
    pub fn name(&self) -> &str {
        &self.vhost
    }

    /// A plain connection, for tests that play another system.
    pub async fn connect(&self) -> Connection {
        Connection::connect(&self.amqp_url(), ConnectionProperties::default())
            .await
            .expect("connect to the broker")
    }

    /// A new user who may configure, write and read what the three patterns match; its name starts with
    /// `name` and it goes with the virtual host.
    pub async fn add_user(&mut self, name: &str, configure: &str, write: &str, read: &str) -> TestUser {
        let name = format!("{name}-{}", Uuid::new_v4().simple());
        let password = Uuid::new_v4().simple().to_string();
        self.management.put(&format!("users/{name}"), json!({ "password": password, "tags": "" })).await;
        self.users.push(name.clone());
        self.permit(&name, configure, write, read).await;
        let server = self.node.amqp_url.rsplit('@').next().expect("a URL has a last part");
        let amqp_url = self.url_of(&format!("amqp://{name}:{password}@{server}"));
        TestUser { name, amqp_url }
    }

    /// Gives a user another password.
    pub async fn set_password(&self, user: &str, password: &str) {
        self.management.put(&format!("users/{user}"), json!({ "password": password, "tags": "" })).await;
    }

    /// Deletes the virtual host with everything in it.
    pub async fn lose(&self) {
        self.management.delete(&format!("vhosts/{}", self.vhost)).await;
    }

    /// Makes the virtual host again, empty, after it was lost.
    pub async fn make_again(&self) {
        self.management.put(&format!("vhosts/{}", self.vhost), json!({})).await;
        self.permit(user_of(&self.node.amqp_url), ".*", ".*", ".*").await;
    }

    /// Allows a user what the three patterns match.
    pub async fn permit(&self, user: &str, configure: &str, write: &str, read: &str) {
        let permissions = json!({ "configure": configure, "write": write, "read": read });
        self.management.put(&format!("permissions/{}/{user}", self.vhost), permissions).await;
    }

    /// What the broker says of a queue; nothing when there is none. Counts may be some seconds old: wait for
    /// them, and use [`TestBroker::ready`] where the count of now matters.
    pub async fn queue(&self, name: &str) -> Option<QueueState> {
        self.management.get(&format!("queues/{}/{name}", self.vhost)).await.map(|queue| queue_state(&queue))
    }

    /// All queues by name, with counts as of [`TestBroker::queue`].
    pub async fn queues(&self) -> BTreeMap<String, QueueState> {
        let queues = self.management.get(&format!("queues/{}", self.vhost)).await;
        let queues = queues.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
        let named = |queue: &Value| (text(queue, "name"), queue_state(queue));
        queues.iter().map(named).collect()
    }

    /// What the management plugin says of an exchange: `type`, `durable`, `arguments` and more.
    pub async fn exchange(&self, name: &str) -> Option<Value> {
        self.management.get(&format!("exchanges/{}/{name}", self.vhost)).await
    }

    /// The routing keys that bind a queue to an exchange, sorted.
    pub async fn bindings(&self, exchange: &str, queue: &str) -> Vec<String> {
        let path = format!("bindings/{}/e/{exchange}/q/{queue}", self.vhost);
        let bindings = self.management.get(&path).await;
        let bindings = bindings.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
        let mut keys: Vec<_> = bindings.iter().map(|binding| text(binding, "routing_key")).collect();
        keys.sort();
        keys
    }

    /// How many messages wait in a queue now, asked on the protocol; nothing when there is no such queue.
    pub async fn ready(&self, queue: &str) -> Option<u32> {
        let connection = self.connect().await;
        let channel = connection.create_channel().await.expect("open a channel");
        let options = QueueDeclareOptions::default().passive();
        let declared = channel.queue_declare(queue.into(), options, FieldTable::default()).await;
        let count = declared.ok().map(|queue| queue.message_count());
        // The count is all that is wanted; the broker closes what is not closed well.
        let _ = connection.close(200, "".into()).await;
        count
    }

    /// Deletes a queue with what is in it, as an operator's mistake does; whether it was there.
    pub async fn delete_queue(&self, name: &str) -> bool {
        self.management.delete(&format!("queues/{}/{name}", self.vhost)).await
    }

    /// Deletes an exchange; whether it was there.
    pub async fn delete_exchange(&self, name: &str) -> bool {
        self.management.delete(&format!("exchanges/{}/{name}", self.vhost)).await
    }

    /// Removes a binding.
    pub async fn unbind(&self, exchange: &str, queue: &str, key: &str) {
        let path = format!("bindings/{}/e/{exchange}/q/{queue}/{key}", self.vhost);
        assert!(self.management.delete(&path).await, "{queue} was bound to {exchange} by {key}");
    }

    /// Lets every queue whose name matches hold at most that many messages.
    pub async fn limit_queues(&self, pattern: &str, most_messages: u32) {
        let definition = json!({ "max-length": most_messages, "overflow": "reject-publish" });
        let policy = json!({ "pattern": pattern, "apply-to": "queues", "definition": definition });
        self.management.put(&format!("policies/{}/limit", self.vhost), policy).await;
    }

    /// Ends what [`TestBroker::limit_queues`] began.
    pub async fn lift_limits(&self) {
        assert!(self.management.delete(&format!("policies/{}/limit", self.vhost)).await, "there was a limit");
    }

    /// Takes the leader from a quorum queue, for good: what a node that is killed right after the declaration leaves
    /// behind now and then.
    pub async fn stop_leader(&self, queue: &str) {
        let stop = format!(
            "{{ok, Queue}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<\"{}\">>, queue, <<\"{queue}\">>)), \
             {{Name, _}} = amqqueue:get_pid(Queue), ra:stop_server(quorum_queues, {{Name, node()}}).",
            self.vhost
        );
        rabbitmqctl(&self.node, &["eval", &stop]).await;
    }

    /// Makes the broker close every connection to the virtual host.
    pub async fn close_connections(&self) {
        rabbitmqctl(&self.node, &["close_all_connections", "--vhost", &self.vhost, "closed by a test"]).await;
    }

    /// The URL of this virtual host on another node of the same cluster, whose URL is `server`.
    pub fn url_of(&self, server: &str) -> String {
        let after_scheme = server.find("://").map_or(0, |at| at + 3);
        let end = server[after_scheme..].find('/').map_or(server.len(), |at| after_scheme + at);
        format!("{}/{}", &server[..end], self.vhost)
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        let base = self.node.management_url.clone();
        let mut paths = vec![format!("vhosts/{}", self.vhost)];
        paths.extend(self.users.iter().map(|user| format!("users/{user}")));
        blocking::finish(async move {
            // A client of its own: connections of the test's runtime are of no use on another one.
            let management = Management::new(&base);
            for path in paths {
                management.delete(&path).await;
            }
        });
    }
}

pub(crate) async fn rabbitmqctl(node: &Node, arguments: &[&str]) -> String {
    let command = node.rabbitmqctl.clone().unwrap_or_else(services::rabbitmqctl);
    let output = tokio::process::Command::new(command).arg("--quiet").args(arguments).output().await;
    let output = output.expect("run rabbitmqctl");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "rabbitmqctl {arguments:?}: {} {errors}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn queue_state(queue: &Value) -> QueueState {
    let number = |key: &str| queue[key].as_u64().unwrap_or(0);
    QueueState {
        kind: text(queue, "type"),
        durable: queue["durable"].as_bool().unwrap_or(false),
        arguments: queue["arguments"].as_object().cloned().unwrap_or_default(),
        ready: number("messages_ready"),
        unacknowledged: number("messages_unacknowledged"),
        consumers: number("consumers"),
    }
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn user_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split_once(':').map_or("guest", |(user, _)| user)
}
