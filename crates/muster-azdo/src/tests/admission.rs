//! What happens before a call is sent, and that every grant is settled once.

use super::gate::FakeGate;
use super::service::{Service, json_response};
use super::{Fixture, PROJECT, eventually, now, options, organization};
use crate::{CallError, ClientOptions};
use chrono::TimeDelta;
use futures::future::join_all;
use muster_domain::budget::{ConsumptionClass, GateUnavailable, NoRoom, NoRoomReason};
use muster_domain::read::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

fn no_room(milliseconds: i64) -> Result<NoRoom, GateUnavailable> {
    Ok(NoRoom { retry_at: now() + TimeDelta::milliseconds(milliseconds), reason: NoRoomReason::WindowFull })
}

async fn empty_service() -> Service {
    Service::json(serde_json::json!({})).await
}

#[tokio::test]
async fn a_short_wait_for_room_happens_in_place() {
    let service = empty_service().await;
    // The last one lies in the past: the clocks of gate and process differ.
    let gate = FakeGate::refusing([no_room(30), no_room(1), no_room(-500)]);
    let fixture = Fixture::with_gate(options(&service.url), gate);
    fixture.background().general_settings(&organization(), PROJECT).await.unwrap();
    assert_eq!(fixture.gate.asked(), 4);
    assert_eq!(fixture.gate.granted(), [(Read::GeneralSettings, ConsumptionClass::Background)]);
    assert_eq!(fixture.gate.settled().len(), 1);
}

#[tokio::test]
async fn a_long_wait_for_room_ends_the_call_before_it_is_sent() {
    let service = empty_service().await;
    let fixture = Fixture::with_gate(options(&service.url), FakeGate::refusing([no_room(2_001)]));
    let error = fixture.background().general_settings(&organization(), PROJECT).await.unwrap_err();
    let CallError::Throttled { until, .. } = error else { panic!("{error}") };
    assert_eq!(until, now() + TimeDelta::milliseconds(2_001));
    assert!(service.requests().is_empty());
    assert!(fixture.gate.settled().is_empty());
}

#[tokio::test]
async fn short_waits_add_up() {
    let service = empty_service().await;
    let gate = FakeGate::refusing((0..100).map(|_| no_room(40)));
    let fixture = Fixture::with_gate(
        ClientOptions { short_wait: Duration::from_millis(100), ..options(&service.url) },
        gate,
    );
    let error = fixture.background().general_settings(&organization(), PROJECT).await.unwrap_err();
    assert!(matches!(error, CallError::Throttled { .. }), "{error}");
    assert_eq!(fixture.gate.asked(), 3, "two waits of 40 ms fit, the third does not");
}

#[tokio::test]
async fn nothing_is_called_without_the_gate() {
    let service = empty_service().await;
    let gate = FakeGate::refusing([Err(GateUnavailable("the database is away".to_owned()))]);
    let fixture = Fixture::with_gate(options(&service.url), gate);
    let error = fixture.background().general_settings(&organization(), PROJECT).await.unwrap_err();
    assert!(matches!(error, CallError::GateUnavailable { .. }), "{error}");
    assert!(error.to_string().contains("the database is away"), "{error}");
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn no_more_calls_are_in_flight_than_allowed_and_people_need_not_wait() {
    let (present, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let open = Arc::new(Semaphore::new(0));
    let (counted, highest, door) = (Arc::clone(&present), Arc::clone(&most), Arc::clone(&open));
    let service = Service::start(move |_| {
        let (counted, highest, door) = (Arc::clone(&counted), Arc::clone(&highest), Arc::clone(&door));
        async move {
            highest.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            door.acquire().await.unwrap().forget();
            counted.fetch_sub(1, Ordering::SeqCst);
            json_response("{}")
        }
    })
    .await;
    let fixture = Fixture::new(options(&service.url));
    let call = |class| {
        let session = fixture.session(class);
        async move { session.general_settings(&organization(), PROJECT).await }
    };
    let workers = tokio::spawn(join_all((0..10).map(|_| call(ConsumptionClass::Background))));
    eventually("three workers call", || present.load(Ordering::SeqCst) == 3).await;
    let person = tokio::spawn(call(ConsumptionClass::Interactive));
    eventually("a person calls too", || present.load(Ordering::SeqCst) == 4).await;
    open.add_permits(11);
    person.await.unwrap().unwrap();
    assert!(workers.await.unwrap().iter().all(Result::is_ok));
    assert_eq!(most.load(Ordering::SeqCst), 4);
    assert_eq!(fixture.gate.settled().len(), 11);
}

#[tokio::test]
async fn a_call_dropped_while_it_waits_for_the_answer_is_settled_with_nothing() {
    let service = Service::start(|_| std::future::pending()).await;
    let fixture = Fixture::new(options(&service.url));
    let session = fixture.background();
    let call = tokio::spawn(async move { session.general_settings(&organization(), PROJECT).await });
    eventually("the call arrives", || service.requests().len() == 1).await;
    call.abort();
    eventually("the grant is settled", || fixture.gate.settled().len() == 1).await;
    assert_eq!(fixture.gate.only_signals(), None);
}

#[tokio::test]
async fn a_call_dropped_while_it_is_settled_is_settled_once() {
    let service = Service::answering(429, &[("retry-after", "5")], "").await;
    let fixture = Fixture::with_gate(options(&service.url), FakeGate::holding_settlements());
    let session = fixture.background();
    let call = tokio::spawn(async move { session.general_settings(&organization(), PROJECT).await });
    eventually("the settlement begins", || fixture.gate.settling() == 1).await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    fixture.gate.settlements.add_permits(2);
    eventually("the settlement ends", || fixture.gate.settled().len() == 1).await;
    assert!(fixture.gate.only_signals().unwrap().blocked, "the pause is not lost");
    assert_eq!(fixture.gate.settling(), 1);
}

#[tokio::test]
async fn a_name_that_no_organization_can_have_is_not_called() {
    let service = empty_service().await;
    let fixture = Fixture::new(options(&service.url));
    let nowhere = muster_domain::OrganizationName::new("..");
    let error = fixture.background().general_settings(&nowhere, PROJECT).await.unwrap_err();
    assert!(matches!(error, CallError::NotFound { .. }), "{error}");
    let error = fixture.background().connection_data(&nowhere).await.unwrap_err();
    assert!(matches!(error, CallError::NotFound { .. }), "{error}");
    assert!(service.requests().is_empty());
    assert_eq!(fixture.gate.asked(), 0);
}
