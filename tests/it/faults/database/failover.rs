use super::restarts::{PASS_DEADLINE, wait_for_project_reads, world};
use super::{jobs, store, work};
use tests::broker::TestBroker;
use tests::database::TestDatabase;
use tests::failover::DatabaseNode;
use tests::fleet::Fleet;
use tests::proxy::Proxy;
use tests::subscriber::FactSubscriber;
use tests::total_check::TotalCheck;
use tests::waiting::{PATIENT, SOON, wait_until};

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_from_a_primary_that_dies_and_nothing_is_lost() {
    let primary = DatabaseNode::start().await;
    let standby = primary.standby().await;
    let address = Proxy::start(&primary.address()).await;
    let place = TestDatabase::of_own_server(address.through(&primary.url()));
    let fleet = Fleet::prepare_on(world(), place, TestBroker::vhost().await).await;
    let facts = FactSubscriber::start(&fleet.broker).await;
    let processes = fleet.start_all(1).await;
    fleet.create_connector().await;
    wait_for_project_reads(&fleet, 3).await;
    let before = fleet.simulator.stats().requests["generalSettings"];
    primary.kill().await;
    standby.promote().await;
    address.retarget(&standby.address());
    wait_for_project_reads(&fleet, before + 3).await;
    let report = TotalCheck::of(&fleet).with_facts(&facts).settle(PASS_DEADLINE).await;
    report.assert_holds("after a fail-over of the database");
    assert_eq!(report.jobs_in("dead"), 0, "{report}");
    for process in &processes {
        assert!(process.exit_status().is_none(), "{}", process.stderr());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_a_server_that_takes_no_writes_any_more_are_left() {
    const CONNECTIONS: u128 = 6;
    let old = DatabaseNode::start().await;
    let new = old.standby().await;
    let address = Proxy::start(&old.address()).await;
    let store = store(&address.through(&old.url())).await;
    store.migrate().await.expect("migrate");
    let tasks: Vec<_> = (1..=CONNECTIONS)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { store.ledger().enqueue(&[work(number)]).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("the task").expect("enqueue");
    }
    assert!(address.open_connections() > 1, "there are connections that could stay");
    old.set("default_transaction_read_only", "on").await;
    wait_until("the old server takes no writes", SOON, async || {
        store.ledger().enqueue(&[work(100)]).await.is_err()
    })
    .await;
    new.promote().await;
    // Nothing is cut: the old server goes on to serve whoever is connected.
    address.retarget(&new.address());
    wait_until("the new server takes the work", PATIENT, async || {
        store.ledger().enqueue(&[work(101)]).await.is_ok()
    })
    .await;
    for number in 0..CONNECTIONS {
        store
            .ledger()
            .enqueue(&[work(200 + number)])
            .await
            .expect("every connection leads to the new server");
    }
    let known = jobs(&store).await.len();
    assert_eq!(known, 6 + 1 + 6, "what was committed before is there");
}
