//! `POST /events`: what is refused is kept.

use super::bench::Bench;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{Request, StatusCode};
use muster_store::dead_letters::LONGEST_KEPT_BYTES;

/// Larger than any event may be.
const LARGE_BYTES: usize = 2 * 1024 * 1024;

async fn send(bench: &Bench, body: Vec<u8>) -> StatusCode {
    let request = Request::post("/events").header(HOST, "localhost:7780");
    let request =
        request.header(CONTENT_TYPE, "application/cloudevents+json").header(AUTHORIZATION, "a login");
    bench.send(request.body(Body::from(body)).expect("a request")).await.status
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused_and_its_beginning_is_kept() {
    let bench = Bench::new().await;
    assert_eq!(send(&bench, vec![b' '; LARGE_BYTES]).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(send(&bench, b"no event".to_vec()).await, StatusCode::BAD_REQUEST);
    let letters = bench.store.dead_letters().list(10).await.expect("list");
    let of = |class: &str| letters.iter().find(|kept| kept.letter.reason_class == class).expect("a letter");
    assert_eq!(letters.len(), 2);
    assert_eq!(of("too_large").letter.raw, vec![b' '; LONGEST_KEPT_BYTES]);
    assert!(of("too_large").original_bytes > LONGEST_KEPT_BYTES as u64);
    assert_eq!(of("unreadable").letter.raw, b"no event");
    for kept in letters {
        assert_eq!(kept.letter.origin, "POST /events");
        assert!(!kept.letter.headers.to_string().contains("login"), "{}", kept.letter.headers);
    }
}
