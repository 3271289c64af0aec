//! Facts, requests and dead letters.

use super::broker::Broker;
use super::support::{TRACEPARENT, event, soon};
use crate::LARGEST_BODY_BYTES;
use crate::message::HeaderValue;
use crate::topology::{DEAD_EXCHANGE, EVENTS_EXCHANGE, INGRESS_QUEUE, REQUESTS_EXCHANGE};
use crate::transport::{EventPublisher, PublishOutcome, RequestSource};
use chrono::{TimeZone, Utc};
use futures::StreamExt;
use lapin::BasicProperties;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use muster_messages::CloudEvent;
use muster_messages::event::STRUCTURED_CONTENT_TYPE;

const FACT: &str = "muster.assessment.changed.v1";
const REQUEST: &str = "muster.connector.discovery-requested.v1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fact_reaches_its_subscribers_and_nobody_is_fine() {
    let broker = Broker::new();
    let transport = broker.transport().await;
    let mut fact = event(FACT);
    fact.time = Some(Utc.with_ymd_and_hms(2026, 3, 4, 5, 6, 7).unwrap());
    assert_eq!(soon("published", transport.publish_event(&fact)).await, PublishOutcome::Confirmed);

    let (_connection, channel) = broker.channel().await;
    let (none, options) =
        (FieldTable::default(), QueueDeclareOptions { exclusive: true, ..Default::default() });
    channel.queue_declare("subscriber".into(), options, none.clone()).await.unwrap();
    let key = "muster.assessment.*.v1".into();
    let bind = QueueBindOptions::default();
    channel.queue_bind("subscriber".into(), EVENTS_EXCHANGE.into(), key, bind, none.clone()).await.unwrap();
    let consume = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let mut subscriber = channel.basic_consume("subscriber".into(), "".into(), consume, none).await.unwrap();

    let outcomes = transport.publish_events(&[fact.clone(), event("muster.resource.removed.v1")]).await;
    assert_eq!(outcomes, [PublishOutcome::Confirmed; 2]);
    let delivery = soon("the fact arrives", subscriber.next()).await.unwrap().unwrap();
    assert_eq!(serde_json::from_slice::<CloudEvent>(&delivery.data).unwrap(), fact);
    assert_eq!(delivery.routing_key.as_str(), FACT);
    let properties = &delivery.properties;
    let text = |value: &Option<lapin::types::ShortString>| value.as_ref().unwrap().to_string();
    assert_eq!(text(properties.content_type()), STRUCTURED_CONTENT_TYPE);
    assert_eq!(text(properties.message_id()), fact.id);
    assert_eq!(text(properties.app_id()), fact.source);
    assert_eq!(text(properties.kind()), FACT);
    assert_eq!(*properties.delivery_mode(), Some(2));
    assert_eq!(*properties.timestamp(), Some(1_772_600_767));
    let headers = properties.headers().as_ref().unwrap().inner();
    assert_eq!(headers.get("traceparent"), Some(&AMQPValue::LongString(TRACEPARENT.into())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_cannot_travel_are_too_large() {
    let broker = Broker::new();
    let transport = broker.transport().await;
    let mut large = event(FACT);
    large.data = serde_json::Value::String("x".repeat(LARGEST_BODY_BYTES));
    let long_type = event(&"x".repeat(256));
    let mut long_id = event(FACT);
    long_id.id = "é".repeat(300);
    let outcomes = soon("published", transport.publish_events(&[large, long_type, long_id])).await;
    assert_eq!(outcomes, [PublishOutcome::TooLarge, PublishOutcome::TooLarge, PublishOutcome::Confirmed]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_arrive_and_rejected_ones_are_dead_letters() {
    let broker = Broker::new();
    let transport = broker.transport().await;
    let mut requests = transport.consume_requests(10).await.unwrap();
    let request = event(REQUEST);
    assert_eq!(soon("published", transport.publish_request(&request)).await, PublishOutcome::Confirmed);
    let message = soon("the request arrives", requests.next()).await;
    assert_eq!(serde_json::from_slice::<CloudEvent>(&message.body).unwrap(), request);
    assert_eq!(message.content_type.as_deref(), Some(STRUCTURED_CONTENT_TYPE));
    assert_eq!(message.message_id.as_deref(), Some(request.id.as_str()));
    assert_eq!((message.exchange.as_str(), message.routing_key.as_str()), (REQUESTS_EXCHANGE, REQUEST));
    assert_eq!((message.user_id.as_deref(), message.redelivered), (None, false));
    assert_eq!(message.header("traceparent").as_deref(), Some(TRACEPARENT));
    message.acknowledger.give_back().await;
    let again = soon("the request arrives again", requests.next()).await;
    assert!(again.redelivered);

    let mut dead = transport.consume_dead(10).await.unwrap();
    again.acknowledger.reject().await;
    let letter = soon("the dead letter arrives", dead.next()).await;
    assert_eq!(serde_json::from_slice::<CloudEvent>(&letter.body).unwrap(), request);
    assert_eq!((letter.exchange.as_str(), letter.routing_key.as_str()), (DEAD_EXCHANGE, INGRESS_QUEUE));
    assert_eq!(letter.header("x-first-death-reason").as_deref(), Some("rejected"));
    assert_eq!(letter.header("x-first-death-queue").as_deref(), Some(INGRESS_QUEUE));
    letter.acknowledger.acknowledge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binary_mode_and_the_validated_user_come_through() {
    let broker = Broker::new();
    let transport = broker.transport().await;
    let mut requests = transport.consume_requests(10).await.unwrap();
    let (_connection, channel) = broker.channel().await;
    let mut headers = FieldTable::default();
    headers.insert("cloudEvents_type".into(), AMQPValue::LongString(REQUEST.into()));
    headers.insert("cloudEvents:id".into(), AMQPValue::LongLongInt(7));
    headers.insert("cloudEvents_time".into(), AMQPValue::Timestamp(1_772_600_767));
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_user_id("guest".into())
        .with_headers(headers);
    // Any routing key: the type is an attribute of the event.
    let (exchange, key) = (REQUESTS_EXCHANGE.into(), "anything".into());
    channel.basic_publish(exchange, key, BasicPublishOptions::default(), b"{}", properties).await.unwrap();
    let message = soon("the request arrives", requests.next()).await;
    assert_eq!(message.body, b"{}");
    assert_eq!(message.content_type.as_deref(), Some("application/json"));
    assert_eq!(message.user_id.as_deref(), Some("guest"));
    assert_eq!(message.headers.get("cloudEvents:id"), Some(&HeaderValue::Integer(7)));
    let texts = message.text_headers();
    assert_eq!(texts.get("cloudEvents_type").map(String::as_str), Some(REQUEST));
    assert_eq!(texts.get("cloudEvents_time").map(String::as_str), Some("2026-03-04T05:06:07Z"));
    message.acknowledger.acknowledge().await;
}
