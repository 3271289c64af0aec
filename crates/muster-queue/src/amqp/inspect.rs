//! Looks at the queues, for people who ask what is wrong.

use super::address::Address;
use super::connection::Dialer;
use super::declare::{self, answer};
use super::error::{self, ConnectError, Declared};
use super::greeting;
use super::options::{AmqpOptions, TopologyMode};
use crate::topology::{Declaration, Exchange, Queue, topology};
use lapin::Connection;
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};

/// What is known of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueReport {
    /// Its name.
    pub name: &'static str,
    /// What was found.
    pub state: QueueState,
}

/// What was found of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueState {
    /// It is there with the right arguments.
    Present {
        /// Messages that wait.
        messages: u32,
        /// Consumers that the broker knows.
        consumers: u32,
    },
    /// It is there with other arguments, or its arguments cannot be compared.
    Different(ConnectError),
    /// It is not there.
    Missing,
    /// The broker does not answer for it, such as for a quorum queue without a leader.
    Silent(ConnectError),
}

/// What is known of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeReport {
    /// Its name.
    pub name: &'static str,
    /// What was found.
    pub state: ExchangeState,
}

/// What was found of an exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeState {
    /// It is there, of the right type.
    Present,
    /// It is there with another type, or the broker does not say.
    Different(ConnectError),
    /// It is not there.
    Missing,
}

/// What is known of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerReport {
    /// Where it is and who we are to it, without the password.
    pub address: String,
    /// Product and version, where it says so before the login (not over TLS).
    pub version: Option<String>,
    /// Every exchange.
    pub exchanges: Vec<ExchangeReport>,
    /// Every queue.
    pub queues: Vec<QueueReport>,
}

/// Connects and looks at every queue, changing nothing.
///
/// # Errors
/// [`ConnectError`] where there is no broker to ask.
pub async fn inspect(options: AmqpOptions) -> Result<Vec<QueueReport>, ConnectError> {
    inspect_broker(options).await.map(|report| report.queues)
}

/// Connects and looks at the broker, its exchanges and its queues, changing nothing.
///
/// # Errors
/// [`ConnectError`] where there is no broker to ask.
pub async fn inspect_broker(options: AmqpOptions) -> Result<BrokerReport, ConnectError> {
    let dialer = Dialer::new(options).await?;
    let mut last = ConnectError::Misconfigured("no URL is given".to_owned());
    for address in &dialer.addresses {
        match dialer.dial(address, "inspect").await {
            Err(error) => last = error,
            Ok((connection, socket)) => {
                let name = address.to_string();
                let mut report = BrokerReport {
                    version: greeting::version(address).await,
                    address: name.clone(),
                    exchanges: Vec::new(),
                    queues: Vec::new(),
                };
                for declaration in topology() {
                    match declaration {
                        Declaration::Exchange(exchange) => {
                            let state = look_at_exchange(&connection, &name, &exchange).await;
                            report.exchanges.push(ExchangeReport { name: exchange.name, state });
                        }
                        Declaration::Queue(queue) => {
                            let state = look(&connection, &name, &queue).await;
                            report.queues.push(QueueReport { name: queue.name, state });
                        }
                    }
                }
                socket.shut_down();
                for queue in report.queues.iter_mut().filter(|queue| may_be_leaderless(queue)) {
                    if let Err(error) = serves(&dialer, address, queue.name).await {
                        queue.state = QueueState::Silent(error);
                    }
                }
                return Ok(report);
            }
        }
    }
    Err(last)
}

/// As for queues: first whether it is there, then, because a passive declaration compares nothing, whether it is the
/// same.
async fn look_at_exchange(connection: &Connection, address: &str, exchange: &Exchange) -> ExchangeState {
    let declared = async |mode| {
        let channel = answer(connection.create_channel()).await?;
        declare::declare_exchange(&channel, exchange, mode).await
    };
    let different =
        |error| ExchangeState::Different(error::of_declare(address, Declared::Exchange(exchange), &error));
    match declared(TopologyMode::Verify).await {
        Err(error) if error::is_not_found(&error) => return ExchangeState::Missing,
        Err(error) => return different(error),
        Ok(()) => {}
    }
    declared(TopologyMode::Declare).await.map_or_else(different, |()| ExchangeState::Present)
}

/// Every question on a channel of its own: a refusal closes it.
async fn look(connection: &Connection, address: &str, queue: &Queue) -> QueueState {
    let found = async {
        let channel = answer(connection.create_channel()).await?;
        declare::look_for_queue(&channel, queue.name).await
    };
    let found = match found.await {
        Ok(found) => found,
        Err(error) if error::is_not_found(&error) => return QueueState::Missing,
        Err(error) => return QueueState::Silent(error::of_declare(address, Declared::Queue(queue), &error)),
    };
    let compared = async {
        let channel = answer(connection.create_channel()).await?;
        // It is there: declaring it again compares the arguments and makes nothing.
        declare::make_queue(&channel, queue).await
    };
    match compared.await {
        Ok(_) => QueueState::Present { messages: found.message_count(), consumers: found.consumer_count() },
        Err(error) => QueueState::Different(error::of_declare(address, Declared::Queue(queue), &error)),
    }
}

/// Whether a queue takes consumers, tried on a connection of its own: RabbitMQ ends the whole connection of a consumer
/// whose quorum queue has no leader (541, or no answer). What it hands out goes back as the connection ends.
///
/// # Errors
/// [`ConnectError::Leaderless`] where it does not serve, another [`ConnectError`] where it cannot be asked.
pub(crate) async fn serves(
    dialer: &Dialer,
    address: &Address,
    queue: &'static str,
) -> Result<(), ConnectError> {
    let (connection, socket) = dialer.dial(address, "try").await?;
    let asked = async {
        let channel = answer(connection.create_channel()).await?;
        answer(channel.basic_qos(1, BasicQosOptions::default())).await?;
        let (tag, options) = (ShortString::default(), BasicConsumeOptions::default());
        answer(channel.basic_consume(queue.into(), tag, options, FieldTable::default())).await.map(drop)
    };
    let asked = asked.await;
    socket.shut_down();
    asked.map_err(|error| error::of_consume(&address.to_string(), queue, &error))
}

/// A passive declaration finds a queue without a leader, with no messages and no consumers.
fn may_be_leaderless(report: &QueueReport) -> bool {
    report.state == QueueState::Present { messages: 0, consumers: 0 }
}
