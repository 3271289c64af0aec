//! Exchanges, queues and bindings, as data. Every node declares the same at each connect; a change of an argument
//! needs a queue of another name (`muster.v2…`), because RabbitMQ refuses to declare a queue anew with other ones.

use muster_domain::job::Role;
use std::fmt;

/// Topic exchange that other systems publish requests to.
pub const REQUESTS_EXCHANGE: &str = "muster.requests";
/// Topic exchange of facts; subscribers bind queues of their own.
pub const EVENTS_EXCHANGE: &str = "muster.events";
/// Direct exchange of tickets; the routing key is the role.
pub const WORK_EXCHANGE: &str = "muster.work";
/// Topic exchange of dead letters; the routing key is the queue in which a message died.
pub const DEAD_EXCHANGE: &str = "muster.dead";
/// Queue of requests.
pub const INGRESS_QUEUE: &str = "muster.v1.ingress";
/// Queue of dead letters.
pub const DEAD_QUEUE: &str = "muster.v1.dead";

/// Queue of the tickets of a role.
pub fn work_queue(role: Role) -> &'static str {
    match role {
        Role::Discovery => "muster.v1.discovery",
        Role::Sync => "muster.v1.sync",
        Role::Refresh => "muster.v1.refresh",
    }
}

/// Deliveries of a ticket after the first before the broker drops it: the ledger makes it again. Never -1, which
/// RabbitMQ 3.10 reads as zero, and never absent, which RabbitMQ 4 reads as 20.
const TICKET_DELIVERY_LIMIT: i64 = 20;
/// Deliveries of a request after the first before it becomes a dead letter: enough for a database that is away.
const INGRESS_DELIVERY_LIMIT: i64 = 100;
/// Deliveries of a dead letter after the first: it is archived at the first success.
const DEAD_DELIVERY_LIMIT: i64 = 1000;
/// 64 MiB: some hundred thousand tickets, far more than the dispatcher's window.
const TICKETS_MAX_LENGTH_BYTES: i64 = 64 * 1024 * 1024;
/// 1 GiB: publishers get a refusal long before the broker's disk is full.
const INGRESS_MAX_LENGTH_BYTES: i64 = 1024 * 1024 * 1024;

/// Something to declare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declaration {
    /// An exchange.
    Exchange(Exchange),
    /// A queue with its binding.
    Queue(Queue),
}

/// A durable exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Its name.
    pub name: &'static str,
    /// How it routes.
    pub kind: ExchangeKind,
}

/// How an exchange routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeKind {
    /// By equality of the routing key.
    Direct,
    /// By patterns of whole words.
    Topic,
}

/// A durable quorum queue and its one binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: &'static str,
    /// Exchange that it is bound to.
    pub exchange: &'static str,
    /// Key or pattern of the binding.
    pub routing_key: &'static str,
    /// Arguments of the declaration.
    pub arguments: Vec<(&'static str, Argument)>,
}

/// Value of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Text.
    Text(&'static str),
    /// A number.
    Number(i64),
}

/// Everything, in the order of declaration: what others point at comes first. At-least-once dead-lettering without
/// a route would hold messages back for three minutes at a time.
pub fn topology() -> Vec<Declaration> {
    let exchange = |name, kind| Declaration::Exchange(Exchange { name, kind });
    let mut all = vec![
        exchange(REQUESTS_EXCHANGE, ExchangeKind::Topic),
        exchange(EVENTS_EXCHANGE, ExchangeKind::Topic),
        exchange(WORK_EXCHANGE, ExchangeKind::Direct),
        exchange(DEAD_EXCHANGE, ExchangeKind::Topic),
        Declaration::Queue(dead_queue()),
        Declaration::Queue(ingress_queue()),
    ];
    all.extend(Role::ALL.map(|role| Declaration::Queue(ticket_queue(role))));
    all
}

/// The queues of [`topology`].
pub fn queues() -> Vec<Queue> {
    let queue = |declaration| match declaration {
        Declaration::Queue(queue) => Some(queue),
        Declaration::Exchange(_) => None,
    };
    topology().into_iter().filter_map(queue).collect()
}

