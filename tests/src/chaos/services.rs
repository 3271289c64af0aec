//! The services of a fleet that chaos may harm: broker, database and Azure DevOps, each behind proxies.

use super::dice::Dice;
use crate::broker::{TestBroker, TestUser};
use crate::broker_nodes::{PrivateBroker, TestCluster};
use crate::proxy::Proxy;
use crate::services;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::process::Command;

/// Processes are shared out over so many sides: a cut line meets one of them.
pub const SIDES: usize = 2;

/// Which broker chaos runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BrokerChoice {
    /// A node of its own, restarted and killed.
    #[default]
    Own,
    /// The one of `MUSTER_TEST_AMQP_URL`: restarted where `MUSTER_TEST_RABBITMQCTL` reaches it, else left alone.
    Given,
    /// A cluster of three nodes, whose nodes are restarted and killed one at a time.
    Cluster,
}

/// A broker that may be harmed.
#[derive(Debug)]
pub enum Broker {
    /// A node of its own.
    Own(PrivateBroker),
    /// Somebody else's.
    Given,
    /// Three nodes of its own.
    Cluster(TestCluster),
}

impl Broker {
    /// Boots what was chosen.
    pub async fn start(choice: BrokerChoice) -> Self {
        match choice {
            BrokerChoice::Own => Self::Own(PrivateBroker::start().await),
            BrokerChoice::Given => Self::Given,
            BrokerChoice::Cluster => Self::Cluster(TestCluster::start().await),
        }
    }

    /// A virtual host of this run.
    pub async fn vhost(&self) -> TestBroker {
        match self {
            Self::Own(node) => node.vhost().await,
            Self::Given => TestBroker::vhost().await,
            Self::Cluster(cluster) => cluster.vhost().await,
        }
    }

    /// `host:port` of every node.
    fn servers(&self, vhost: &TestBroker) -> Vec<String> {
        let urls = match self {
            Self::Own(_) | Self::Given => vec![vhost.amqp_url()],
            Self::Cluster(cluster) => cluster.urls(),
        };
        urls.iter().map(|url| server_of(url)).collect()
    }

    /// A graceful restart; false where this broker is not ours to restart.
    pub async fn restart(&self, dice: &mut Dice) -> bool {
        match self {
            Self::Own(node) => node.restart().await,
            Self::Cluster(cluster) => {
                let node = dice.below(cluster.urls().len());
                cluster.administer(node, &["stop_app"]).await;
                cluster.administer(node, &["start_app"]).await;
            }
            Self::Given => {
                let Some(command) = std::env::var_os(services::RABBITMQCTL) else { return false };
                for word in ["stop_app", "start_app"] {
                    let status = Command::new(&command).args(["--quiet", word]).status().await;
                    assert!(status.is_ok_and(|status| status.success()), "rabbitmqctl {word} failed");
                }
            }
        }
        true
    }

    /// Ends a node as `kill -9` does and boots it again; false where this broker is not ours to kill.
    pub async fn kill(&self, dice: &mut Dice) -> bool {
        match self {
            Self::Own(node) => {
                node.kill().await;
                node.boot().await;
            }
            Self::Cluster(cluster) => {
                let node = dice.below(cluster.urls().len());
                cluster.kill(node).await;
                cluster.boot(node).await;
            }
            Self::Given => return false,
        }
        true
    }
}

/// A line that may be cut or stalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// To the broker.
    Broker,
    /// To the database.
    Database,
    /// To Azure DevOps.
    AzureDevOps,
}

/// All lines of one side.
#[derive(Debug)]
pub struct Side {
    broker: Vec<Proxy>,
    database: Proxy,
    /// Of both sides: links to settings pages contain the address, and a verdict with another link is another verdict.
    azure_devops: Arc<Proxy>,
    urls: BTreeMap<String, String>,
}

impl Side {
    /// Lays the lines of one side.
    pub async fn lay(
        broker: &Broker,
        vhost: &TestBroker,
        user: &TestUser,
        database_url: &str,
        azure_devops: (&Arc<Proxy>, &str),
    ) -> Self {
        let mut nodes = Vec::new();
        let mut amqp_urls = Vec::new();
        let own = server_of(&user.amqp_url);
        for server in broker.servers(vhost) {
            let proxy = Proxy::start(&server).await;
            amqp_urls.push(user.amqp_url.replacen(&own, &proxy.address().to_string(), 1));
            nodes.push(proxy);
        }
        let database = Proxy::start(&server_of(database_url)).await;
        let (azure_devops, azure_devops_url) = azure_devops;
        let urls = BTreeMap::from([
            ("MUSTER_AMQP_URL".to_owned(), amqp_urls.join(",")),
            ("MUSTER_DATABASE_URL".to_owned(), database.through(database_url)),
            ("MUSTER_AZURE_DEVOPS_URL".to_owned(), azure_devops.through(azure_devops_url)),
        ]);
        Self { broker: nodes, database, azure_devops: Arc::clone(azure_devops), urls }
    }

    /// What the processes of this side are told.
    pub fn urls(&self) -> BTreeMap<String, String> {
        self.urls.clone()
    }

    /// The proxies of a line.
    pub fn proxies(&self, line: Line) -> Vec<&Proxy> {
        match line {
            Line::Broker => self.broker.iter().collect(),
            Line::Database => vec![&self.database],
            Line::AzureDevOps => vec![&self.azure_devops],
        }
    }
}

/// `host:port` of a URL.
pub(super) fn server_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('/').next().unwrap_or(rest);
    rest.rsplit('@').next().unwrap_or(rest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::server_of;

    #[test]
    fn the_server_of_a_url_is_host_and_port() {
        assert_eq!(server_of("amqp://user:pass@127.0.0.1:5672/vhost"), "127.0.0.1:5672");
        assert_eq!(server_of("http://127.0.0.1:80"), "127.0.0.1:80");
    }
}
