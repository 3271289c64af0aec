//! Bindings, exchanges, queues and leaders that go missing, and queues that are full.

use super::{Bench, probe, ticket};
use muster_domain::job::{JobKind, JobState, Role};
use muster_queue::{AmqpOptions, AmqpTransport, PublishOutcome, TicketTransport};
use std::time::Duration;
use tests::broker::TestBroker;
use tests::processes::Process;
use tests::waiting::{PATIENT, SOON, stays_true, wait_until};

const QUEUE: &str = "muster.v1.sync";
const EXCHANGE: &str = "muster.work";

#[tokio::test(flavor = "multi_thread")]
async fn bindings_exchanges_and_queues_that_are_deleted_under_load_come_back() {
    let bench = Bench::on(TestBroker::vhost().await, None).await;
    let broker = &bench.fleet.broker;

    broker.unbind(EXCHANGE, QUEUE, Role::Sync.as_str()).await;
    bench.wave(JobKind::ProjectSync).await;
    wait_until("tickets without a binding are noticed", PATIENT, async || {
        bench.tickets("unroutable").await > 0
    })
    .await;
    bench.settled("a lost binding").await;
    assert_eq!(broker.bindings(EXCHANGE, QUEUE).await, [Role::Sync.as_str()], "it was declared again");

    bench.wave_under_way().await;
    assert!(broker.delete_exchange(EXCHANGE).await);
    bench.wave(JobKind::ProjectRefresh).await;
    bench.settled("a lost exchange").await;
    assert!(broker.exchange(EXCHANGE).await.is_some(), "it was declared again");

    bench.wave_under_way().await;
    assert!(broker.delete_queue(QUEUE).await);
    wait_until("the queue is declared and consumed again", PATIENT, async || {
        broker.queue(QUEUE).await.is_some_and(|queue| queue.consumers > 0) && bench.is_ready("sync").await
    })
    .await;
    // As the reclaimer does after two minutes.
    bench.store.ledger().redispatch_lost(Duration::ZERO).await.expect("make lost tickets again");
    bench.settled("a lost queue").await;
    bench.all_are_alive().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_asked_seldom_and_its_work_waits() {
    /// Time for looking how often a full queue is asked.
    const LOOKING: Duration = Duration::from_secs(10);
    /// A dispatcher without pauses makes some fifty rounds in that time, one with pauses about six.
    const MOST_ROUNDS: u64 = 15;
    let mut bench = Bench::on(TestBroker::vhost().await, None).await;
    let worker = bench.processes.remove("sync").expect("a worker of the role");
    worker.terminate();
    worker.wait(PATIENT).await;
    bench.fleet.broker.limit_queues("^muster[.]v1[.]sync$", 1).await;
    fill(&bench.fleet.broker).await;
    bench.wave(JobKind::ProjectSync).await;
    wait_until("the full queue refuses", SOON, async || bench.tickets("refused").await > 0).await;
    let (before, refused) = (
        bench.count(Role::Sync, &[JobState::Pending, JobState::Dispatched]).await,
        bench.tickets("refused").await,
    );
    assert!(before > 10, "most of the wave waits, not only {before}");
    stays_true("the wave waits", LOOKING, async || {
        bench.count(Role::Sync, &[JobState::Pending, JobState::Dispatched]).await > 10
    })
    .await;
    let rounds = (bench.tickets("refused").await - refused) / u64::try_from(before).expect("a small number");
    assert!(rounds <= MOST_ROUNDS, "{rounds} rounds");
    // Other roles do not wait along.
    bench.wave(JobKind::ProjectRefresh).await;
    wait_until("the other role's work ends", PATIENT, async || {
        bench.count(Role::Refresh, &[JobState::Pending, JobState::Dispatched, JobState::Running]).await == 0
    })
    .await;
    assert!(bench.count(Role::Sync, &[JobState::Pending, JobState::Dispatched]).await > 10);
    bench.fleet.broker.lift_limits().await;
    bench.start("sync").await;
    bench.settled("a full queue").await;
}

/// Fills the queue, which also shows that the broker has applied the limit.
async fn fill(broker: &TestBroker) {
    let options = AmqpOptions::new(vec![broker.amqp_url()], "muster-test");
    let transport = AmqpTransport::connect(options).await.expect("connect to the broker");
    wait_until("the queue is full", SOON, async || {
        transport.publish(vec![ticket()]).await == [PublishOutcome::Refused]
    })
    .await;
    transport.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_without_a_leader_is_named_and_other_work_goes_on() {
    let bench = Bench::on(TestBroker::vhost().await, None).await;
    let broker = &bench.fleet.broker;
    broker.stop_leader(QUEUE).await;
    bench.wave(JobKind::ProjectSync).await;
    wait_until("the worker says that its queue does not serve", PATIENT, async || {
        let (ready, says) = probe(bench.process("sync"), "readyz").await;
        !ready && says.contains("does not serve")
    })
    .await;
    let doctor = Process::muster(&["doctor"], &bench.fleet.environment());
    assert!(!doctor.wait(PATIENT).await.success(), "{}", doctor.stdout());
    let says = doctor.stdout();
    let line = says.lines().find(|line| line.contains(QUEUE)).expect("the doctor names every queue");
    assert!(line.contains("failed") && line.contains("leader"), "{line}");

    bench.wave(JobKind::ProjectRefresh).await;
    wait_until("the other role's work ends", PATIENT, async || {
        bench.count(Role::Refresh, &[JobState::Pending, JobState::Dispatched, JobState::Running]).await == 0
    })
    .await;
    assert!(bench.is_ready("refresh").await, "a worker of another queue is ready");
    bench.all_are_alive().await;

    // What the doctor advises.
    assert!(broker.delete_queue(QUEUE).await);
    bench.all_are_ready().await;
    bench.settled("a queue without a leader").await;
}
