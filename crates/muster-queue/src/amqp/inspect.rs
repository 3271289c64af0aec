//! Looks at the queues, for people who ask what is wrong.

use super::connection::Dialer;
use super::declare::{self, answer};
use super::error::{self, ConnectError, Declared};
use super::options::AmqpOptions;
use crate::topology::{Queue, queues};
use lapin::Connection;

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

/// Connects and looks at every queue, changing nothing.
///
/// # Errors
/// [`ConnectError`] where there is no broker to ask.
pub async fn inspect(options: AmqpOptions) -> Result<Vec<QueueReport>, ConnectError> {
    let dialer = Dialer::new(options).await?;
    let mut last = ConnectError::Misconfigured("no URL is given".to_owned());
    for address in &dialer.addresses {
        match dialer.dial(address, "inspect").await {
            Err(error) => last = error,
            Ok((connection, socket)) => {
                let mut reports = Vec::new();
                for queue in queues() {
                    let state = look(&connection, &address.to_string(), &queue).await;
                    reports.push(QueueReport { name: queue.name, state });
                }
                socket.shut_down();
                return Ok(reports);
            }
        }
    }
    Err(last)
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
