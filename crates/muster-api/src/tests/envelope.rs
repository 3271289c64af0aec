//! Every error has the envelope, every answer its id.

use super::bench::Bench;
use crate::{operations, router, served};
use axum::Router;
use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER};
use axum::http::{Method, Request, StatusCode};
use axum::routing::get;
use serde_json::json;

#[tokio::test]
async fn what_is_not_there_is_told_in_the_envelope() {
    let bench = Bench::new().await;
    let wanted = (StatusCode::NOT_FOUND, "RouteNotFound", "path");
    for path in ["/", "/api/v1/nothing", "/api/v2/jobs", "/api/v1/jobs/1/2/3"] {
        let message = bench.refused((Method::GET, path), None, wanted).await;
        assert!(message.contains("GET /api/v1"), "{message}");
    }
    let answer = bench.ask(Method::PATCH, "/api/v1/jobs", None).await;
    answer.is_error(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "method");
    assert_eq!(answer.headers[ALLOW], "GET,HEAD");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_names_the_field() {
    let bench = Bench::new().await;
    let invalid = |target| (StatusCode::BAD_REQUEST, "InvalidRequest", target);
    for (path, target, part) in [
        ("/api/v1/jobs?state=deaf", "state", "dead"),
        ("/api/v1/jobs?stat=dead", "stat", "known"),
        ("/api/v1/jobs?limit=0", "limit", "1000"),
        ("/api/v1/jobs?limit=1001", "limit", "1000"),
        ("/api/v1/jobs?after=%25", "after", "first page"),
        ("/api/v1/jobs?connector=contoso", "connector", "contoso"),
        ("/api/v1/jobs?dueBefore=tomorrow", "dueBefore", "tomorrow"),
        ("/api/v1/jobs/contoso", "path", "contoso"),
        ("/api/v1/dead-letters?status=shut", "status", "open"),
        ("/api/v1/dead-letters?since=yesterday", "since", "yesterday"),
    ] {
        let message = bench.refused((Method::GET, path), None, invalid(target)).await;
        assert!(message.contains(part), "{path}: {message}");
    }
    let discard = (Method::POST, "/api/v1/dead-letters/00000000-0000-0000-0000-000000000000/discard");
    bench.refused(discard.clone(), None, invalid("body")).await;
    bench.refused(discard.clone(), Some(json!({ "reason": " " })), invalid("reason")).await;
    bench.refused(discard.clone(), Some(json!({ "reason": "r", "why": "w" })), invalid("why")).await;
    let too_long = Some(json!({ "reason": "x".repeat(70_000) }));
    bench.refused(discard, too_long, (StatusCode::PAYLOAD_TOO_LARGE, "BodyTooLarge", "body")).await;

    let request = Request::post("/api/v1/dead-letters/discard").header(HOST, "localhost");
    let request = request.header(CONTENT_TYPE, "text/plain").body(Body::from("{}")).unwrap();
    let wanted = (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedContentType", "Content-Type");
    bench.send(request).await.is_error(wanted.0, wanted.1, wanted.2);
    let request = Request::post("/events").header(HOST, "localhost");
    let request = request.header(CONTENT_TYPE, "text/plain").body(Body::from("{}")).unwrap();
    let answer = bench.send(request).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{}", answer.body);
}

#[tokio::test]
async fn strangers_are_told_to_come_directly() {
    let bench = Bench::new().await;
    for (host, origin, target) in
        [("muster.example", None, "Host"), ("localhost", Some("https://evil.example"), "Origin")]
    {
        let mut request = Request::get("/api/v1/jobs").header(HOST, host);
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        let answer = bench.send(request.body(Body::empty()).unwrap()).await;
        answer.is_error(StatusCode::FORBIDDEN, "ForeignOrigin", target);
    }
}

#[tokio::test]
async fn a_handler_that_panics_has_an_answer_and_tells_nothing() {
    async fn broken() -> &'static str {
        panic!("hunter2")
    }
    let bench =
        Bench::with(|api| served(router(api).merge(Router::new().route("/broken", get(broken))))).await;
    let wanted = (StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "");
    let message = bench.refused((Method::GET, "/broken"), None, wanted).await;
    assert!(!message.contains("hunter2") && message.contains("x-ms-request-id"), "{message}");
    bench.get("/api/v1").await;
}

#[tokio::test]
async fn beyond_so_many_at_a_time_callers_are_told_to_come_again() {
    let bench = Bench::limited(0).await;
    let answer = bench.ask(Method::GET, "/api/v1", None).await;
    answer.is_error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", "");
    assert!(answer.headers[RETRY_AFTER].to_str().unwrap().parse::<u32>().unwrap() > 0);
    let bench = Bench::limited(1).await;
    // A place is given back after each answer.
    bench.get("/api/v1").await;
    bench.get("/api/v1").await;
}

#[tokio::test]
async fn a_database_that_is_gone_is_a_reason_to_come_again() {
    let bench = Bench::new().await;
    bench.store.close().await.unwrap();
    let answer = bench.ask(Method::GET, "/api/v1/jobs", None).await;
    let message = answer.is_error(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", "");
    assert!(answer.headers.contains_key(RETRY_AFTER), "{message}");
    assert!(!message.contains("sqlite") && !message.contains("muster.db"), "{message}");
}

#[tokio::test]
async fn answers_carry_their_own_id_and_the_callers() {
    let bench = Bench::new().await;
    let request = Request::get("/api/v1").header(HOST, "localhost").header("x-ms-client-request-id", "mine");
    let first = bench.send(request.body(Body::empty()).unwrap()).await;
    let second = bench.ask(Method::GET, "/api/v1", None).await;
    assert_eq!(first.headers["x-ms-client-request-id"], "mine");
    assert_ne!(first.headers["x-ms-request-id"], second.headers["x-ms-request-id"]);
    assert!(!second.headers.contains_key("x-ms-client-request-id"));
}

#[tokio::test]
async fn the_index_and_the_readme_list_every_operation() {
    let index = Bench::new().await.get("/api/v1").await;
    let listed: Vec<(String, String)> = operations()
        .into_iter()
        .map(|operation| (operation.method.to_owned(), operation.path.to_owned()))
        .collect();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let entries = index["value"].as_array().unwrap().iter();
    let shown: Vec<_> = entries.map(|entry| (text(&entry["method"]), text(&entry["path"]))).collect();
    assert_eq!(shown, listed);
    let rows = include_str!("../../README.md").lines().filter_map(|line| line.strip_prefix("| `"));
    let told: Vec<_> = rows
        .filter_map(|row| row.split('`').next()?.split_once(' '))
        .map(|(method, path)| (method.to_owned(), path.to_owned()))
        .collect();
    assert_eq!(told, listed, "the table of crates/muster-api/README.md");
}
