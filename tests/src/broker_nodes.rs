//! RabbitMQ nodes of one test's own, for faults that would hit every test: alarms, stops, kills, wiped disks.

use crate::broker::{Node, TestBroker, rabbitmqctl};
use crate::management::Management;
use crate::processes::Process;
use crate::services;
use crate::waiting::{self, PATIENT};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Longer than `tests/run` takes to stop its nodes and remove their folder.
const STOPPED: Duration = Duration::from_secs(30);

/// Several RabbitMQ nodes of one test's own that are one cluster. Nodes are counted from 0. They take some ten seconds
/// each to boot and are gone with this value.
#[derive(Debug)]
pub struct TestCluster {
    members: Vec<Member>,
    process: Process,
}

/// A RabbitMQ node of one test's own. It takes ten seconds to boot and is gone with this value.
#[derive(Debug)]
pub struct PrivateBroker(TestCluster);

/// One node, with its folder as `tests/broker.bash` describes it.
#[derive(Debug)]
struct Member {
    folder: PathBuf,
    node: Node,
}

/// Which RabbitMQ a node runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerVersion {
    /// The one that all tests run on.
    Tested,
    /// The other one, where `tests/run --broker 4` has made two available; otherwise the same again.
    Other,
}

impl TestCluster {
    /// Boots three nodes that are one cluster, of the version that is tested.
    pub async fn start() -> Self {
        Self::launch("cluster", BrokerVersion::Tested).await
    }

    async fn launch(what: &str, version: BrokerVersion) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("run");
        let mut arguments = vec!["--services-only", what];
        let mut environment = BTreeMap::new();
        if let Ok(debian) = std::env::var(services::DEBIAN_13)
            && version == BrokerVersion::Tested
        {
            arguments.splice(0..0, ["--broker", "4"]);
            environment.insert(services::DEBIAN_13.to_owned(), debian);
        }
        let process = Process::start(&script, &arguments, &environment);
        let up = async || {
            assert!(process.exit_status().is_none(), "no broker: {}", process.stderr());
            process.stdout().contains(services::BROKER_NODES).then(|| process.stdout())
        };
        let exports = waiting::wait_for("the brokers are up", PATIENT * 3, up).await;
        let nodes = exports.lines().find_map(|line| {
            let value = line.strip_prefix(&format!("export {}=", services::BROKER_NODES))?;
            Some(value.trim_matches('\'').to_owned())
        });
        let nodes = nodes.expect("tests/run prints every variable");
        let members = nodes.split_whitespace().map(|folder| Member::at(folder.into())).collect();
        Self { members, process }
    }

    /// The URLs of every node, of the virtual host `/`.
    pub fn urls(&self) -> Vec<String> {
        self.members.iter().map(|member| member.node.amqp_url.clone()).collect()
    }

    /// A new virtual host, administered through the first node.
    pub async fn vhost(&self) -> TestBroker {
        TestBroker::on(self.members[0].node.clone()).await
    }

    /// The URLs of a virtual host on every node, as `MUSTER_AMQP_URL` takes them.
    pub fn amqp_urls(&self, broker: &TestBroker) -> String {
        let urls: Vec<_> = self.urls().iter().map(|url| broker.url_of(url)).collect();
        urls.join(",")
    }

    /// Ends a node without a chance to clean up (SIGKILL).
    pub async fn kill(&self, node: usize) {
        self.members[node].kill().await;
    }

    /// Boots a node that was killed or stopped, with what it had on its disk, and waits until it serves.
    pub async fn boot(&self, node: usize) {
        self.members[node].boot().await;
    }

    /// Freezes a node: its connections stay open and nothing answers (SIGSTOP).
    pub fn freeze(&self, node: usize) {
        self.members[node].signal("STOP");
    }

    /// Ends the freeze (SIGCONT).
    pub fn thaw(&self, node: usize) {
        self.members[node].signal("CONT");
    }

    /// Runs `rabbitmqctl` on a node and returns what it prints.
    pub async fn administer(&self, node: usize, arguments: &[&str]) -> String {
        rabbitmqctl(&self.members[node].node, arguments).await
    }

    /// What the management plugin of a node answers to a path under `/api`.
    pub async fn management(&self, node: usize, path: &str) -> Option<serde_json::Value> {
        Management::new(&self.members[node].node.management_url).get(path).await
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        self.process.terminate();
        self.process.wait_blocking(STOPPED);
    }
}

impl PrivateBroker {
    /// Boots a node of the version that is tested.
    pub async fn start() -> Self {
        Self::of(BrokerVersion::Tested).await
    }

