//! Faults over HTTP.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::support::{Fixture, header};

async fn start() -> (Fixture, String) {
    let fixture = Fixture::of(1, 3, 500).await;
    let organization = fixture.simulator.organizations().remove(0);
    (fixture, format!("/{organization}/_apis"))
}

async fn install(fixture: &Fixture, fault: Value) {
    assert_eq!(fixture.post("/_sim/faults", fault).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_status_with_a_body_and_headers_replaces_the_answer_once() {
    let (fixture, base) = start().await;
    let action = json!({"status": 503, "body": {"message": "later"}, "headers": {"Retry-After": "7"}});
    install(&fixture, json!({"match": {"route": "projects"}, "action": action})).await;
    let failed = fixture.answer(&format!("{base}/projects")).await;
    assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(header(&failed, "retry-after"), Some("7"));
    assert_eq!(failed.json::<Value>().await.unwrap(), json!({"message": "later"}));
    assert_eq!(fixture.answer(&format!("{base}/projects")).await.status(), StatusCode::OK);
    assert_eq!(fixture.simulator.stats().faults, 1);
}

#[tokio::test]
async fn headers_alone_leave_the_answer_whole() {
    let (fixture, base) = start().await;
    install(&fixture, json!({"action": {"headers": {"Retry-After": "3"}, "delayMs": 1}})).await;
    let answer = fixture.answer(&format!("{base}/projects")).await;
    assert_eq!((answer.status(), header(&answer, "retry-after")), (StatusCode::OK, Some("3")));
    assert_eq!(answer.json::<Value>().await.unwrap()["count"], 3);
}

#[tokio::test]
async fn a_dropped_connection_begins_and_does_not_end() {
    let (fixture, base) = start().await;
    install(&fixture, json!({"match": {"route": "repositories"}, "action": {"dropConnection": true}})).await;
    let broken = fixture.answer(&format!("{base}/git/repositories")).await;
    assert_eq!(broken.status(), StatusCode::OK);
    assert!(broken.bytes().await.is_err());
    assert_eq!(fixture.all(&format!("{base}/git/repositories")).await.len(), 500);
}

#[tokio::test]
async fn a_body_that_stalls_stays_open_and_a_truncated_one_looks_whole() {
    let (fixture, base) = start().await;
    install(&fixture, json!({"match": {"route": "repositories"}, "action": {"truncate": true}})).await;
    let short = fixture.answer(&format!("{base}/git/repositories")).await;
    assert!(serde_json::from_slice::<Value>(&short.bytes().await.unwrap()).is_err());

    install(&fixture, json!({"match": {"route": "repositories"}, "action": {"stall": true}})).await;
    let mut stalled = fixture.answer(&format!("{base}/git/repositories")).await;
    assert!(stalled.chunk().await.unwrap().is_some(), "it begins");
    let rest = async { while stalled.chunk().await.is_ok_and(|chunk| chunk.is_some()) {} };
    let ends = tokio::time::timeout(std::time::Duration::from_millis(300), rest).await;
    assert!(ends.is_err(), "it does not end");
    assert_eq!(fixture.all(&format!("{base}/git/repositories")).await.len(), 500);
}

#[tokio::test]
async fn padding_is_as_long_as_asked_for_compressed_or_not() {
    let (fixture, base) = start().await;
    let mut lengths = Vec::new();
    for gzip in [false, true] {
        let action = json!({"paddingMebibytes": 3, "gzip": gzip});
        install(&fixture, json!({"match": {"route": "projects"}, "action": action})).await;
        // A client that does not decompress sees what was sent.
        let client = reqwest::Client::builder().no_gzip().no_proxy().build().unwrap();
        let request = client.get(fixture.url(&format!("{base}/projects")));
        let sent = request.basic_auth("", Some(fixture.simulator.pat())).send().await.unwrap();
        lengths.push(sent.bytes().await.unwrap().len());
        if gzip {
            install(&fixture, json!({"match": {"route": "projects"}, "action": action})).await;
            let body = fixture.json(&format!("{base}/projects")).await;
            assert_eq!(body, json!({"count": 0, "value": []}), "it is what it says when it is decompressed");
        }
    }
    assert!(lengths[0] > 3 * 1024 * 1024 && lengths[1] < 64 * 1024, "{lengths:?}");
}

#[tokio::test]
async fn a_listing_without_end_never_gives_the_same_token_twice() {
    let (fixture, base) = start().await;
    install(&fixture, json!({"match": {"route": "projects"}, "action": {"endless": true}, "times": 3})).await;
    let mut tokens = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let page = fixture.answer(&format!("{base}/projects")).await;
        tokens.insert(header(&page, "x-ms-continuationtoken").unwrap().to_owned());
    }
    assert_eq!(tokens.len(), 3);
}

#[tokio::test]
async fn faults_can_be_seen_and_taken_back() {
    let (fixture, base) = start().await;
    let fault = json!({"match": {"route": "projects", "nth": 1}, "action": {"status": 500}, "times": 9});
    install(&fixture, fault.clone()).await;
    assert_eq!(fixture.json("/_sim/faults").await, json!([fault]));
    let cleared = fixture.client.delete(fixture.url("/_sim/faults")).send().await.unwrap();
    assert_eq!(cleared.status(), StatusCode::NO_CONTENT);
    assert_eq!(fixture.answer(&format!("{base}/projects")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn bad_input_is_refused_by_field_with_a_remedy() {
    let (fixture, _) = start().await;
    for (path, body, field) in [
        ("/_sim/faults", json!({"match": {"route": "projcts"}, "action": {"status": 500}}), "match.route"),
        ("/_sim/faults", json!({"action": {"delayMs": "long"}}), "action.delayMs"),
        ("/_sim/faults", json!([]), "body"),
        ("/_sim/changes", json!({"change": "explode"}), "change"),
        ("/_sim/changes", json!({"change": "deleteRepository"}), "organization"),
        ("/_sim/changes", json!({"change": "revokePat", "pat": "x"}), "pat"),
    ] {
        let refused = fixture.post(path, body.clone()).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{body}");
        let error = refused.json::<Value>().await.unwrap()["error"].clone();
        assert_eq!(error["field"], field, "{error}");
        assert!(!error["remedy"].as_str().unwrap().is_empty());
    }
    let truth = fixture.answer("/_sim/truth?organization=nobody").await;
    assert_eq!(truth.status(), StatusCode::BAD_REQUEST);
    assert_eq!(fixture.answer("/_sim/nothing").await.status(), StatusCode::NOT_FOUND);
}
