//! What the harness itself promises: databases, virtual hosts, processes, the proxy, waiting.

use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use sea_orm::{ConnectionTrait, Database, DatabaseBackend, Statement};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tests::broker::TestBroker;
use tests::broker_nodes::PrivateBroker;
use tests::database::TestDatabase;
use tests::processes::Process;
use tests::proxy::{Proxy, Toward};
use tests::waiting::{SOON, stays_true, wait_for, wait_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Long beside a loopback round trip, short beside a person's patience.
const MOMENT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_postgres_database_is_its_tests_own_and_vanishes() {
    let (database, other) = (TestDatabase::postgres().await, TestDatabase::postgres().await);
    let connection = database.connect().await;
    connection.execute_unprepared("CREATE TABLE mine (id integer)").await.unwrap();
    let elsewhere = other.connect().await.execute_unprepared("SELECT * FROM mine").await;
    assert!(elsewhere.is_err(), "the other test's database has the table too");
    let name = database.url().rsplit('/').next().unwrap().to_owned();
    drop(database); // while a connection is still open
    let query = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
    let server = other.connect().await;
    let left = server.query_all_raw(Statement::from_string(DatabaseBackend::Postgres, query)).await.unwrap();
    assert!(left.is_empty(), "{name} is still there");
}

#[tokio::test]
async fn an_sqlite_database_vanishes_with_its_folder() {
    let database = TestDatabase::sqlite();
    database.connect().await.execute_unprepared("CREATE TABLE mine (id integer)").await.unwrap();
    let url = database.url().to_owned();
    drop(database);
    assert!(Database::connect(url).await.is_err(), "the folder is still there");
}

/// Declares a durable queue and publishes one persistent message to it, confirmed.
async fn publish(broker: &TestBroker, queue: &str) {
    const PERSISTENT: u8 = 2;
    let connection = broker.connect().await;
    let channel = connection.create_channel().await.expect("open a channel");
    let options = QueueDeclareOptions::durable();
    channel.queue_declare(queue.into(), options, FieldTable::default()).await.expect("declare a queue");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    let options = BasicPublishOptions::default();
    let confirm =
        channel.basic_publish("".into(), queue.into(), options, b"hello", properties).await.expect("publish");
    assert!(confirm.await.expect("a confirm").is_ack());
}

#[tokio::test]
async fn a_virtual_host_shows_its_queues_and_closes_its_connections() {
    let broker = TestBroker::vhost().await;
    publish(&broker, "mine").await;
    wait_until("the message is ready", SOON, async || broker.ready("mine").await == Some(1)).await;
    let state = wait_for("the count arrives", SOON, async || {
        broker.queue("mine").await.filter(|queue| queue.ready == 1)
    });
    let state = state.await;
    assert_eq!((state.kind.as_str(), state.durable, state.consumers), ("classic", true, 0));
    let bindings = broker.bindings("amq.topic", "mine").await;
    assert_eq!(bindings, [] as [&str; 0]);

    let connection = broker.connect().await;
    broker.close_connections().await;
    wait_until("the connection is closed", SOON, async || !connection.status().connected()).await;
    assert!(broker.delete_queue("mine").await);
    assert_eq!(broker.ready("mine").await, None);
}

#[tokio::test]
async fn users_see_only_what_they_are_allowed() {
    let mut broker = TestBroker::vhost().await;
    let user = broker.add_user("publisher", "", "^muster\\.requests$", "").await;
    assert!(user.name.starts_with("publisher-"));
    let connection = lapin::Connection::connect(&user.amqp_url, lapin::ConnectionProperties::default());
    let channel = connection.await.unwrap().create_channel().await.unwrap();
    let declared =
        channel.queue_declare("q".into(), QueueDeclareOptions::durable(), FieldTable::default()).await;
    assert!(declared.is_err(), "it may configure nothing");
}

#[tokio::test]
async fn a_private_broker_stops_alone_and_keeps_its_messages() {
    let node = PrivateBroker::start().await;
    let broker = node.vhost().await;
    publish(&broker, "kept").await;
    let connection = broker.connect().await;
    node.memory_alarm(true).await;
    let channel = connection.create_channel().await.unwrap();
    let options = BasicPublishOptions::default();
    channel.basic_publish("".into(), "kept".into(), options, b"!", BasicProperties::default()).await.unwrap();
    wait_until("the publisher is blocked", SOON, async || connection.status().blocked()).await;
    node.memory_alarm(false).await;
    wait_until("both messages are there", SOON, async || broker.ready("kept").await == Some(2)).await;
    node.stop().await;
    wait_until("the connection is gone", SOON, async || !connection.status().connected()).await;
    node.start_again().await;
    assert_eq!(broker.ready("kept").await, Some(1), "the persistent one is kept");
}

fn shell(script: &str) -> Process {
    let environment = BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]);
    Process::start(Path::new("/bin/sh"), &["-c", script], &environment)
}

