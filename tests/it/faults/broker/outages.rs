//! Brokers that restart, die, lose their disk, block or freeze.

use super::{Bench, ticket};
use muster_domain::job::{JobKind, JobState, Role};
use muster_queue::{AmqpOptions, AmqpTransport, PublishOutcome, TicketTransport};
use std::time::Duration;
use tests::broker_nodes::PrivateBroker;
use tests::waiting::{PATIENT, SOON, stays_true, wait_for, wait_until};

/// Much longer than a dispatcher that goes on would take for its next ticket.
const LONG_ENOUGH: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_restarts_is_killed_or_loses_its_disk_costs_no_work() {
    let node = PrivateBroker::start().await;
    let bench = Bench::on(node.vhost().await, None).await;

    bench.wave_under_way().await;
    node.stop().await;
    wait_until("the outage is told", PATIENT, async || !bench.is_ready("sync").await).await;
    bench.all_are_alive().await;
    node.start_again().await;
    bench.all_are_ready().await;
    bench.settled("a graceful restart").await;

    bench.wave_under_way().await;
    node.kill().await;
    node.boot().await;
    bench.all_are_ready().await;
    bench.settled("a kill").await;

    bench.wave_under_way().await;
    node.kill().await;
    node.wipe();
    node.boot().await;
    // Nothing of the broker is left, not even the virtual host: an operator makes it again.
    wait_until("a missing virtual host is told", PATIENT, async || !bench.is_ready("sync").await).await;
    bench.all_are_alive().await;
    bench.fleet.broker.make_again().await;
    bench.all_are_ready().await;
    bench.settled_without_facts("a wiped disk").await;
    let queues = bench.fleet.broker.queues().await;
    for queue in muster_queue::topology::queues() {
        assert!(queues.contains_key(queue.name), "{} was declared again", queue.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_stops_dispatching_only_and_a_frozen_broker_is_noticed() {
    let node = PrivateBroker::start().await;
    let mut bench = Bench::on(node.vhost().await, None).await;

    bench.wave(JobKind::ProjectSync).await;
    wait_until("every ticket is on its way", SOON, async || {
        bench.count(Role::Sync, &[JobState::Pending]).await == 0
    })
    .await;
    node.memory_alarm(true).await;
    bench.wave(JobKind::ProjectRefresh).await;
    wait_until("what was dispatched goes on to its end", PATIENT, async || {
        bench.count(Role::Sync, &[JobState::Dispatched, JobState::Running]).await == 0
    })
    .await;
    wait_until("what is not confirmed waits", PATIENT, async || {
        bench.count(Role::Refresh, &[JobState::Dispatched]).await == 0
    })
    .await;
    stays_true("nothing is dispatched", LONG_ENOUGH, async || {
        bench.count(Role::Refresh, &[JobState::Pending]).await > 0
            && bench.count(Role::Refresh, &[JobState::Running]).await == 0
    })
    .await;
    bench.all_are_alive().await;
    // A drain does not hang on a connection that takes nothing any more.
    bench.stop_all().await;
    bench.start_all().await;
    node.memory_alarm(false).await;
    bench.settled("a memory alarm").await;

    bench.wave_under_way().await;
    node.freeze();
    for name in ["scheduler", "sync"] {
        wait_until("a frozen broker is noticed", PATIENT, async || !bench.is_ready(name).await).await;
    }
    bench.all_are_alive().await;
    node.thaw();
    bench.all_are_ready().await;
    bench.settled("a freeze").await;

    a_delivery_beyond_the_consumer_timeout_comes_again(&node, &bench).await;
}

/// RabbitMQ closes the channel of a consumer that keeps a delivery for too long (30 minutes where nothing else is set). A
/// run is a slice of a minute, so that it never comes to that; where it does, the delivery is another's by then.
async fn a_delivery_beyond_the_consumer_timeout_comes_again(node: &PrivateBroker, bench: &Bench) {
    let eager = "application:set_env(rabbit, consumer_timeout, 1000), \
                 application:set_env(rabbit, channel_tick_interval, 500).";
    node.administer(&["eval", eager]).await;
    let broker = node.vhost().await;
    let options = AmqpOptions::new(vec![broker.amqp_url()], "muster-test");
    let transport = AmqpTransport::connect(options).await.expect("connect to the node");
    let mut consumer = transport.consume(Role::Sync, 1).await.expect("consume");
    assert_eq!(transport.publish(vec![ticket()]).await, [PublishOutcome::Confirmed]);
    let stalled = wait_for("the ticket arrives", SOON, async || consumer.try_next()).await;
    assert!(!stalled.redelivered);
    let again = wait_for("it comes again on another channel", PATIENT, async || consumer.try_next()).await;
    assert!(again.redelivered);
    stalled.acknowledger.acknowledge().await;
    assert_eq!(transport.health().counters.acknowledged, 0, "what was kept too long settles nothing");
    again.acknowledger.acknowledge().await;
    let health = transport.health();
    assert_eq!(health.counters.acknowledged, 1);
    assert!(health.counters.consumer_rebuilds >= 1, "{health:?}");
    transport.close().await;
    bench.all_are_alive().await;
}
