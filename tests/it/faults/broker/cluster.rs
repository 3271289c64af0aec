//! Three brokers that are one cluster, of which one or two die.

use super::{Bench, probe};
use muster_domain::job::JobKind;
use std::collections::BTreeSet;
use tests::broker_nodes::TestCluster;
use tests::processes::Process;
use tests::waiting::{PATIENT, wait_until};

const NODES: usize = 3;
const QUEUE: &str = "muster.v1.sync";

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

    // One of three has no majority: no queue has a leader, and both say so.
    bench.wave_under_way().await;
    cluster.kill(1).await;
    cluster.kill(2).await;
    wait_until("the worker says that its queue does not serve", PATIENT, async || {
        !probe(bench.process("sync"), "readyz").await.0
    })
    .await;
    let doctor = Process::muster(&["doctor"], &bench.fleet.environment());
    assert!(!doctor.wait(PATIENT).await.success(), "{}", doctor.stdout());
    let says = doctor.stdout();
    let line = says.lines().find(|line| line.contains(QUEUE)).unwrap_or(&says);
    assert!(line.contains("failed"), "{line}");
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
