//! Three brokers that are one cluster, of which one or two die.

use super::Bench;
use muster_domain::job::JobKind;
use std::collections::BTreeSet;
use tests::broker_nodes::TestCluster;

const NODES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_a_cluster_die_one_at_a_time_under_load_and_nothing_is_lost() {
    let cluster = TestCluster::start().await;
    let broker = cluster.vhost().await;
    let urls = cluster.amqp_urls(&broker);
    let bench = Bench::on(broker, Some(urls)).await;
    every_queue_has_a_member_on_every_node(&cluster, &bench).await;

    for node in 0..NODES {
        bench.wave_under_way().await;
        cluster.kill(node).await;
        // Two of three go on without it.
        bench.wave(JobKind::ProjectRefresh).await;
        bench.fleet.wait_until_idle(super::SETTLED).await;
        bench.all_are_ready().await;
        cluster.boot(node).await;
    }
    bench.settled("every node died once").await;

    // One of three has no majority: nothing is confirmed and nothing is lost. A leader that is left alone still answers
    // whoever only looks, so that the tickets that nobody confirms are what tells.
    bench.wave_under_way().await;
    cluster.kill(1).await;
    cluster.kill(2).await;
    bench.wave(JobKind::ProjectRefresh).await;
    bench.all_are_alive().await;
    cluster.boot(1).await;
    cluster.boot(2).await;
    bench.all_are_ready().await;
    bench.settled("the majority was away").await;
}

async fn every_queue_has_a_member_on_every_node(cluster: &TestCluster, bench: &Bench) {
    for queue in muster_queue::topology::queues() {
        let path = format!("queues/{}/{}", bench.fleet.broker.name(), queue.name);
        let state = cluster.management(0, &path).await.expect("the queue is there");
        let members: BTreeSet<_> =
            state["members"].as_array().into_iter().flatten().map(ToString::to_string).collect();
        assert_eq!(members.len(), NODES, "{}: {members:?}", queue.name);
    }
}