fn dead_queue() -> Queue {
    Queue {
        name: DEAD_QUEUE,
        exchange: DEAD_EXCHANGE,
        routing_key: "#",
        arguments: vec![
            ("x-queue-type", Argument::Text("quorum")),
            ("x-delivery-limit", Argument::Number(DEAD_DELIVERY_LIMIT)),
        ],
    }
}

fn ingress_queue() -> Queue {
    Queue {
        name: INGRESS_QUEUE,
        exchange: REQUESTS_EXCHANGE,
        routing_key: "#",
        arguments: vec![
            ("x-queue-type", Argument::Text("quorum")),
            ("x-delivery-limit", Argument::Number(INGRESS_DELIVERY_LIMIT)),
            ("x-overflow", Argument::Text("reject-publish")),
            ("x-max-length-bytes", Argument::Number(INGRESS_MAX_LENGTH_BYTES)),
            ("x-dead-letter-exchange", Argument::Text(DEAD_EXCHANGE)),
            ("x-dead-letter-routing-key", Argument::Text(INGRESS_QUEUE)),
            ("x-dead-letter-strategy", Argument::Text("at-least-once")),
        ],
    }
}

fn ticket_queue(role: Role) -> Queue {
    Queue {
        name: work_queue(role),
        exchange: WORK_EXCHANGE,
        routing_key: role.as_str(),
        arguments: vec![
            ("x-queue-type", Argument::Text("quorum")),
            ("x-delivery-limit", Argument::Number(TICKET_DELIVERY_LIMIT)),
            ("x-overflow", Argument::Text("reject-publish")),
            ("x-max-length-bytes", Argument::Number(TICKETS_MAX_LENGTH_BYTES)),
        ],
    }
}

impl fmt::Display for Declaration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(exchange) => write!(formatter, "exchange {} {}", exchange.name, exchange.kind),
            Self::Queue(queue) => {
                write!(formatter, "queue {} <- {} {}", queue.name, queue.exchange, queue.routing_key)?;
                queue.arguments.iter().try_for_each(|(name, value)| write!(formatter, "\n  {name} = {value}"))
            }
        }
    }
}

impl fmt::Display for ExchangeKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Direct => "direct",
            Self::Topic => "topic",
        })
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Number(number) => number.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topology_is_a_contract() {
        let text: Vec<String> = topology().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(text.join("\n"), @r"
        exchange muster.requests topic
        exchange muster.events topic
        exchange muster.work direct
        exchange muster.dead topic
        queue muster.v1.dead <- muster.dead #
          x-queue-type = quorum
          x-delivery-limit = 1000
        queue muster.v1.ingress <- muster.requests #
          x-queue-type = quorum
          x-delivery-limit = 100
          x-overflow = reject-publish
          x-max-length-bytes = 1073741824
          x-dead-letter-exchange = muster.dead
          x-dead-letter-routing-key = muster.v1.ingress
          x-dead-letter-strategy = at-least-once
        queue muster.v1.discovery <- muster.work discovery
          x-queue-type = quorum
          x-delivery-limit = 20
          x-overflow = reject-publish
          x-max-length-bytes = 67108864
        queue muster.v1.sync <- muster.work sync
          x-queue-type = quorum
          x-delivery-limit = 20
          x-overflow = reject-publish
          x-max-length-bytes = 67108864
        queue muster.v1.refresh <- muster.work refresh
          x-queue-type = quorum
          x-delivery-limit = 20
          x-overflow = reject-publish
          x-max-length-bytes = 67108864
        ");
    }

    #[test]
    fn every_queue_has_a_positive_delivery_limit_and_only_ingress_has_dead_letters() {
        for queue in queues() {
            let argument =
                |name| queue.arguments.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
            assert!(
                matches!(argument("x-delivery-limit"), Some(Argument::Number(limit)) if limit > 0),
                "{}",
                queue.name
            );
            assert_eq!(argument("x-queue-type"), Some(Argument::Text("quorum")), "{}", queue.name);
            assert_eq!(
                argument("x-dead-letter-exchange").is_some(),
                queue.name == INGRESS_QUEUE,
                "{}",
                queue.name
            );
        }
    }
}
