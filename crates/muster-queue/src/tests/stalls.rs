//! Brokers that go silent or block.

use super::broker::Broker;
use super::proxy::{Mode, Proxy, blocked, unblocked};
use super::support::{ROLE, eventually, next, number, soon, ticket, within};
use crate::amqp::AmqpTransport;
use crate::transport::{PublishOutcome, TicketTransport};
use std::sync::Arc;
use std::time::Duration;

/// The order in which a transport opens its connections.
const PUBLISHING: usize = 0;

async fn behind_a_proxy(broker: &Broker) -> (Proxy, Arc<AmqpTransport>) {
    let proxy = Proxy::before(&Broker::server(), Mode::Pass).await;
    let mut options = broker.options();
    options.urls = vec![broker.url_through(&proxy.server)];
    options.confirm_deadline = Duration::from_secs(1);
    options.connect_deadline = Duration::from_secs(2);
    let transport = AmqpTransport::connect(options).await.unwrap();
    (proxy, transport)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn confirms_that_never_come_are_unconfirmed_in_time() {
    let broker = Broker::new();
    let (proxy, transport) = behind_a_proxy(&broker).await;
    assert_eq!(transport.publish(vec![ticket(1)]).await, [PublishOutcome::Confirmed]);
    proxy.set(Mode::Silent);
    let limit = Duration::from_secs(5);
    let outcomes = within(limit, "an outcome", transport.publish((2..4).map(ticket).collect())).await;
    assert_eq!(outcomes, [PublishOutcome::Unconfirmed; 2]);
    // The connection was given up: until another one is there, nothing waits.
    eventually("the connection is given up", async || !transport.health().connected).await;
    let outcomes = within(Duration::from_secs(1), "an outcome", transport.publish(vec![ticket(4)])).await;
    assert_eq!(outcomes, [PublishOutcome::Refused]);

    proxy.set(Mode::Pass);
    eventually("publishing works again", async || {
        transport.publish(vec![ticket(5)]).await == [PublishOutcome::Confirmed]
    })
    .await;
    let counters = transport.health().counters;
    assert_eq!(counters.published.unconfirmed, 2);
    assert!(transport.health().generation >= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_goes_silent_before_the_first_ticket_is_noticed_in_time() {
    let broker = Broker::new();
    let (proxy, transport) = behind_a_proxy(&broker).await;
    proxy.set(Mode::Silent);
    let outcomes = within(Duration::from_secs(5), "an outcome", transport.publish(vec![ticket(1)])).await;
    assert!(
        matches!(outcomes[..], [PublishOutcome::Unconfirmed | PublishOutcome::Refused]),
        "{outcomes:?}: perhaps there was a channel already"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_mid_publish_leaves_no_doubtful_success() {
    let broker = Broker::new();
    let (proxy, transport) = behind_a_proxy(&broker).await;
    let publishing = tokio::spawn({
        let transport = transport.clone();
        async move { transport.publish((0..2000).map(ticket).collect()).await }
    });
    proxy.set(Mode::Cut);
    let outcomes = soon("outcomes", publishing).await.unwrap();
    assert_eq!(outcomes.len(), 2000);
    let confirmed = outcomes.iter().filter(|outcome| **outcome == PublishOutcome::Confirmed).count();
    proxy.set(Mode::Pass);
    // What is confirmed is there; what is not may be there too.
    let mut consumer = transport.consume(ROLE, 500).await.unwrap();
    let mut seen = vec![false; 2000];
    for _ in 0..confirmed {
        let delivery = next(&mut consumer).await;
        seen[usize::try_from(number(&delivery)).unwrap()] = true;
        delivery.acknowledger.acknowledge().await;
    }
    eventually("every confirmed ticket arrives", async || {
        while let Some(delivery) = consumer.try_next() {
            seen[usize::try_from(number(&delivery)).unwrap()] = true;
            delivery.acknowledger.acknowledge().await;
        }
        let missing =
            |(outcome, seen): (&PublishOutcome, &bool)| *outcome == PublishOutcome::Confirmed && !seen;
        !outcomes.iter().zip(&seen).any(missing)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_broker_refuses_at_once_and_consuming_goes_on() {
    let broker = Broker::new();
    let (proxy, transport) = behind_a_proxy(&broker).await;
    let mut consumer = transport.consume(ROLE, 5).await.unwrap();
    assert_eq!(transport.publish(vec![ticket(1)]).await, [PublishOutcome::Confirmed]);
    proxy.inject(PUBLISHING, blocked("low on memory"));
    eventually("the block is told", async || transport.health().blocked).await;
    assert!(transport.health().connected);
    let outcomes = within(Duration::from_secs(1), "an outcome", transport.publish(vec![ticket(2)])).await;
    assert_eq!(outcomes, [PublishOutcome::Refused]);
    next(&mut consumer).await.acknowledger.acknowledge().await;
    assert_eq!(transport.health().counters.acknowledged, 1);

    proxy.inject(PUBLISHING, unblocked());
    eventually("the block has ended", async || !transport.health().blocked).await;
    assert_eq!(transport.publish(vec![ticket(3)]).await, [PublishOutcome::Confirmed]);
    assert_eq!(number(&next(&mut consumer).await), 3);
    let health = transport.health();
    assert!(health.counters.blocked_seconds > 0.0);
    assert_eq!(health.generation, 1, "a block is no reconnect");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_in_the_middle_of_a_batch_costs_the_batch_and_not_the_connection() {
    let broker = Broker::new();
    let (proxy, transport) = behind_a_proxy(&broker).await;
    assert_eq!(transport.publish(vec![ticket(0)]).await, [PublishOutcome::Confirmed]);
    proxy.set(Mode::Silent);
    let publishing = tokio::spawn({
        let transport = transport.clone();
        async move { transport.publish(vec![ticket(1)]).await }
    });
    proxy.inject(PUBLISHING, blocked("low on memory"));
    let outcomes = within(Duration::from_secs(5), "an outcome", publishing).await.unwrap();
    // Refused where the block was heard of before the batch began.
    assert!(matches!(outcomes[..], [PublishOutcome::Unconfirmed | PublishOutcome::Refused]), "{outcomes:?}");
    eventually("the block is told", async || transport.health().blocked).await;
    proxy.set(Mode::Pass);
    proxy.inject(PUBLISHING, unblocked());
    eventually("publishing works again", async || {
        transport.publish(vec![ticket(2)]).await == [PublishOutcome::Confirmed]
    })
    .await;
    assert_eq!(transport.health().generation, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_is_bounded_on_a_blocked_and_on_a_silent_connection() {
    let broker = Broker::new();
    for silent in [false, true] {
        let (proxy, transport) = behind_a_proxy(&broker).await;
        let mut consumer = transport.consume(ROLE, 5).await.unwrap();
        assert_eq!(transport.publish(vec![ticket(1)]).await, [PublishOutcome::Confirmed]);
        let in_hand = next(&mut consumer).await;
        if silent {
            proxy.set(Mode::Silent);
        } else {
            proxy.inject(PUBLISHING, blocked("low on disk"));
            eventually("the block is told", async || transport.health().blocked).await;
        }
        within(Duration::from_millis(3500), "closing", transport.close()).await;
        drop(in_hand);
        proxy.set(Mode::Pass);
        assert!(!transport.health().connected);
    }
}
