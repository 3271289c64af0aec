//! Every kind of answer, and what becomes of it.

use super::service::{HTML, JSON, Service, json_response, list};
use super::{Fixture, PROJECT, TOKEN, eventually, options, organization};
use crate::{CallError, CallTarget, ClientOptions, UnauthorizedReason};
use axum::body::{Body, Bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use futures::{StreamExt as _, stream};
use muster_domain::budget::ThrottleSignals;
use muster_domain::read::Read;
use muster_domain::snapshot::GeneralSettings;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

const BLOCKED: &str = r#"{"$id":"1","message":"Request was blocked due to exceeding usage of resource 'Count'.",
    "typeKey":"RequestBlockedException","errorCode":0,"eventId":3000}"#;

/// The error of one read of an object, and what the gate was told.
async fn outcome(status: u16, headers: &[(&str, &str)], body: &str) -> (CallError, ThrottleSignals) {
    let service = Service::answering(status, headers, body).await;
    let fixture = Fixture::new(options(&service.url));
    let error = fixture.background().general_settings(&organization(), PROJECT).await.unwrap_err();
    assert_eq!(error.call(), &CallTarget::in_project(Read::GeneralSettings, &organization(), PROJECT));
    assert!(!format!("{error} {error:?}").contains(TOKEN));
    assert_eq!(service.requests().len(), 1, "nothing is repeated");
    (error, fixture.gate.only_signals().expect("an answer came"))
}

/// Which variant, for tables.
fn variant(error: &CallError) -> &'static str {
    match error {
        CallError::Throttled { .. } => "Throttled",
        CallError::Unauthorized { .. } => "Unauthorized",
        CallError::Forbidden { .. } => "Forbidden",
        CallError::NotFound { .. } => "NotFound",
        CallError::OrganizationStopped { .. } => "OrganizationStopped",
        CallError::Transient { .. } => "Transient",
        CallError::HostUnavailable { .. } => "HostUnavailable",
        CallError::CertificateRefused { .. } => "CertificateRefused",
        CallError::Unexpected { .. } => "Unexpected",
        CallError::GateUnavailable { .. } => "GateUnavailable",
    }
}

/// Status, headers and body of an answer, and the variant that becomes of it.
type Case<'a> = (u16, &'a [(&'a str, &'a str)], &'a str, &'a str);

