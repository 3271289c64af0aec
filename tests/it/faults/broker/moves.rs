//! Work that moves to another broker, there and back, by a change of the URL: the ledger has everything.

use super::Bench;
use tests::broker_nodes::{BrokerVersion, PrivateBroker};
use tests::services;
use tests::waiting::PATIENT;

#[tokio::test(flavor = "multi_thread")]
async fn pending_work_moves_to_another_version_of_the_broker_and_back() {
    let (old, new) =
        (PrivateBroker::of(BrokerVersion::Other).await, PrivateBroker::of(BrokerVersion::Tested).await);
    if std::env::var_os(services::DEBIAN_13).is_some() {
        let (old, new) = (old.version().await, new.version().await);
        assert_ne!(old.split('.').next(), new.split('.').next(), "two versions: {old} and {new}");
    }
    let mut bench = Bench::on(old.vhost().await, None).await;
    let target = new.vhost().await;

    bench.wave_under_way().await;
    bench.stop_all().await;
    bench.fleet.set("MUSTER_AMQP_URL", &target.amqp_url());
    bench.start_all().await;
    bench.settled_without_facts("a move after a drain").await;

    bench.wave_under_way().await;
    for (_, process) in std::mem::take(&mut bench.processes) {
        process.kill();
        process.wait(PATIENT).await;
    }
    let back = bench.fleet.broker.amqp_url();
    bench.fleet.set("MUSTER_AMQP_URL", &back);
    bench.start_all().await;
    bench.settled_without_facts("a move back after a kill").await;
}
