//! The states of the consumption limit over HTTP. The window is long and delays are short, so that no test depends
//! on how fast the machine is.

use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::support::{Fixture, header};
use crate::{CostTable, SimulatorOptions, WallClock};

fn options() -> SimulatorOptions {
    SimulatorOptions {
        tstu_limit: Some(100.0),
        longest_delay_seconds: 0.05,
        costs: ["projects=24".parse().unwrap()].into_iter().collect::<CostTable>(),
        clock: WallClock::new(|| std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000)),
        ..Default::default()
    }
}

async fn call(fixture: &Fixture, pat: &str) -> Response {
    let organization = fixture.simulator.organizations().remove(0);
    let url = fixture.url(&format!("/{organization}/_apis/projects"));
    fixture.client.get(url).basic_auth("", Some(pat)).send().await.unwrap()
}

fn state(response: &Response) -> &'static str {
    let has = |name| header(response, name).is_some();
    match (has("x-ratelimit-limit"), has("retry-after"), has("x-ratelimit-delay"), response.status().as_u16())
    {
        (false, false, false, 200) => "normal",
        (true, false, false, 200) => "flagged",
        (true, true, true, 200) => "delayed",
        (true, true, false, 429) => "blocked",
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_identity_goes_through_all_four_states_and_another_does_not_notice() {
    let fixture = Fixture::start(options()).await;
    let pat = fixture.simulator.pat().to_owned();
    let mut states = Vec::new();
    for _ in 0..7 {
        states.push(state(&call(&fixture, &pat).await));
    }
    assert_eq!(states, ["normal", "normal", "flagged", "flagged", "delayed", "delayed", "blocked"]);
    // A second token of the same person shares the window, another person has an own one.
    assert_eq!(state(&call(&fixture, &fixture.simulator.identities()[0].pats[1]).await), "blocked");
    assert_eq!(state(&call(&fixture, &fixture.simulator.identities()[1].pats[0]).await), "normal");
    let stats = fixture.simulator.stats();
    assert_eq!((stats.flagged, stats.delayed, stats.blocked, stats.throttled), (2, 2, 2, 4));
    let descriptor = &fixture.simulator.identities()[0].subject_descriptor;
    assert_eq!(stats.highest_window_tstu[descriptor], 192.0);
    assert_eq!(stats.window_tstu[descriptor], 192.0);
    assert_eq!(stats.requests["projects"], 9);
    assert_eq!(stats.failures["projects"], 2);
    assert!(stats.delayed_seconds > 0.0 && stats.delayed_seconds < 0.1, "{}", stats.delayed_seconds);
}

#[tokio::test]
async fn the_numbers_are_those_of_the_window() {
    let fixture = Fixture::start(options()).await;
    let pat = fixture.simulator.pat().to_owned();
    for _ in 0..2 {
        call(&fixture, &pat).await;
    }
    let flagged = call(&fixture, &pat).await;
    assert_eq!(header(&flagged, "x-ratelimit-limit"), Some("100"));
    assert_eq!(header(&flagged, "x-ratelimit-remaining"), Some("28"));
    assert_eq!(header(&flagged, "x-ratelimit-reset"), Some("1300"));
    call(&fixture, &pat).await;
    let delayed = call(&fixture, &pat).await;
    assert_eq!(header(&delayed, "x-ratelimit-remaining"), Some("0"));
    assert_eq!(header(&delayed, "x-ratelimit-delay"), Some("0.020"));
    let retry_after: u64 = header(&delayed, "retry-after").unwrap().parse().unwrap();
    assert!((1..=300).contains(&retry_after), "{retry_after}");
    let organization = fixture.simulator.organizations().remove(0);
    // A delayed answer is complete.
    assert!(delayed.json::<Value>().await.unwrap()["count"].as_u64() > Some(0), "{organization}");
    call(&fixture, &pat).await;
    let blocked = call(&fixture, &pat).await;
    assert_eq!(blocked.status(), StatusCode::TOO_MANY_REQUESTS);
    let body: Value = blocked.json().await.unwrap();
    assert_eq!(body["typeKey"], "RequestBlockedException");
    assert_eq!(body["eventId"], 3000);
}

#[tokio::test]
async fn without_a_limit_there_is_never_a_word_about_it() {
    let fixture = Fixture::start(SimulatorOptions { tstu_limit: None, ..options() }).await;
    let pat = fixture.simulator.pat().to_owned();
    for _ in 0..20 {
        assert_eq!(state(&call(&fixture, &pat).await), "normal");
    }
    let descriptor = &fixture.simulator.identities()[0].subject_descriptor;
    assert_eq!(fixture.simulator.stats().highest_window_tstu[descriptor], 480.0);
}

#[tokio::test]
async fn a_reset_forgets_the_records_and_not_the_window() {
    let fixture = Fixture::start(options()).await;
    let pat = fixture.simulator.pat().to_owned();
    call(&fixture, &pat).await;
    let reset = fixture.post("/_sim/stats/reset", Value::Null).await;
    assert_eq!(reset.status(), StatusCode::NO_CONTENT);
    let stats: Value = fixture.json("/_sim/stats").await;
    let descriptor = &fixture.simulator.identities()[0].subject_descriptor;
    assert_eq!(stats["requests"], serde_json::json!({}));
    assert_eq!(stats["highestWindowTstu"][descriptor], 24.0);
    assert_eq!(stats["spentTstu"][descriptor], 0.0);
}
