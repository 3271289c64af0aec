//! Why a connection did not come up, named by who must act.

use crate::topology::{Argument, Exchange, Queue};
use lapin::ErrorKind;

/// Why a connection did not come up. Never contains a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The options are wrong; only another configuration helps.
    #[error("AMQP configuration: {0}")]
    Misconfigured(String),
    /// The broker answered and refused: credentials, permissions or virtual host.
    #[error("the broker at {address} refused: {reason}")]
    Refused {
        /// Whom we talked to.
        address: String,
        /// What it said.
        reason: String,
    },
    /// No broker answered, or not as one; may pass by itself.
    #[error("no broker at {address}: {reason}")]
    Unreachable {
        /// Whom we wanted to talk to.
        address: String,
        /// What happened.
        reason: String,
    },
    /// Something of that name exists with other arguments; only a person can decide.
    #[error("{kind} {name} exists with another {argument}: {detail}")]
    Conflict {
        /// `queue` or `exchange`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The argument that differs.
        argument: String,
        /// What is wanted and what is there.
        detail: String,
    },
    /// A queue is there and does not serve, as a quorum queue without a leader.
    #[error("queue {name} does not serve, it may have no leader: {reason}")]
    Leaderless {
        /// Its name.
        name: String,
        /// What happened.
        reason: String,
    },
    /// Something is not there, and this process may only look.
    #[error("{kind} {name} does not exist")]
    Missing {
        /// `queue` or `exchange`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
}

impl ConnectError {
    /// True where trying again soon is useless.
    pub fn needs_a_person(&self) -> bool {
        match self {
            Self::Misconfigured(_) | Self::Conflict { .. } => true,
            Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Leaderless { .. }
            | Self::Missing { .. } => false,
        }
    }
}

/// AMQP reply codes (<https://www.rabbitmq.com/amqp-0-9-1-reference#constants>).
const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const PRECONDITION_FAILED: u16 = 406;
const NOT_ALLOWED: u16 = 530;

/// What is being declared, for the words of an error.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Declared<'a> {
    Exchange(&'a Exchange),
    Queue(&'a Queue),
}

impl Declared<'_> {
    fn kind(self) -> &'static str {
        match self {
            Self::Exchange(_) => "exchange",
            Self::Queue(_) => "queue",
        }
    }

    fn name(self) -> String {
        match self {
            Self::Exchange(exchange) => exchange.name.to_owned(),
            Self::Queue(queue) => queue.name.to_owned(),
        }
    }

    fn wanted(self, argument: &str) -> Option<Argument> {
        match self {
            Self::Exchange(_) => None,
            Self::Queue(queue) => {
                queue.arguments.iter().find(|(name, _)| *name == argument).map(|(_, value)| *value)
            }
        }
    }
}

/// The error of a connection attempt.
pub(crate) fn of_connect(address: &str, error: &lapin::Error) -> ConnectError {
    let address = address.to_owned();
    match protocol_error(error) {
        Some((ACCESS_REFUSED | NOT_ALLOWED, reason)) => ConnectError::Refused { address, reason },
        _ => ConnectError::Unreachable { address, reason: error.to_string() },
    }
}

/// The error of a declaration.
pub(crate) fn of_declare(address: &str, declared: Declared<'_>, error: &lapin::Error) -> ConnectError {
    match protocol_error(error) {
        Some((PRECONDITION_FAILED, text)) => conflict(declared, &text),
        Some((NOT_FOUND, _)) => ConnectError::Missing { kind: declared.kind(), name: declared.name() },
        _ => of_connect(address, error),
    }
}

/// The error of a consumer that a queue did not take.
pub(crate) fn of_consume(address: &str, queue: &str, error: &lapin::Error) -> ConnectError {
    let name = queue.to_owned();
    match protocol_error(error) {
        Some((NOT_FOUND, _)) => ConnectError::Missing { kind: "queue", name },
        Some((ACCESS_REFUSED | NOT_ALLOWED, _)) => of_connect(address, error),
        _ => ConnectError::Leaderless { name, reason: error.to_string() },
    }
}

/// True where the thing that was asked for does not exist.
pub(crate) fn is_not_found(error: &lapin::Error) -> bool {
    matches!(protocol_error(error), Some((NOT_FOUND, _)))
}

fn protocol_error(error: &lapin::Error) -> Option<(u16, String)> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some((error.get_id(), error.get_message().to_string())),
        _ => None,
    }
}

/// RabbitMQ says `PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue '…' in vhost '…': received '20'
/// but current is '5'`.
fn conflict(declared: Declared<'_>, text: &str) -> ConnectError {
    let argument = between(text, "inequivalent arg '", "'").unwrap_or("argument").to_owned();
    let current = text.rsplit_once("but current is ").map(|(_, current)| current.trim());
    let detail = match (declared.wanted(&argument), current) {
        (Some(wanted), Some(current)) => format!("wanted {wanted}, it has {current}"),
        _ => text.to_owned(),
    };
    ConnectError::Conflict { kind: declared.kind(), name: declared.name(), argument, detail }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{queues, work_queue};
    use muster_domain::job::Role;

    #[test]
    fn a_conflict_names_queue_argument_and_both_values() {
        let queues = queues();
        let queue = queues.iter().find(|queue| queue.name == work_queue(Role::Sync)).unwrap();
        let text = "PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue 'muster.v1.sync' in vhost \
                    '/': received '20' but current is '5'";
        assert_eq!(
            conflict(Declared::Queue(queue), text).to_string(),
            "queue muster.v1.sync exists with another x-delivery-limit: wanted 20, it has '5'"
        );
    }

    #[test]
    fn a_refusal_of_another_kind_keeps_the_words_of_the_broker() {
        let queues = queues();
        let error = conflict(Declared::Queue(&queues[0]), "PRECONDITION_FAILED - something new");
        assert!(error.to_string().contains("something new"), "{error}");
        assert!(error.needs_a_person());
    }
}
