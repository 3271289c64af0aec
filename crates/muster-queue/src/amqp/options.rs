//! How to reach the broker.

use muster_domain::{Clock, SystemClock};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Heartbeat that is asked for: a dead peer is noticed after twice that.
const HEARTBEAT_SECONDS: u16 = 10;
/// Time for a broker to confirm; a quorum queue needs milliseconds, a broker that is busy with its disk seconds.
const CONFIRM_DEADLINE: Duration = Duration::from_secs(15);
/// Time for a connection to come up, TLS and login included.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// How to reach the broker, and how to behave towards it.
#[derive(Clone)]
pub struct AmqpOptions {
    /// `amqp://` or `amqps://` URLs of the nodes of one broker, tried in turn. They may contain a password: they are
    /// never printed.
    pub urls: Vec<String>,
    /// Name of this process in the broker's list of connections.
    pub client_name: String,
    /// Whether exchanges and queues are made or only looked for.
    pub topology: TopologyMode,
    /// Whether a broker that cannot be reached at the start is an error.
    pub first_connection: FirstConnection,
    /// Certificates of the authorities behind `amqps`, PEM, beside those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// Seconds between heartbeats, unless a URL says otherwise.
    pub heartbeat_seconds: u16,
    /// Time for a connection to come up.
    pub connect_deadline: Duration,
    /// Time for the broker to confirm what was published.
    pub confirm_deadline: Duration,
    /// Stamps messages.
    pub clock: Arc<dyn Clock>,
}

/// Whether exchanges and queues are made or only looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopologyMode {
    /// Declared at every connect.
    Declare,
    /// Only looked for: somebody else declares them, this user may not.
    Verify,
}

/// Whether a broker that cannot be reached at the start is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstConnection {
    /// It is: for commands.
    Required,
    /// It is waited for in the background: for services, which report that they are not ready.
    Awaited,
}

impl AmqpOptions {
    /// The usual behaviour towards the nodes of one broker.
    pub fn new(urls: Vec<String>, client_name: impl Into<String>) -> Self {
        Self {
            urls,
            client_name: client_name.into(),
            topology: TopologyMode::Declare,
            first_connection: FirstConnection::Required,
            ca_file: None,
            heartbeat_seconds: HEARTBEAT_SECONDS,
            connect_deadline: CONNECT_DEADLINE,
            confirm_deadline: CONFIRM_DEADLINE,
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for AmqpOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AmqpOptions")
            .field("urls", &format_args!("{} hidden", self.urls.len()))
            .field("client_name", &self.client_name)
            .field("topology", &self.topology)
            .field("first_connection", &self.first_connection)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}
