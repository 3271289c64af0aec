//! Brokers that refuse, and configurations that cannot work.

use super::broker::{AMQPS_CA_FILE, AMQPS_URL, Broker, required};
use super::proxy::{Mode, Proxy};
use super::support::{ROLE, eventually, next, number, ticket, within};
use crate::amqp::{
    AmqpOptions, AmqpTransport, ConnectError, ExchangeState, FirstConnection, QueueState, TopologyMode,
    inspect, inspect_broker,
};
use crate::topology::{Argument, queues, work_queue};
use crate::transport::{PublishOutcome, TicketTransport};
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use std::time::Duration;

async fn error_of(options: AmqpOptions) -> ConnectError {
    match within(Duration::from_secs(40), "an answer", AmqpTransport::connect(options)).await {
        Ok(_) => panic!("connected"),
        Err(error) => error,
    }
}

/// Makes the queue of [`ROLE`] as somebody else would.
async fn declare_with_limit(broker: &Broker, limit: i64) {
    let (_connection, channel) = broker.channel().await;
    let mut arguments = FieldTable::default();
    for (name, value) in &queues().iter().find(|queue| queue.name == work_queue(ROLE)).unwrap().arguments {
        let value = match value {
            Argument::Number(_) if *name == "x-delivery-limit" => AMQPValue::LongLongInt(limit),
            Argument::Number(number) => AMQPValue::LongLongInt(*number),
            Argument::Text(text) => AMQPValue::LongString((*text).into()),
        };
        arguments.insert((*name).into(), value);
    }
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(work_queue(ROLE).into(), options, arguments).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_login_says_so_without_the_password() {
    let broker = Broker::new();
    let url = broker.url().replacen("guest:guest@", "guest:s3cret@", 1);
    let mut options = broker.options();
    options.urls = vec![url];
    assert!(!format!("{options:?}").contains("s3cret"));
    let error = error_of(options).await;
    assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    assert!(error.to_string().contains("guest@"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_virtual_host_that_is_not_there_is_a_refusal() {
    let mut options = Broker::new().options();
    options.urls = vec![format!("{}/nowhere", required(super::broker::AMQP_URL))];
    let error = error_of(options).await;
    assert!(
        matches!(&error, ConnectError::Refused { reason, .. } if reason.contains("nowhere")),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there_is_told_at_once_and_the_next_address_is_tried() {
    let broker = Broker::new();
    let proxy = Proxy::before(&Broker::server(), Mode::Cut).await;
    let mut options = broker.options();
    options.urls = vec![broker.url_through(&proxy.server)];
    let error = error_of(options.clone()).await;
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
    options.urls.push(broker.url());
    let transport = AmqpTransport::connect(options).await.unwrap();
    assert_eq!(transport.publish(vec![ticket(1)]).await, [PublishOutcome::Confirmed]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_never_answers_is_given_up_in_time() {
    let broker = Broker::new();
    let proxy = Proxy::before(&Broker::server(), Mode::Silent).await;
    let mut options = broker.options();
    options.urls = vec![broker.url_through(&proxy.server)];
    options.connect_deadline = Duration::from_millis(500);
    let connect = within(Duration::from_secs(5), "giving up", AmqpTransport::connect(options)).await;
    let Err(error) = connect else { panic!("connected") };
    assert!(
        matches!(&error, ConnectError::Unreachable { reason, .. } if reason.contains("0.5 s")),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_waits_for_its_broker() {
    let broker = Broker::new();
    let proxy = Proxy::before(&Broker::server(), Mode::Cut).await;
    let mut options = broker.options();
    options.urls = vec![broker.url_through(&proxy.server)];
    options.first_connection = FirstConnection::Awaited;
    let transport = AmqpTransport::connect(options).await.unwrap();
    let mut consumer = transport.consume(ROLE, 1).await.unwrap();
    eventually("the fault is told", async || transport.health().fault.is_some()).await;
    assert!(!transport.health().connected);
    assert_eq!(transport.publish(vec![ticket(1)]).await, [PublishOutcome::Refused]);
    proxy.set(Mode::Pass);
    eventually("publishing works", async || {
        transport.publish(vec![ticket(2)]).await == [PublishOutcome::Confirmed]
    })
    .await;
    assert_eq!(number(&next(&mut consumer).await), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_with_other_arguments_is_named_with_the_argument() {
    let broker = Broker::new();
    declare_with_limit(&broker, 5).await;
    let error = error_of(broker.options()).await;
    let ConnectError::Conflict { kind, name, argument, detail } = &error else { panic!("{error:?}") };
    assert_eq!((*kind, name.as_str(), argument.as_str()), ("queue", work_queue(ROLE), "x-delivery-limit"));
    assert!(detail.contains("20") && detail.contains('5'), "{detail}");
    assert!(error.needs_a_person());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_makes_nothing_and_names_what_is_missing() {
    let broker = Broker::new();
    let mut verify = broker.options();
    verify.topology = TopologyMode::Verify;
    let error = error_of(verify.clone()).await;
    assert!(matches!(error, ConnectError::Missing { kind: "exchange", .. }), "{error:?}");
    let missing = inspect_broker(verify.clone()).await.unwrap();
    assert!(missing.queues.iter().all(|report| report.state == QueueState::Missing), "{missing:?}");
    assert!(missing.exchanges.iter().all(|report| report.state == ExchangeState::Missing), "{missing:?}");
    assert!(
        missing.version.is_some_and(|version| version.starts_with("RabbitMQ ")),
        "the broker says who it is"
    );

    let declaring = broker.transport().await;
    let verifying = AmqpTransport::connect(verify).await.unwrap();
    assert_eq!(verifying.publish(vec![ticket(1)]).await, [PublishOutcome::Confirmed]);
    declaring.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inspection_reports_every_queue() {
    let broker = Broker::new();
    declare_with_limit(&broker, 5).await;
    let report = inspect(broker.options()).await.unwrap();
    let of = |name: &str| report.iter().find(|report| report.name == name).unwrap().state.clone();
    assert!(
        matches!(of(work_queue(ROLE)), QueueState::Different(ConnectError::Conflict { .. })),
        "{report:?}"
    );

    broker.delete_queue(work_queue(ROLE));
    let transport = broker.transport().await;
    assert_eq!(transport.publish(vec![ticket(1), ticket(2)]).await, [PublishOutcome::Confirmed; 2]);
    let report = inspect_broker(broker.options()).await.unwrap();
    assert!(report.exchanges.iter().all(|exchange| exchange.state == ExchangeState::Present), "{report:?}");
    let report = report.queues;
    assert_eq!(report.len(), queues().len());
    for report in report {
        let messages = if report.name == work_queue(ROLE) { 2 } else { 0 };
        assert_eq!(report.state, QueueState::Present { messages, consumers: 0 }, "{}", report.name);
    }
}

#[tokio::test]
async fn configurations_that_cannot_work_are_refused_before_anything_is_tried() {
    for (urls, ca_file) in [
        (vec![], None),
        (vec!["http://user:s3cret@broker".to_owned()], None),
        (vec!["amqps://user:s3cret@broker".to_owned()], Some("/nowhere/ca.pem".into())),
    ] {
        let options = AmqpOptions { ca_file, ..AmqpOptions::new(urls, "test") };
        let options = AmqpOptions { first_connection: FirstConnection::Awaited, ..options };
        let Err(error) = AmqpTransport::connect(options).await else { panic!("accepted") };
        assert!(matches!(error, ConnectError::Misconfigured(_)), "{error:?}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_needs_the_authority_and_then_works() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let broker = Broker::new();
    let mut options = broker.options();
    options.urls = vec![broker.url_on(&required(AMQPS_URL))];
    let error = error_of(options.clone()).await;
    assert!(
        matches!(&error, ConnectError::Unreachable { reason, .. } if reason.contains("certificate")),
        "{error:?}"
    );

    options.ca_file = Some(required(AMQPS_CA_FILE).into());
    let transport = AmqpTransport::connect(options).await.unwrap();
    let mut consumer = transport.consume(ROLE, 5).await.unwrap();
    assert_eq!(transport.publish(vec![ticket(7)]).await, [PublishOutcome::Confirmed]);
    let delivery = next(&mut consumer).await;
    assert_eq!(number(&delivery), 7);
    delivery.acknowledger.acknowledge().await;
    assert_eq!(transport.health().counters.acknowledged, 1);
}
