//! A virtual host of one test, made and taken apart through the management plugin.

use super::support::eventually;
use crate::amqp::{AmqpOptions, AmqpTransport};
use lapin::{Channel, Connection, ConnectionProperties};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use uuid::Uuid;

pub(super) const AMQP_URL: &str = "MUSTER_TEST_AMQP_URL";
pub(super) const AMQPS_URL: &str = "MUSTER_TEST_AMQPS_URL";
pub(super) const AMQPS_CA_FILE: &str = "MUSTER_TEST_AMQPS_CA_FILE";
const MANAGEMENT_URL: &str = "MUSTER_TEST_AMQP_MANAGEMENT_URL";

/// A virtual host that is deleted with this value.
pub(super) struct Broker {
    pub(super) vhost: String,
}

pub(super) fn required(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!("{variable} is not set: start the tests with `tests/run`, which provides RabbitMQ")
    })
}

impl Broker {
    pub(super) fn new() -> Self {
        let vhost = format!("muster-queue-{}", Uuid::new_v4().simple());
        request("PUT", &format!("vhosts/{vhost}"), Some(json!({})));
        let user = user_and_server(&required(AMQP_URL)).0;
        let everything = json!({ "configure": ".*", "write": ".*", "read": ".*" });
        request("PUT", &format!("permissions/{vhost}/{user}"), Some(everything));
        Self { vhost }
    }

    pub(super) fn url(&self) -> String {
        self.url_on(&required(AMQP_URL))
    }

    /// The virtual host on another listener of the broker.
    pub(super) fn url_on(&self, server: &str) -> String {
        format!("{}/{}", server.trim_end_matches('/'), self.vhost)
    }

    /// Host and port of the broker.
    pub(super) fn server() -> String {
        user_and_server(&required(AMQP_URL)).2
    }

    /// The URL of the virtual host at a proxy in front of the broker.
    pub(super) fn url_through(&self, server: &str) -> String {
        self.url().replacen(&Self::server(), server, 1)
    }

    pub(super) fn options(&self) -> AmqpOptions {
        AmqpOptions::new(vec![self.url()], "muster-queue-test")
    }

    pub(super) async fn transport(&self) -> Arc<AmqpTransport> {
        AmqpTransport::connect(self.options()).await.unwrap()
    }

    /// A plain channel, to play another system.
    pub(super) async fn channel(&self) -> (Connection, Channel) {
        let connection = Connection::connect(&self.url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }

    pub(super) fn delete_queue(&self, queue: &str) {
        request("DELETE", &format!("queues/{}/{queue}", self.vhost), None);
    }

    pub(super) fn delete_exchange(&self, exchange: &str) {
        request("DELETE", &format!("exchanges/{}/{exchange}", self.vhost), None);
    }

    pub(super) fn unbind(&self, exchange: &str, queue: &str, key: &str) {
        request("DELETE", &format!("bindings/{}/e/{exchange}/q/{queue}/{key}", self.vhost), None);
    }

    /// Lets every queue hold at most that many messages.
    pub(super) fn limit_queues(&self, most_messages: u32) {
        let definition = json!({ "max-length": most_messages, "overflow": "reject-publish" });
        let policy = json!({ "pattern": ".*", "apply-to": "queues", "definition": definition });
        request("PUT", &format!("policies/{}/limit", self.vhost), Some(policy));
    }

    /// Ends every connection of a process by force; the plugin learns of connections with a delay.
    pub(super) async fn kill_connections(&self, expected: usize) {
        let path = format!("vhosts/{}/connections", self.vhost);
        let names = || -> Vec<String> {
            let list = request("GET", &path, None);
            let list = list.as_array().cloned().unwrap_or_default();
            list.iter().filter_map(|one| one["name"].as_str().map(ToOwned::to_owned)).collect()
        };
        eventually("the plugin knows the connections", async || names().len() >= expected).await;
        for name in names() {
            request("DELETE", &format!("connections/{}", name.replace(' ', "%20").replace('>', "%3E")), None);
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let path = format!("vhosts/{}", self.vhost);
        let deleted = std::panic::catch_unwind(|| request("DELETE", &path, None));
        assert!(deleted.is_ok() || std::thread::panicking(), "the virtual host could not be deleted");
    }
}

/// User, user with password, and host with port of a URL.
fn user_and_server(url: &str) -> (String, String, String) {
    let rest = url.split_once("://").unwrap().1;
    let (credentials, server) = rest.rsplit_once('@').unwrap();
    let user = credentials.split_once(':').unwrap().0;
    let server = server.split('/').next().unwrap();
    (user.to_owned(), credentials.to_owned(), server.to_owned())
}

/// One request to the plugin. HTTP/1.0 by hand: the connection's end is the answer's end.
fn request(method: &str, path: &str, body: Option<Value>) -> Value {
    let (_, credentials, server) = user_and_server(&required(MANAGEMENT_URL));
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let head = format!(
        "{method} /api/{path} HTTP/1.0\r\nHost: {server}\r\nAuthorization: Basic {}\r\nContent-Type: \
         application/json\r\nContent-Length: {}\r\n\r\n",
        base64(credentials.as_bytes()),
        body.len()
    );
    let mut stream = TcpStream::connect(&server).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap_or_default();
    assert!(status.starts_with('2') || status == "404", "{method} {path}: {answer}");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).unwrap_or(Value::Null)
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() { letter.into() } else { '=' });
        }
    }
    text
}
