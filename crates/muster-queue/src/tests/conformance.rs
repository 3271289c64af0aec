//! What every transport promises.

use super::broker::Broker;
use super::support::{ROLE, TRACEPARENT, eventually, next, number, soon, ticket, ticket_of, within};
use crate::topology::WORK_EXCHANGE;
use crate::transport::{PublishOutcome, QueueUnavailable, TicketConsumer, TicketTransport};
use crate::{Acknowledger, InProcessTransport, LARGEST_BODY_BYTES};
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use muster_domain::job::{JobKind, Role};
use muster_messages::TraceContext;
use muster_messages::ticket::UnreadableTicket;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A transport with what a test does to it from outside.
struct Bench {
    transport: Arc<dyn TicketTransport>,
    outside: Outside,
}

enum Outside {
    InProcess(Arc<InProcessTransport>),
    Amqp(Broker),
}

/// Tickets that a queue holds in [`full_queues_refuse`].
const SMALL: usize = 10;

impl Bench {
    async fn in_process() -> Self {
        let transport = InProcessTransport::new();
        Self { transport: transport.clone(), outside: Outside::InProcess(transport) }
    }

    async fn amqp() -> Self {
        let broker = Broker::new();
        Self { transport: broker.transport().await, outside: Outside::Amqp(broker) }
    }

    async fn consumer(&self, prefetch: u16) -> Box<dyn TicketConsumer> {
        self.transport.consume(ROLE, prefetch).await.unwrap()
    }

    async fn publish(&self, numbers: impl IntoIterator<Item = u128>) {
        let tickets: Vec<_> = numbers.into_iter().map(ticket).collect();
        let number = tickets.len();
        let outcomes = soon("tickets are published", self.transport.publish(tickets)).await;
        assert_eq!(outcomes, vec![PublishOutcome::Confirmed; number]);
    }

    async fn publish_bytes(&self, body: &[u8]) {
        match &self.outside {
            Outside::InProcess(transport) => transport.publish_bytes(ROLE, body.to_vec()),
            Outside::Amqp(broker) => {
                let (_connection, channel) = broker.channel().await;
                let (exchange, key) = (WORK_EXCHANGE.into(), ROLE.as_str().into());
                let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
                channel.basic_publish(exchange, key, options, body, properties).await.unwrap();
                channel.close(200, "".into()).await.unwrap();
            }
        }
    }

    /// Nothing is left of a queue: what is published now is what comes next.
    async fn assert_empty(&self) {
        let mark = u128::MAX;
        self.publish([mark]).await;
        let mut consumer = self.consumer(1).await;
        let delivery = next(&mut consumer).await;
        assert_eq!(number(&delivery), mark, "something was left in the queue");
        delivery.acknowledger.acknowledge().await;
    }
}

macro_rules! conformance {
    ($($name:ident),* $(,)?) => {
        mod in_process {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Bench::in_process().await).await;
            })*
        }
        mod amqp {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Bench::amqp().await).await;
            })*
        }
    };
}

conformance!(
    a_thousand_tickets_arrive_exactly_once,
    a_dropped_consumer_leaves_its_tickets_to_others,
    a_cancelled_consumer_keeps_what_is_in_hand,
    a_ticket_that_was_given_back_comes_again,
    a_dropped_acknowledger_gives_back,
    acknowledging_many_touches_no_other,
    the_prefetch_count_bounds_what_is_in_hand,
    traces_survive,
    what_is_no_ticket_keeps_its_bytes,
    roles_are_apart,
    a_body_beyond_the_limit_is_not_published,
    full_queues_refuse,
    closing_is_bounded_and_final,
    health_counts,
);