    /// Boots a node of a version.
    pub async fn of(version: BrokerVersion) -> Self {
        Self(TestCluster::launch("broker", version).await)
    }

    /// A new virtual host on this node.
    pub async fn vhost(&self) -> TestBroker {
        self.0.vhost().await
    }

    /// The version that the node says it has, such as `3.10.8`.
    pub async fn version(&self) -> String {
        let overview = self.0.management(0, "overview").await.expect("the plugin tells about itself");
        overview["rabbitmq_version"].as_str().expect("the version is a text").to_owned()
    }

    /// Raises or ends the memory alarm: under it the broker reads nothing more from connections that publish.
    pub async fn memory_alarm(&self, raised: bool) {
        let watermark = if raised { "0" } else { "0.6" };
        self.administer(&["set_vm_memory_high_watermark", watermark]).await;
    }

    /// Stops the broker inside its node: every connection ends, none is accepted.
    pub async fn stop(&self) {
        self.administer(&["stop_app"]).await;
    }

    /// Starts the broker again, with the durable queues and messages that it had.
    pub async fn start_again(&self) {
        self.administer(&["start_app"]).await;
    }

    /// A graceful restart of the broker: every connection is closed, durable queues and messages stay.
    pub async fn restart(&self) {
        self.stop().await;
        self.start_again().await;
    }

    /// Ends the node without a chance to clean up (SIGKILL).
    pub async fn kill(&self) {
        self.0.kill(0).await;
    }

    /// Boots the node after a kill, with what it had on its disk, and waits until it serves.
    pub async fn boot(&self) {
        self.0.boot(0).await;
    }

    /// Deletes everything that a killed node had on its disk.
    pub fn wipe(&self) {
        let data = self.0.members[0].folder.join("broker/mnesia");
        for entry in std::fs::read_dir(&data).expect("the node has a data folder") {
            let path = entry.expect("an entry of the data folder").path();
            let removed =
                if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            removed.expect("remove what the node had");
        }
    }

    /// Freezes the node: its connections stay open and nothing answers (SIGSTOP).
    pub fn freeze(&self) {
        self.0.freeze(0);
    }

    /// Ends the freeze (SIGCONT).
    pub fn thaw(&self) {
        self.0.thaw(0);
    }

    /// Runs `rabbitmqctl` on this node and returns what it prints.
    pub async fn administer(&self, arguments: &[&str]) -> String {
        self.0.administer(0, arguments).await
    }
}

impl Member {
    fn at(folder: PathBuf) -> Self {
        let ports = std::fs::read_to_string(folder.join("ports")).expect("a node's folder names its ports");
        let ports: Vec<&str> = ports.split_whitespace().collect();
        let [amqp, _tls, management] = ports[..] else { panic!("three ports, not {ports:?}") };
        let node = Node {
            amqp_url: format!("amqp://guest:guest@127.0.0.1:{amqp}"),
            management_url: format!("http://guest:guest@127.0.0.1:{management}"),
            rabbitmqctl: Some(folder.join("rabbitmqctl")),
        };
        Self { folder, node }
    }

    /// The process of the node; nothing when it is down.
    fn pid(&self) -> Option<String> {
        let pid = std::fs::read_to_string(self.folder.join("broker/pid")).ok()?;
        let pid = pid.trim().to_owned();
        // A number without the node's folder in its environment belongs to another process by now.
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let folder = self.folder.as_os_str().as_encoded_bytes();
        environment.windows(folder.len()).any(|window| window == folder).then_some(pid)
    }

    fn signal(&self, signal: &str) {
        let pid = self.pid().expect("the node runs");
        let sent = Command::new("kill").args(["-s", signal, &pid]).status().expect("run kill");
        assert!(sent.success(), "kill -s {signal} {pid}: {sent}");
    }

    async fn kill(&self) {
        self.signal("KILL");
        waiting::wait_until("the killed node is gone", PATIENT, async || self.pid().is_none()).await;
    }

    async fn boot(&self) {
        let booted = tokio::process::Command::new(self.folder.join("boot")).status().await;
        assert!(booted.expect("run the node's boot script").success(), "the node's boot script failed");
        let management = Management::new(&self.node.management_url);
        waiting::wait_until("the booted node serves", PATIENT * 2, async || {
            self.pid().is_some()
                && management.answers().await
                && tokio::net::TcpStream::connect(self.amqp_server()).await.is_ok()
        })
        .await;
    }

    fn amqp_server(&self) -> &str {
        self.node.amqp_url.rsplit('@').next().expect("a URL has a last part")
    }
}
