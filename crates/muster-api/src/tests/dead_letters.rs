//! Dead letters are listed, shown byte for byte, replayed and discarded, alone and as groups.

use super::bench::Bench;
use axum::http::{Method, StatusCode};
use muster_store::dead_letters::{NewDeadLetter, UNREADABLE_TICKET_CLASS};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

const PATIENT: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

async fn put(bench: &Bench, class: &str, raw: &[u8]) -> Uuid {
    let letter = NewDeadLetter {
        origin: "POST /events".to_owned(),
        raw: raw.to_vec(),
        headers: json!({ "contentType": "application/json" }),
        reason_class: class.to_owned(),
        reason: "is not JSON; send JSON".to_owned(),
        ..NewDeadLetter::default()
    };
    bench.store.dead_letters().put(&letter).await.expect("keep a letter")
}

async fn open(bench: &Bench) -> usize {
    bench.get("/api/v1/dead-letters?status=open").await["value"].as_array().expect("a list").len()
}

#[tokio::test]
async fn letters_are_listed_by_page_and_shown_byte_for_byte() {
    let bench = Bench::new().await;
    let text = put(&bench, "unreadable", b"{no}").await;
    let bytes = put(&bench, "invalid", &[0xff, 0xfe]).await;
    let first = bench.get("/api/v1/dead-letters?limit=1").await;
    assert_eq!(first["value"][0]["id"], json!(bytes), "the newest first");
    let next = first["nextLink"].as_str().expect("more").trim_start_matches("http://localhost:7780");
    assert_eq!(bench.get(next).await["value"][0]["id"], json!(text));
    let found = bench.get("/api/v1/dead-letters?class=invalid&status=open").await;
    assert_eq!(found["value"].as_array().unwrap().len(), 1);
    let shown = bench.get(&format!("/api/v1/dead-letters/{text}")).await;
    assert_eq!((&shown["body"], &shown["bodyBase64"]), (&json!("{no}"), &json!("e25vfQ==")));
    assert_eq!((&shown["bytes"], &shown["class"]), (&json!(4), &json!("unreadable")));
    let shown = bench.get(&format!("/api/v1/dead-letters/{bytes}")).await;
    assert_eq!((&shown["body"], &shown["bodyBase64"]), (&Value::Null, &json!("//4=")));
    let nobody = "/api/v1/dead-letters/00000000-0000-0000-0000-000000000000";
    let wanted = (StatusCode::NOT_FOUND, "NotFound", "letterId");
    bench.refused((Method::GET, nobody), None, wanted).await;
    bench.refused((Method::POST, &format!("{nobody}/replay")), None, wanted).await;
    let reason = Some(json!({ "reason": "r" }));
    bench.refused((Method::POST, &format!("{nobody}/discard")), reason, wanted).await;
}

#[tokio::test]
async fn a_letter_is_dealt_with_once() {
    let bench = Bench::new().await;
    let ticket = put(&bench, UNREADABLE_TICKET_CLASS, b"?").await;
    let replay = format!("/api/v1/dead-letters/{ticket}/replay");
    let first = bench.post(&replay, json!({})).await;
    assert_eq!((&first["isDoneNow"], &first["status"]), (&json!(true), &json!("replayed")));
    let deed = ("http:local".to_owned(), "dead_letter.replay".to_owned(), ticket.to_string());
    assert_eq!(bench.last_deed().await, deed);
    let second = bench.post(&replay, json!({})).await;
    assert_eq!((&second["isDoneNow"], &second["by"]), (&json!(false), &json!("http:local")));
    let discard = format!("/api/v1/dead-letters/{ticket}/discard");
    let too_late = bench.post(&discard, json!({ "reason": "noise" })).await;
    assert_eq!((&too_late["isDoneNow"], &too_late["status"]), (&json!(false), &json!("replayed")));

    let broken = put(&bench, "unreadable", b"{no}").await;
    let replay = format!("/api/v1/dead-letters/{broken}/replay");
    let answer = bench.ask(Method::POST, &replay, None).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.body);
    assert_eq!(answer.body["error"]["code"], "ReplayRefused", "{}", answer.body);
    assert_eq!(open(&bench).await, 1, "it stays open");
    let discarded =
        bench.post(&format!("/api/v1/dead-letters/{broken}/discard"), json!({ "reason": "noise" })).await;
    assert_eq!((&discarded["isDoneNow"], &discarded["outcome"]), (&json!(true), &json!("noise")));
    let shown = bench.get(&format!("/api/v1/dead-letters/{broken}")).await;
    assert_eq!((&shown["discardReason"], &shown["discardedBy"]), (&json!("noise"), &json!("http:local")));
}

#[tokio::test]
async fn groups_are_replayed_at_a_rate_and_discarded_with_a_reason() {
    let bench = Bench::new().await;
    for _ in 0..3 {
        put(&bench, UNREADABLE_TICKET_CLASS, b"?").await;
    }
    put(&bench, "unreadable", b"{no}").await;
    let group = "/api/v1/dead-letters/replay";
    for (body, target) in [
        (json!({}), "body"),
        (json!({ "filter": { "klass": "x" } }), "filter.klass"),
        (json!({ "filter": {}, "ratePerSecond": 0 }), "ratePerSecond"),
        (json!({ "filter": {}, "ratePerSecond": 101 }), "ratePerSecond"),
    ] {
        let wanted = (StatusCode::BAD_REQUEST, "InvalidRequest", target);
        bench.refused((Method::POST, group), Some(body), wanted).await;
    }
    let filter = json!({ "class": UNREADABLE_TICKET_CLASS });
    let answer = bench.ask(Method::POST, group, Some(json!({ "filter": filter, "ratePerSecond": 1 }))).await;
    assert_eq!(
        (answer.status, &answer.body["letters"]),
        (StatusCode::ACCEPTED, &json!(3)),
        "{}",
        answer.body
    );
    // One a second: the first group is still at it.
    let wanted = (StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", "");
    bench.refused((Method::POST, group), Some(json!({ "filter": {} })), wanted).await;
    let replayed = async {
        while open(&bench).await > 1 {
            // Looks again until the replay is over, under the deadline below.
            sleep(LOOK_AGAIN).await;
        }
    };
    timeout(PATIENT, replayed).await.expect("the group is replayed");
    let discard = json!({ "filter": {}, "reason": "noise" });
    let discarded = bench.post("/api/v1/dead-letters/discard", discard.clone()).await;
    assert_eq!(discarded, json!({ "discarded": 1 }));
    assert_eq!(bench.post("/api/v1/dead-letters/discard", discard).await, json!({ "discarded": 0 }));
    assert_eq!(open(&bench).await, 0);
}