async fn a_thousand_tickets_arrive_exactly_once(bench: Bench) {
    let all_seen = CancellationToken::new();
    let total = Arc::new(AtomicUsize::new(0));
    let mut consumers = Vec::new();
    for prefetch in [7, 50, 200] {
        let (consumer, all_seen, total) = (bench.consumer(prefetch).await, all_seen.clone(), total.clone());
        consumers.push(tokio::spawn(take_until(all_seen, total, consumer)));
    }
    bench.publish(0..1000).await;
    let mut seen = Vec::new();
    for consumer in consumers {
        seen.extend(soon("a consumer sees its share", consumer).await.unwrap());
    }
    assert_eq!(seen.len(), 1000);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), (0..1000).collect());
    let counters = bench.transport.health().counters;
    assert_eq!((counters.published.confirmed, counters.acknowledged, counters.redelivered), (1000, 1000, 0));
    bench.assert_empty().await;
}

/// Takes tickets and acknowledges them in both ways until a thousand were seen by all together.
async fn take_until(
    all_seen: CancellationToken,
    total: Arc<AtomicUsize>,
    mut consumer: Box<dyn TicketConsumer>,
) -> Vec<u128> {
    let mut seen = Vec::new();
    let mut together = Vec::new();
    while let Some(delivery) = all_seen.run_until_cancelled(consumer.next()).await {
        seen.push(number(&delivery));
        if seen.len() % 2 == 0 {
            delivery.acknowledger.acknowledge().await;
        } else {
            together.push(delivery.acknowledger);
        }
        if together.len() >= 3 {
            Acknowledger::acknowledge_many(std::mem::take(&mut together)).await;
        }
        if total.fetch_add(1, Ordering::SeqCst) + 1 == 1000 {
            all_seen.cancel();
        }
    }
    Acknowledger::acknowledge_many(together).await;
    seen
}

async fn a_dropped_consumer_leaves_its_tickets_to_others(bench: Bench) {
    bench.publish(0..5).await;
    let mut consumer = bench.consumer(10).await;
    let delivery = next(&mut consumer).await;
    assert!(!delivery.redelivered);
    let taken = number(&delivery);
    drop(consumer);
    drop(delivery);
    let mut other = bench.consumer(10).await;
    let mut seen = BTreeSet::new();
    while seen.len() < 5 {
        let delivery = next(&mut other).await;
        assert!(delivery.redelivered || number(&delivery) != taken, "the taken one is marked");
        assert!(seen.insert(number(&delivery)));
        delivery.acknowledger.acknowledge().await;
    }
    drop(other);
    bench.assert_empty().await;
}

async fn a_cancelled_consumer_keeps_what_is_in_hand(bench: Bench) {
    bench.publish(0..5).await;
    let mut consumer = bench.consumer(10).await;
    let in_hand = next(&mut consumer).await;
    within(Duration::from_secs(3), "cancelling", consumer.cancel()).await;
    assert!(consumer.try_next().is_none());
    let mut other = bench.consumer(10).await;
    let mut seen = BTreeSet::from([number(&in_hand)]);
    while seen.len() < 5 {
        let delivery = next(&mut other).await;
        assert!(seen.insert(number(&delivery)));
        delivery.acknowledger.acknowledge().await;
    }
    in_hand.acknowledger.acknowledge().await;
    drop((consumer, other));
    assert_eq!(bench.transport.health().counters.acknowledged, 5);
    bench.assert_empty().await;
}

async fn a_ticket_that_was_given_back_comes_again(bench: Bench) {
    bench.publish([1]).await;
    let mut consumer = bench.consumer(1).await;
    let first = next(&mut consumer).await;
    assert!(!first.redelivered);
    first.acknowledger.give_back().await;
    let second = next(&mut consumer).await;
    assert!(second.redelivered);
    second.acknowledger.acknowledge().await;
    drop(consumer);
    bench.assert_empty().await;
}

async fn a_dropped_acknowledger_gives_back(bench: Bench) {
    bench.publish([1]).await;
    let mut consumer = bench.consumer(1).await;
    drop(next(&mut consumer).await);
    let second = next(&mut consumer).await;
    assert!(second.redelivered);
    second.acknowledger.acknowledge().await;
}

