//! What happens to queues, exchanges and connections while they are in use.

use super::broker::Broker;
use super::support::{ROLE, eventually, next, number, soon, ticket, ticket_of};
use crate::amqp::TopologyMode;
use crate::amqp::declare;
use crate::topology::{REQUESTS_EXCHANGE, WORK_EXCHANGE, work_queue};
use crate::transport::{EventPublisher, PublishOutcome, RequestSource, TicketTransport};
use muster_domain::job::{JobKind, Role};
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_were_ended_by_force_come_back() {
    let broker = Broker::new();
    let transport = broker.transport().await;
    let mut generation = transport.generation();
    let mut consumer = transport.consume(ROLE, 5).await.unwrap();
    assert_eq!(transport.publish(vec![ticket(1)]).await, [PublishOutcome::Confirmed]);
    let in_hand = next(&mut consumer).await;
    assert!(!in_hand.redelivered);

    broker.kill_connections(2).await;
    soon("a new generation", generation.wait_for(|generation| *generation == 2)).await.unwrap();
    eventually("both are back", async || transport.health().connected && transport.health().consumers == 1)
        .await;

    let again = next(&mut consumer).await;
    assert_eq!((number(&again), again.redelivered), (1, true));
    // The tag of the first delivery means something else on the new channel.
    in_hand.acknowledger.acknowledge().await;
    assert_eq!(transport.health().counters.acknowledged, 0);
    again.acknowledger.acknowledge().await;
    eventually("publishing works again", async || {
        transport.publish(vec![ticket(2)]).await == [PublishOutcome::Confirmed]
    })
    .await;
    let second = next(&mut consumer).await;
    assert_eq!((number(&second), second.redelivered), (2, false));
    second.acknowledger.acknowledge().await;
    let health = transport.health();
    assert_eq!((health.counters.acknowledged, health.counters.acknowledgements_lost), (2, 1));
    assert!(health.counters.reconnects >= 2 && health.counters.consumer_rebuilds >= 1, "{health:?}");
    assert_eq!(health.fault, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_was_deleted_under_its_consumer_comes_back() {
    let broker = Broker::new();
    let transport = broker.transport().await;
    let mut consumer = transport.consume(ROLE, 5).await.unwrap();
    eventually("the consumer is registered", async || transport.health().consumers == 1).await;

    broker.delete_queue(work_queue(ROLE));
    eventually("the consumer was made anew", async || {
        let health = transport.health();
        health.counters.consumer_rebuilds == 1 && health.consumers == 1
    })
    .await;
    assert_eq!(transport.publish(vec![ticket(1)]).await, [PublishOutcome::Confirmed]);
    assert_eq!(number(&next(&mut consumer).await), 1);
}

/// Up to RabbitMQ 3.x a quorum queue that is made again before its consumer heard of the end takes the consumer over and
/// gives it nothing; on later ones this is the simple case.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_the_broker_forgot_is_made_anew() {
    let broker = Broker::new();
    let transport = broker.transport().await;
    let mut consumer = transport.consume(ROLE, 5).await.unwrap();
    eventually("the consumer is registered", async || transport.health().consumers == 1).await;
    let (connection, _channel) = broker.channel().await;
    broker.delete_queue(work_queue(ROLE));
    declare::apply(&connection, "test", TopologyMode::Declare).await.unwrap();
    // More than the prefetch count: the broker believes that the first ones are in hand.
    assert_eq!(transport.publish((0..10).map(ticket).collect()).await, [PublishOutcome::Confirmed; 10]);
    let mut seen = BTreeSet::new();
    while seen.len() < 10 {
        let delivery = next(&mut consumer).await;
        assert!(seen.insert(number(&delivery)));
        delivery.acknowledger.acknowledge().await;
    }
    assert!(transport.health().counters.consumer_rebuilds >= 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_without_a_binding_are_told_apart_and_the_binding_comes_back() {
    let broker = Broker::new();
    let transport = broker.transport().await;
    broker.unbind(WORK_EXCHANGE, work_queue(Role::Discovery), Role::Discovery.as_str());
    // Returned messages and confirms come in any order: each ticket must get its own outcome.
    let kind = |number: u128| {
        if number.is_multiple_of(3) { JobKind::ConnectorDiscover } else { JobKind::ProjectSync }
    };
    let tickets: Vec<_> = (0..600).map(|number| ticket_of(kind(number), number)).collect();
    let outcomes = soon("published", transport.publish(tickets.clone())).await;
    for (traced, outcome) in tickets.iter().zip(outcomes) {
        let expected = match traced.ticket.role() {
            Role::Discovery => PublishOutcome::Unroutable,
            Role::Sync | Role::Refresh => PublishOutcome::Confirmed,
        };
        assert_eq!(outcome, expected, "{:?}", traced.ticket);
    }
    let mut consumer = transport.consume(Role::Sync, 500).await.unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < 400 {
        let delivery = next(&mut consumer).await;
        assert!(seen.insert(number(&delivery)));
        delivery.acknowledger.acknowledge().await;
    }
    eventually("the binding is declared anew", async || {
        let outcomes = transport.publish(vec![ticket_of(JobKind::ConnectorDiscover, 0)]).await;
        outcomes == [PublishOutcome::Confirmed]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exchange_that_was_deleted_comes_back() {
    let broker = Broker::new();
    let transport = broker.transport().await;
    let mut requests = transport.consume_requests(5).await.unwrap();
    broker.delete_exchange(REQUESTS_EXCHANGE);
    let request = super::support::event("muster.connector.discovery-requested.v1");
    let lost = soon("an outcome", transport.publish_request(&request)).await;
    assert_eq!(lost, PublishOutcome::Unconfirmed);
    eventually("the exchange is declared anew", async || {
        transport.publish_request(&request).await == PublishOutcome::Confirmed
    })
    .await;
    let message = soon("the request arrives", requests.next()).await;
    assert_eq!(message.message_id, Some(request.id));
}
