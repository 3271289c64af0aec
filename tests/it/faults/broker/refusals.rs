//! Brokers that refuse: logins, virtual hosts, queues with other arguments.

use super::probe;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use muster_azdo_sim::SimulatorOptions;
use std::time::Duration;
use tests::fleet::Fleet;
use tests::processes::Process;
use tests::waiting::{PATIENT, SOON, stays_true, wait_until};

/// Much longer than a crash loop, or one without pauses, would take for its next turn.
const LONG_ENOUGH: Duration = Duration::from_secs(5);
const QUEUE: &str = "muster.v1.sync";

async fn fleet() -> Fleet {
    Fleet::prepare(SimulatorOptions {
        organizations: 1,
        projects: 1,
        repositories: 1,
        ..SimulatorOptions::default()
    })
    .await
}

async fn becomes_ready(what: &str, process: &Process, ready: bool) {
    wait_until(what, PATIENT, async || probe(process, "readyz").await.0 == ready).await;
    assert!(probe(process, "livez").await.0, "{what}: it is alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_or_a_missing_virtual_host_is_told_without_the_password_and_passes() {
    let mut fleet = fleet().await;
    let user = fleet.broker.add_user("worker", ".*", ".*", ".*").await;
    let password = user.amqp_url.split([':', '@']).nth(2).expect("a URL with a password").to_owned();
    fleet.set("MUSTER_AMQP_URL", &user.amqp_url);
    let worker = fleet.start(&["worker", "sync"]).await;
    becomes_ready("the worker is ready", &worker, true).await;

    fleet.broker.set_password(&user.name, "another one").await;
    fleet.broker.close_connections().await;
    becomes_ready("a refused login is told", &worker, false).await;
    worker.wait_for_line(SOON, |line| line.contains("refused") && line.contains(&user.name)).await;
    let doctor = Process::muster(&["doctor"], &fleet.environment());
    assert!(!doctor.wait(PATIENT).await.success());
    assert!(doctor.stdout().contains("check user, password and virtual host"), "{}", doctor.stdout());
    fleet.broker.set_password(&user.name, &password).await;
    becomes_ready("the right password lets it in", &worker, true).await;

    fleet.broker.lose().await;
    becomes_ready("a missing virtual host is told", &worker, false).await;
    fleet.broker.make_again().await;
    fleet.broker.permit(&user.name, ".*", ".*", ".*").await;
    becomes_ready("the virtual host lets it in", &worker, true).await;
    for text in [worker.stderr(), worker.stdout(), doctor.stdout(), doctor.stderr()] {
        assert!(!text.contains(&password), "the password is told: {text}");
    }
    worker.terminate();
    assert!(worker.wait(PATIENT).await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_with_other_arguments_is_refused_by_name_without_a_loop_of_attempts() {
    let fleet = fleet().await;
    let connection = fleet.broker.connect().await;
    let channel = connection.create_channel().await.expect("open a channel");
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(5));
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(QUEUE.into(), options, arguments).await.expect("declare the queue otherwise");

    let worker = fleet.start(&["worker", "sync"]).await;
    let names = |line: &str| line.contains(QUEUE) && line.contains("exists with another x-");
    worker.wait_for_line(PATIENT, names).await;
    becomes_ready("what is refused is not ready", &worker, false).await;
    let attempts = || {
        let text = worker.stdout() + &worker.stderr();
        text.lines().filter(|line| names(line)).count()
    };
    // One for each of the two connections.
    stays_true("it waits for a person", LONG_ENOUGH, async || {
        worker.exit_status().is_none() && (1..=2).contains(&attempts())
    })
    .await;
    let doctor = Process::muster(&["doctor"], &fleet.environment());
    assert!(!doctor.wait(PATIENT).await.success());
    let says = doctor.stdout();
    assert!(says.lines().any(names), "{says}");

    assert!(fleet.broker.delete_queue(QUEUE).await);
    becomes_ready("it goes on by itself", &worker, true).await;
    assert_eq!(worker.exit_status(), None);
}