#[tokio::test]
async fn every_status_has_its_error() {
    let json = [JSON];
    let html = [HTML];
    let stopped = [JSON, ("x-tfs-serviceerror", "TF24668%3A+The+organization+is+stopped")];
    let redirect = [HTML, ("location", "https://login.example/_signin")];
    let cases: [Case<'_>; 26] = [
        (429, &json, BLOCKED, "Throttled"),
        (429, &html, "<html>Too many</html>", "Throttled"),
        (429, &[], "", "Throttled"),
        (403, &json, BLOCKED, "Throttled"),
        (503, &[("retry-after", "9")], "", "Throttled"),
        (401, &[], "", "Unauthorized"),
        (401, &html, "<html>Sign in</html>", "Unauthorized"),
        (203, &html, "<html>Azure DevOps Services | Sign In</html>", "Unauthorized"),
        (302, &redirect, "<html>Object moved</html>", "Unauthorized"),
        (200, &html, "<html>Azure DevOps Services | Sign In</html>", "Unauthorized"),
        (403, &json, r#"{"message":"VS403403: no right"}"#, "Forbidden"),
        (404, &json, r#"{"message":"TF200016: no project"}"#, "NotFound"),
        (404, &html, "<html>The page is gone</html>", "NotFound"),
        (404, &[("content-type", "text/plain")], "no route", "NotFound"),
        (503, &stopped, "\u{feff}{\"typeKey\":\"VssServiceException\"}", "OrganizationStopped"),
        (503, &json, "\u{feff}{\"message\":\"TF24668: stopped\"}", "OrganizationStopped"),
        (408, &[], "", "Transient"),
        (500, &json, r#"{"message":"TF10216: unavailable"}"#, "Transient"),
        (502, &html, "<html>Bad gateway</html>", "Transient"),
        (503, &html, "<html>Busy</html>", "Transient"),
        (504, &[], "", "Transient"),
        (400, &json, r#"{"message":"no api-version"}"#, "Unexpected"),
        (301, &[("location", "https://elsewhere.example/")], "", "Unexpected"),
        (204, &[], "", "Unexpected"),
        (200, &[("content-type", "text/plain")], "{}", "Unexpected"),
        (200, &[("content-type", "application/octet-stream")], "{}", "Unexpected"),
    ];
    for (status, headers, body, expected) in cases {
        let (error, signals) = outcome(status, headers, body).await;
        assert_eq!(variant(&error), expected, "{status} {headers:?} {body}: {error}");
        assert_eq!(signals.blocked, status == 429 || body == BLOCKED, "{status} {body}");
    }
}

#[tokio::test]
async fn a_body_of_another_shape_is_unexpected_and_a_broken_one_transient() {
    for (body, expected) in [
        ("", "Unexpected"),
        (" \n", "Unexpected"),
        ("\u{feff}", "Unexpected"),
        ("[]", "Unexpected"),
        ("\"text\"", "Unexpected"),
        ("{} trailing", "Unexpected"),
        (r#"{"disableClassicPipelineCreation":"yes"}"#, "Unexpected"),
        (r#"{"disableClassicPipelineCreation":tru"#, "Transient"),
        (r#"{"disableClassicPipelineCreation":true"#, "Transient"),
    ] {
        let (error, _) = outcome(200, &[JSON], body).await;
        assert_eq!(variant(&error), expected, "{body:?}: {error}");
    }
}

#[tokio::test]
async fn a_list_of_another_shape_is_unexpected_and_a_broken_one_transient() {
    for (body, expected) in [
        ("", "Unexpected"),
        ("{}", "Unexpected"),
        (r#"{"count":0,"value":null}"#, "Unexpected"),
        (r#"{"$id":"1","message":"an error with status 200"}"#, "Unexpected"),
        (r#"{"count":1,"value":[{"id":5}]}"#, "Unexpected"),
        (r#"{"count":1,"value":["text"]}"#, "Unexpected"),
        (r#"{"count":3,"value":[]}"#, "Unexpected"),
        (r#"{"count":0,"value":[]} {}"#, "Unexpected"),
        (r#"{"count":0,"value":["#, "Transient"),
        (r#"{"count":1,"value":[{"type":"endpoint","id":"a"}"#, "Transient"),
        (r#"{"count":1,"value":[{"type":"endpoint","id":"a"}]"#, "Transient"),
    ] {
        let service = Service::answering(200, &[JSON], body).await;
        let fixture = Fixture::new(options(&service.url));
        let error = fixture.background().authorized_resources(&organization(), PROJECT).await.unwrap_err();
        assert_eq!(variant(&error), expected, "{body:?}: {error}");
        assert_eq!(fixture.gate.settled().len(), 1);
    }
}

#[tokio::test]
async fn a_byte_order_mark_and_a_missing_content_type_are_tolerated() {
    for headers in [&[JSON][..], &[]] {
        let body = "\u{feff}{\"disableClassicPipelineCreation\":true,\"somethingNew\":{}}";
        let service = Service::answering(200, headers, body).await;
        let fixture = Fixture::new(options(&service.url));
        let settings = fixture.background().general_settings(&organization(), PROJECT).await.unwrap();
        let expected =
            GeneralSettings { disable_classic_pipeline_creation: Some(true), ..GeneralSettings::default() };
        assert_eq!(settings, expected);
        assert_eq!(fixture.gate.only_signals(), Some(ThrottleSignals::default()));
    }
}

#[tokio::test]
async fn an_answer_that_was_held_back_is_used_and_its_signals_are_settled() {
    let headers = [
        JSON,
        ("retry-after", "5"),
        ("x-ratelimit-delay", "0.532"),
        ("x-ratelimit-limit", "200"),
        ("x-ratelimit-remaining", "0"),
    ];
    let service = Service::answering(200, &headers, "{}").await;
    let fixture = Fixture::new(options(&service.url));
    fixture.background().general_settings(&organization(), PROJECT).await.unwrap();
    let expected = ThrottleSignals {
        retry_after: Some(Duration::from_secs(5)),
        delay: Some(Duration::from_millis(532)),
        limit_tstu: Some(200.0),
        remaining_tstu: Some(0.0),
        blocked: false,
    };
    assert_eq!(fixture.gate.only_signals(), Some(expected));
}

#[tokio::test]
async fn a_throttled_call_says_when_to_come_back() {
    for (headers, body, status, seconds) in [
        (&[JSON, ("retry-after", "7")][..], "", 429, 7),
        (&[JSON], "", 429, 60),
        (&[JSON], BLOCKED, 403, 60),
        (&[JSON, ("retry-after", "8")], BLOCKED, 403, 8),
        (&[("retry-after", "999999")], "", 503, 3600),
    ] {
        let (error, signals) = outcome(status, headers, body).await;
        let CallError::Throttled { until, .. } = error else { panic!("{error}") };
        assert_eq!(until, super::now() + TimeDelta::seconds(seconds));
        assert_eq!(signals.retry_after, Some(Duration::from_secs(seconds.try_into().unwrap())));
    }
}

#[tokio::test]
async fn the_ways_of_being_refused_are_told_apart() {
    let refused = r#"{"message":"TF400813: The user 'x' is not authorized to access this resource."}"#;
    for (status, headers, body, expected) in [
        (401, JSON, refused, UnauthorizedReason::IdentityNotAuthorized),
        (401, JSON, r#"{"count":0,"value":[]}"#, UnauthorizedReason::CredentialRefused),
        (203, HTML, "<html></html>", UnauthorizedReason::SignInPage),
    ] {
        let (error, _) = outcome(status, &[headers], body).await;
        let CallError::Unauthorized { reason, .. } = error else { panic!("{error}") };
        assert_eq!(reason, expected, "{body}");
    }
}

#[tokio::test]
async fn errors_show_neither_secrets_nor_whole_bodies() {
    let encoded = STANDARD.encode(format!(":{TOKEN}"));
    let body =
        format!(r#"{{"message":"who@contoso.example sent {TOKEN} as {encoded}: {}"}}"#, "no ".repeat(500));
    let headers = [JSON, ("x-vss-userdata", "id:who@contoso.example"), ("activityid", "7abd520f")];
    for status in [400, 401, 403, 404, 500] {
        let (error, _) = outcome(status, &headers, &body).await;
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("sent *** as ***"), "{shown}");
        assert!(!shown.contains(TOKEN) && !shown.contains(&encoded) && !shown.contains('@'), "{shown}");
        assert!(error.to_string().len() < 500, "{error}");
    }
}

#[tokio::test]
async fn a_call_without_an_answer_is_transient_and_settled_with_nothing() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let fixture = Fixture::new(options(&url));
    let error = fixture.background().general_settings(&organization(), PROJECT).await.unwrap_err();
    assert_eq!(variant(&error), "Transient", "{error}");
    assert_eq!(fixture.gate.only_signals(), None);
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_transient_and_settled_with_nothing() {
    let service = Service::start(|_| std::future::pending()).await;
    let patience = Duration::from_millis(100);
    let fixture = Fixture::new(ClientOptions { total_timeout: patience, ..options(&service.url) });
    let error = fixture.background().general_settings(&organization(), PROJECT).await.unwrap_err();
    assert_eq!(variant(&error), "Transient", "{error}");
    assert_eq!(fixture.gate.only_signals(), None);
}

#[tokio::test]
async fn a_body_that_breaks_off_or_stalls_is_transient_and_its_signals_count() {
    // The head must have arrived before the body breaks off.
    let head_arrived = Arc::new(Semaphore::new(0));
    let wait = Arc::clone(&head_arrived);
    let service = Service::start(move |seen| {
        let wait = Arc::clone(&wait);
        async move {
            let start = stream::iter([Ok(Bytes::from_static(b"{\"disableClassic"))]);
            let end = stream::once(async move {
                wait.acquire().await.unwrap().forget();
                Err(std::io::Error::other("broken"))
            });
            if seen.uri.path().contains("generalsettings") {
                json_response(Body::from_stream(start.chain(end)))
            } else {
                json_response(Body::from_stream(start.chain(stream::pending())))
            }
        }
    })
    .await;
    let fixture = Fixture::new(options(&service.url));
    let session = fixture.background();
    let call = tokio::spawn(async move { session.general_settings(&organization(), PROJECT).await });
    eventually("the head arrives", || fixture.gate.settled().len() == 1).await;
    head_arrived.add_permits(1);
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(&error, CallError::Transient { detail, .. } if detail.contains("broke off")), "{error}");
    assert_eq!(fixture.gate.only_signals(), Some(ThrottleSignals::default()));

    let idle = Duration::from_millis(100);
    let fixture = Fixture::new(ClientOptions { idle_read_timeout: idle, ..options(&service.url) });
    let error = fixture.background().service_endpoints(&organization(), PROJECT).await.unwrap_err();
    assert!(matches!(&error, CallError::Transient { detail, .. } if detail.contains("stalled")), "{error}");
    assert_eq!(fixture.gate.only_signals(), Some(ThrottleSignals::default()));
}

#[tokio::test]
async fn a_body_is_cut_at_its_limit_even_when_it_was_compressed() {
    let limit = |url: &str| ClientOptions { max_body_bytes: 1_000, ..options(url) };
    let service = Service::answering(200, &[JSON], format!("{{{}}}", " ".repeat(1_000))).await;
    let fixture = Fixture::new(limit(&service.url));
    let error = fixture.background().general_settings(&organization(), PROJECT).await.unwrap_err();
    assert_eq!(variant(&error), "Unexpected", "{error}");

    let compressed =
        Service::answering(200, &[JSON, ("content-encoding", "gzip")], GZIP_OF_10_000_SPACES).await;
    let fixture = Fixture::new(limit(&compressed.url));
    let error = fixture.background().service_endpoints(&organization(), PROJECT).await.unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
}

#[tokio::test]
async fn a_compressed_answer_is_read() {
    let service = Service::answering(200, &[JSON, ("content-encoding", "gzip")], GZIP_OF_EMPTY_LIST).await;
    let fixture = Fixture::new(options(&service.url));
    let connections = fixture.background().service_endpoints(&organization(), PROJECT).await.unwrap();
    assert_eq!(connections, []);
    assert!(service.requests()[0].header("accept-encoding").contains("gzip"));
    assert_eq!(list(&[]).to_string(), r#"{"count":0,"value":[]}"#, "what the constant holds");
}

/// 10,000 spaces, compressed.
const GZIP_OF_10_000_SPACES: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x01, 0x0d, 0x00, 0x00, 0x00,
    0xc2, 0xa0, 0x2a, 0xef, 0x9f, 0xd2, 0x1c, 0x6e, 0x40, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0xc0, 0xbf, 0x01, 0x54, 0xd6, 0x06, 0x37, 0x10, 0x27, 0x00, 0x00,
];

/// An empty list, compressed.
const GZIP_OF_EMPTY_LIST: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0x4a, 0xce, 0x2f, 0xcd, 0x2b,
    0x51, 0xb2, 0x32, 0xd0, 0x51, 0x2a, 0x4b, 0xcc, 0x29, 0x4d, 0x55, 0xb2, 0x8a, 0x8e, 0xad, 0x05, 0x00,
    0x6d, 0x92, 0x2f, 0x25, 0x16, 0x00, 0x00, 0x00,
];