#[tokio::test]
async fn a_child_is_read_stopped_and_killed() {
    let child =
        shell("trap 'echo bye; exit 3' TERM; echo $GREETING; echo up >&2; while :; do sleep 0.05; done");
    assert_eq!(child.wait_for_line(SOON, |line| line.starts_with("hell")).await, "hello");
    child.wait_for_line(SOON, |line| line == "up").await;
    assert_eq!(child.exit_status(), None);
    child.terminate();
    assert_eq!(child.wait(SOON).await.code(), Some(3));
    assert!(child.stdout().ends_with("bye\n"), "{}", child.stdout());

    let child = shell("trap '' TERM; echo up; while :; do sleep 0.05; done");
    child.wait_for_line(SOON, |line| line == "up").await;
    child.terminate();
    stays_true("it ignores the signal", MOMENT, async || child.exit_status().is_none()).await;
    let id = child.id();
    drop(child);
    assert!(!Path::new(&format!("/proc/{id}")).exists(), "dropped and still running");
}

#[tokio::test]
async fn a_child_sees_nothing_of_the_developers_environment() {
    let child = shell("env; ls -A $HOME | wc -l");
    child.wait(SOON).await;
    let output = child.stdout();
    assert!(!output.contains("MUSTER_") && !output.contains("CARGO_PKG"), "{output}");
    assert!(output.trim_end().ends_with('0'), "an empty home: {output}");
}

/// A server that answers every piece with itself, behind a proxy, and a connection to it.
async fn echo() -> (Proxy, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let target = listener.local_addr().expect("its address").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    let proxy = Proxy::start(&target).await;
    assert_eq!(proxy.through(&format!("amqp://u:p@{target}/v")), format!("amqp://u:p@{}/v", proxy.address()));
    let client = TcpStream::connect(proxy.address()).await.expect("connect");
    (proxy, client)
}

/// Sends a byte and reads its echo; nothing when none came within a moment.
async fn round_trip(client: &mut TcpStream, byte: u8) -> Option<std::io::Result<u8>> {
    if let Err(error) = client.write_all(&[byte]).await {
        return Some(Err(error));
    }
    tokio::time::timeout(MOMENT, client.read_u8()).await.ok()
}

#[tokio::test]
async fn the_proxy_stalls_and_lets_go() {
    let (proxy, mut client) = echo().await;
    assert_eq!(round_trip(&mut client, 1).await.unwrap().unwrap(), 1);
    proxy.stall();
    assert!(round_trip(&mut client, 2).await.is_none(), "stalled");
    assert_eq!(proxy.open_connections(), 1);
    proxy.restore();
    assert_eq!(client.read_u8().await.unwrap(), 2, "what was held back arrives");
}

#[tokio::test]
async fn the_proxy_delays_without_loss() {
    let (proxy, mut client) = echo().await;
    proxy.delay(MOMENT);
    let start = std::time::Instant::now();
    client.write_all(&[7]).await.unwrap();
    assert_eq!(client.read_u8().await.unwrap(), 7);
    assert!(start.elapsed() >= MOMENT * 2, "once in each direction");
}

#[tokio::test]
async fn the_proxy_cuts_what_is_open_and_serves_what_comes() {
    let (proxy, mut client) = echo().await;
    assert_eq!(round_trip(&mut client, 1).await.unwrap().unwrap(), 1);
    proxy.cut();
    let error = client.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    wait_until("nothing is open", SOON, async || proxy.open_connections() == 0).await;
    let mut again = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(round_trip(&mut again, 2).await.unwrap().unwrap(), 2);
    assert_eq!(proxy.accepted_connections(), 2);
    proxy.refuse();
    let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(refused.read_u8().await.is_err(), "closed at once");
    assert_eq!(round_trip(&mut again, 3).await.unwrap().unwrap(), 3, "the open one goes on");
}

#[tokio::test]
async fn the_proxy_closes_one_direction() {
    let (proxy, mut client) = echo().await;
    assert_eq!(round_trip(&mut client, 1).await.unwrap().unwrap(), 1);
    proxy.half_close(Toward::Client);
    assert_eq!(client.read_u8().await.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    client.write_all(&[2]).await.expect("the other direction is open");
    stays_true("it stays open", MOMENT, async || proxy.open_connections() == 1).await;
}