async fn acknowledging_many_touches_no_other(bench: Bench) {
    bench.publish(0..20).await;
    let mut consumer = bench.consumer(50).await;
    let mut in_hand = Vec::new();
    for _ in 0..20 {
        in_hand.push(next(&mut consumer).await);
    }
    // Complete from the oldest on up to the fourth, then with a gap.
    let wanted = [0, 1, 2, 3, 5, 6, 19];
    let (settled, kept): (Vec<_>, Vec<_>) =
        in_hand.into_iter().enumerate().partition(|(place, _)| wanted.contains(place));
    let settled = settled.into_iter().map(|(_, delivery)| delivery.acknowledger).collect();
    Acknowledger::acknowledge_many(settled).await;
    let numbers: BTreeSet<_> = kept.iter().map(|(_, delivery)| number(delivery)).collect();
    drop((consumer, kept));
    let mut other = bench.consumer(50).await;
    let mut again = BTreeSet::new();
    while again.len() < numbers.len() {
        let delivery = next(&mut other).await;
        assert!(again.insert(number(&delivery)));
        delivery.acknowledger.acknowledge().await;
    }
    assert_eq!(again, numbers);
    drop(other);
    bench.assert_empty().await;
}

async fn the_prefetch_count_bounds_what_is_in_hand(bench: Bench) {
    let mut narrow = bench.consumer(3).await;
    bench.publish(0..3).await;
    let mut in_hand = Vec::new();
    for _ in 0..3 {
        in_hand.push(next(&mut narrow).await);
    }
    bench.publish(3..20).await;
    let mut wide = bench.consumer(100).await;
    let mut others = Vec::new();
    for _ in 3..20 {
        others.push(next(&mut wide).await);
    }
    assert!(narrow.try_next().is_none(), "all others went to the other consumer");
    wide.cancel().await;
    in_hand.pop().unwrap().acknowledger.acknowledge().await;
    bench.publish([20]).await;
    assert_eq!(number(&next(&mut narrow).await), 20, "room for one more");
}

async fn traces_survive(bench: Bench) {
    let trace = TraceContext { traceparent: TRACEPARENT.to_owned(), tracestate: Some("vendor=1".to_owned()) };
    let mut traced = ticket(1);
    traced.trace = Some(trace.clone());
    soon("published", bench.transport.publish(vec![traced, ticket(2)])).await;
    let mut consumer = bench.consumer(10).await;
    for _ in 0..2 {
        let delivery = next(&mut consumer).await;
        let expected = (number(&delivery) == 1).then(|| trace.clone());
        assert_eq!(delivery.trace, expected);
    }
}

async fn what_is_no_ticket_keeps_its_bytes(bench: Bench) {
    let garbage = b"\xff\x00{not a ticket";
    bench.publish_bytes(garbage).await;
    let mut consumer = bench.consumer(1).await;
    let delivery = next(&mut consumer).await;
    assert!(matches!(delivery.ticket, Err(UnreadableTicket::Malformed(_))), "{:?}", delivery.ticket);
    assert_eq!(delivery.body, garbage);
    delivery.acknowledger.acknowledge().await;
    let newer = String::from_utf8(ticket(1).ticket.to_json()).unwrap().replacen("\"v\":1", "\"v\":99", 1);
    bench.publish_bytes(newer.as_bytes()).await;
    let delivery = next(&mut consumer).await;
    let Err(UnreadableTicket::Newer { job, error }) = delivery.ticket else {
        panic!("{:?}", delivery.ticket)
    };
    assert!(job == Some((ticket(1).ticket.job, ticket(1).ticket.seq)) && error.contains("99"), "{error}");
    assert_eq!(delivery.body, newer.as_bytes());
}

async fn roles_are_apart(bench: Bench) {
    let kinds = [JobKind::ConnectorDiscover, JobKind::ProjectSync, JobKind::ProjectRefresh];
    let tickets = (0..).zip(kinds).map(|(number, kind)| ticket_of(kind, number)).collect();
    assert_eq!(soon("published", bench.transport.publish(tickets)).await, [PublishOutcome::Confirmed; 3]);
    for (expected, role) in (0..).zip(Role::ALL) {
        let mut consumer = bench.transport.consume(role, 10).await.unwrap();
        let delivery = next(&mut consumer).await;
        assert_eq!(number(&delivery), expected);
        assert_eq!(delivery.ticket.as_ref().unwrap().role(), role);
        assert!(consumer.try_next().is_none());
        delivery.acknowledger.acknowledge().await;
    }
}

