//! Hosts that are away, and answers that come to nothing because of something else that happens there.

use super::service::{JSON, Service, json_response, list};
use super::{Fixture, PROJECT, now, options, organization};
use crate::{CallError, ClientOptions};
use axum::body::Body;
use axum::http::Response;
use chrono::TimeDelta;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Failures in a row after which a host is left alone.
const FAILURES: usize = 10;

async fn call(fixture: &Fixture) -> Result<(), CallError> {
    fixture.background().general_settings(&organization(), PROJECT).await.map(drop)
}

/// A service that answers with a status until it is mended.
async fn failing(status: u16) -> (Service, Arc<AtomicBool>) {
    let is_mended = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&is_mended);
    let service = Service::start(move |_| {
        let is_mended = flag.load(Ordering::SeqCst);
        async move {
            if is_mended {
                return json_response("{}");
            }
            Response::builder().status(status).body(Body::from("away")).unwrap()
        }
    })
    .await;
    (service, is_mended)
}

#[tokio::test]
async fn a_host_that_fails_ten_times_in_a_row_is_left_alone_and_probed_twice_a_minute() {
    for status in [500, 502, 503, 504] {
        let (service, is_mended) = failing(status).await;
        let fixture = Fixture::new(options(&service.url));
        for _ in 0..FAILURES {
            let error = call(&fixture).await.unwrap_err();
            assert!(matches!(error, CallError::Transient { .. }), "{error}");
        }
        let error = call(&fixture).await.unwrap_err();
        let CallError::HostUnavailable { until, ref host, .. } = error else { panic!("{error}") };
        assert_eq!(until, now() + TimeDelta::seconds(30));
        assert!(service.url.ends_with(host.as_str()), "{host}");
        assert!(error.to_string().contains("host_unavailable"), "{error}");
        assert_eq!(service.requests().len(), FAILURES, "nothing was called");
        assert_eq!(fixture.gate.granted().len(), FAILURES, "and no budget taken");

        fixture.clock.advance(TimeDelta::seconds(30));
        assert!(matches!(call(&fixture).await, Err(CallError::Transient { .. })), "the probe");
        assert!(matches!(call(&fixture).await, Err(CallError::HostUnavailable { .. })), "nobody else");
        assert_eq!(service.requests().len(), FAILURES + 1);

        is_mended.store(true, Ordering::SeqCst);
        fixture.clock.advance(TimeDelta::seconds(30));
        for _ in 0..3 {
            call(&fixture).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_left_alone_too() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let fixture = Fixture::new(options(&url));
    for _ in 0..FAILURES {
        let error = call(&fixture).await.unwrap_err();
        assert!(matches!(error, CallError::Transient { .. }), "{error}");
        assert!(error.to_string().contains("127.0.0.1"), "the host is named: {error}");
    }
    assert!(matches!(call(&fixture).await, Err(CallError::HostUnavailable { .. })));
}

#[tokio::test]
async fn refusals_and_pauses_leave_no_host_alone() {
    let retry: (&str, &str) = ("retry-after", "1");
    let stopped: (&str, &str) = ("x-tfs-serviceerror", "TF24668");
    for (status, headers) in [
        (401, vec![JSON]),
        (404, vec![JSON]),
        (429, vec![JSON]),
        (503, vec![JSON, retry]),
        (503, vec![stopped]),
    ] {
        let service = Service::answering(status, &headers, "{}").await;
        let fixture = Fixture::new(options(&service.url));
        for _ in 0..=FAILURES {
            let error = call(&fixture).await.unwrap_err();
            assert!(!matches!(error, CallError::HostUnavailable { .. }), "{status}: {error}");
        }
    }
}

#[tokio::test]
async fn a_name_that_leads_nowhere_and_a_host_without_tls_are_passing_failures() {
    // The top-level domain `invalid` never exists (RFC 2606).
    let fixture = Fixture::new(options("http://azure-devops.invalid"));
    let error = call(&fixture).await.unwrap_err();
    assert!(matches!(error, CallError::Transient { .. }), "{error}");
    assert!(error.to_string().contains("azure-devops.invalid"), "{error}");

    let plain = Service::json(list(&[])).await;
    let fixture = Fixture::new(options(&plain.url.replace("http://", "https://")));
    let error = call(&fixture).await.unwrap_err();
    assert!(matches!(error, CallError::Transient { .. }), "{error}");
}

#[tokio::test]
async fn what_changed_while_it_was_asked_for_is_asked_for_once_more() {
    for status in [409, 412] {
        let is_first = Arc::new(AtomicBool::new(true));
        let flag = Arc::clone(&is_first);
        let once = Service::start(move |_| {
            let status = if flag.swap(false, Ordering::SeqCst) { status } else { 200 };
            async move {
                Response::builder().status(status).header(JSON.0, JSON.1).body(Body::from("{}")).unwrap()
            }
        })
        .await;
        let fixture = Fixture::new(options(&once.url));
        call(&fixture).await.unwrap();
        assert_eq!((once.requests().len(), fixture.gate.settled().len()), (2, 2), "each a call of its own");

        let always = Service::answering(status, &[JSON], "{}").await;
        let fixture = Fixture::new(options(&always.url));
        let error = call(&fixture).await.unwrap_err();
        assert!(matches!(error, CallError::Unexpected { .. }), "{error}");
        assert_eq!(always.requests().len(), 2, "once more, and no further");
    }
}

#[tokio::test]
async fn an_answer_that_is_held_back_for_half_a_minute_is_waited_for() {
    let patience = ClientOptions::default().total_timeout;
    // The service holds throttled answers back for up to 30 s; two of them in a row must not look like a dead host.
    assert!(patience > Duration::from_secs(60) + ClientOptions::default().connect_timeout);
    assert_eq!(ClientOptions::default().idle_read_timeout, Duration::from_secs(60));
}