async fn a_body_beyond_the_limit_is_not_published(bench: Bench) {
    let mut large = ticket(2);
    large.ticket.subject = "x".repeat(LARGEST_BODY_BYTES);
    let outcomes = soon("published", bench.transport.publish(vec![ticket(1), large, ticket(3)])).await;
    assert_eq!(outcomes, [PublishOutcome::Confirmed, PublishOutcome::TooLarge, PublishOutcome::Confirmed]);
    let mut consumer = bench.consumer(10).await;
    let mut seen = BTreeSet::new();
    for _ in 0..2 {
        let delivery = next(&mut consumer).await;
        seen.insert(number(&delivery));
        delivery.acknowledger.acknowledge().await;
    }
    assert_eq!(seen, BTreeSet::from([1, 3]));
}

async fn full_queues_refuse(bench: Bench) {
    let transport: Arc<dyn TicketTransport> = match &bench.outside {
        Outside::InProcess(_) => InProcessTransport::with_capacity(SMALL),
        Outside::Amqp(broker) => {
            broker.limit_queues(u32::try_from(SMALL).unwrap());
            bench.transport.clone()
        }
    };
    let mut confirmed = 0;
    // The broker applies its policy a moment later.
    eventually("a full queue refuses", async || {
        let outcomes = transport.publish((0..4).map(ticket).collect()).await;
        confirmed += outcomes.iter().filter(|outcome| **outcome == PublishOutcome::Confirmed).count();
        outcomes.contains(&PublishOutcome::Refused)
    })
    .await;
    assert!(confirmed >= SMALL, "refused with only {confirmed} in the queue");
    assert!(transport.health().counters.published.refused > 0);
    // Room again: what was refused can be published.
    let mut consumer = transport.consume(ROLE, 50).await.unwrap();
    for _ in 0..confirmed {
        next(&mut consumer).await.acknowledger.acknowledge().await;
    }
    eventually("there is room again", async || {
        transport.publish(vec![ticket(99)]).await == [PublishOutcome::Confirmed]
    })
    .await;
}

async fn closing_is_bounded_and_final(bench: Bench) {
    bench.publish(0..10).await;
    let mut consumer = bench.consumer(5).await;
    let in_hand = next(&mut consumer).await;
    within(Duration::from_millis(3500), "closing", bench.transport.close()).await;
    within(Duration::from_millis(2500), "acknowledging after the end", in_hand.acknowledger.acknowledge())
        .await;
    let outcomes =
        within(Duration::from_secs(1), "publishing", bench.transport.publish(vec![ticket(1)])).await;
    assert_eq!(outcomes, [PublishOutcome::Refused]);
    assert_eq!(bench.transport.consume(ROLE, 1).await.err(), Some(QueueUnavailable));
    assert!(!bench.transport.health().connected);
    assert!(consumer.try_next().is_none());
}

async fn health_counts(bench: Bench) {
    assert!(bench.transport.health().connected);
    assert_eq!((bench.transport.health().consumers, bench.transport.health().generation), (0, 1));
    assert_eq!(*bench.transport.generation().borrow(), 1);
    let mut consumer = bench.consumer(5).await;
    eventually("the consumer is registered", async || bench.transport.health().consumers == 1).await;
    assert_eq!(bench.transport.health().consumers_wanted, 1);
    bench.publish(0..2).await;
    next(&mut consumer).await.acknowledger.acknowledge().await;
    next(&mut consumer).await.acknowledger.give_back().await;
    next(&mut consumer).await.acknowledger.acknowledge().await;
    let counters = bench.transport.health().counters;
    assert_eq!((counters.delivered, counters.redelivered), (3, 1));
    assert_eq!((counters.acknowledged, counters.given_back, counters.acknowledgements_lost), (2, 1, 0));
    consumer.cancel().await;
    eventually("the consumer is gone", async || bench.transport.health().consumers == 0).await;
    assert_eq!(bench.transport.health().consumers_wanted, 0);
}
