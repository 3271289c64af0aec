//! What the service says about consumption on any answer, and that refusals are not believed while it slows an identity
//! down.

use super::gate::FakeGate;
use super::service::{HTML, JSON, Seen, Service};
use super::{Fixture, PROJECT, TOKEN, now, options, organization};
use crate::{Authorization, CallError, Session, UnauthorizedReason};
use axum::body::Body;
use axum::http::Response;
use chrono::TimeDelta;
use muster_domain::IdentityKey;
use muster_domain::budget::{ConsumptionClass, NoRoom, NoRoomReason, ThrottleSignals};
use std::time::Duration;

/// Status, headers and body of an answer.
type Canned = (u16, &'static [(&'static str, &'static str)], &'static str);

const UNAUTHORIZED: Canned = (401, &[], "");
const SIGN_IN: Canned = (203, &[HTML], "<html>Azure DevOps Services | Sign In</html>");

/// A service whose settings answer with the first, and whose service connections with the second.
async fn answering(settings: Canned, connections: Canned) -> Service {
    Service::start(move |seen: Seen| async move {
        let is_first = seen.uri.path().contains("generalsettings");
        let (status, headers, body) = if is_first { settings } else { connections };
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        response.body(Body::from(body)).unwrap()
    })
    .await
}

async fn settings(session: &Session) {
    // Only what it said about consumption matters.
    let _ = session.general_settings(&organization(), PROJECT).await;
}

async fn refusal(session: &Session) -> CallError {
    session.service_endpoints(&organization(), PROJECT).await.unwrap_err()
}

#[track_caller]
fn assert_believed(error: &CallError) {
    assert!(matches!(error, CallError::Unauthorized { .. }), "{error}");
}

#[track_caller]
fn assert_doubted(error: &CallError, status: u16) {
    let CallError::Transient { detail, .. } = error else { panic!("{error}") };
    assert!(detail.contains("not believed so soon after the service slowed it down"), "{detail}");
    assert!(detail.contains(&format!("status {status}")), "{detail}");
}

#[tokio::test]
async fn a_401_is_not_believed_within_five_minutes_of_any_throttling_signal() {
    const SIGNALS: [Canned; 5] = [
        (200, &[JSON, ("retry-after", "5")], "{}"),
        (200, &[JSON, ("x-ratelimit-delay", "4.2")], "{}"),
        (200, &[JSON, ("x-ratelimit-remaining", "0")], "{}"),
        (429, &[HTML], "<html>Concurrency in namespace is exceeded</html>"),
        (503, &[("retry-after", "5")], ""),
    ];
    for signal in SIGNALS {
        let service = answering(signal, UNAUTHORIZED).await;
        let fixture = Fixture::new(options(&service.url));
        let session = fixture.background();
        assert_believed(&refusal(&session).await);
        settings(&session).await;
        assert_doubted(&refusal(&session).await, 401);
        fixture.clock.advance(TimeDelta::seconds(299));
        assert_doubted(&refusal(&fixture.session(ConsumptionClass::Interactive)).await, 401);
        fixture.clock.advance(TimeDelta::seconds(1));
        assert_believed(&refusal(&session).await);
        assert_eq!(fixture.gate.settled().len(), 5, "{signal:?}");
    }
}

#[tokio::test]
async fn a_401_is_believed_at_once_where_nothing_was_slowed_down() {
    let flagged: Canned = (200, &[JSON, ("x-ratelimit-remaining", "30"), ("x-ratelimit-delay", "0")], "{}");
    let service = answering(flagged, UNAUTHORIZED).await;
    let fixture = Fixture::new(options(&service.url));
    settings(&fixture.background()).await;
    let error = refusal(&fixture.background()).await;
    let CallError::Unauthorized { reason, .. } = error else { panic!("{error}") };
    assert_eq!(reason, UnauthorizedReason::CredentialRefused);
}

#[tokio::test]
async fn a_401_that_asks_for_a_pause_itself_is_not_believed() {
    let service = answering((200, &[JSON], "{}"), (401, &[("retry-after", "30")], "")).await;
    let fixture = Fixture::new(options(&service.url));
    assert_doubted(&refusal(&fixture.background()).await, 401);
    let signals = fixture.gate.only_signals().unwrap();
    assert_eq!(signals.retry_after, Some(Duration::from_secs(30)), "the pause holds for the fleet");
}

#[tokio::test]
async fn a_page_to_sign_in_is_doubted_as_a_401_is() {
    let service = answering((200, &[JSON, ("retry-after", "1")], "{}"), SIGN_IN).await;
    let fixture = Fixture::new(options(&service.url));
    let session = fixture.background();
    assert_believed(&refusal(&session).await);
    settings(&session).await;
    assert_doubted(&refusal(&session).await, 203);
    fixture.clock.advance(TimeDelta::minutes(5));
    assert_believed(&refusal(&session).await);
}

#[tokio::test]
async fn a_pause_that_another_process_was_asked_for_counts_too() {
    let service = answering((200, &[JSON], "{}"), UNAUTHORIZED).await;
    for (paused, reason) in [(true, NoRoomReason::ServicePause), (false, NoRoomReason::WindowFull)] {
        let retry_at = now() + TimeDelta::milliseconds(30);
        let gate = FakeGate::refusing([Ok(NoRoom { retry_at, reason })]);
        let fixture = Fixture::with_gate(options(&service.url), gate);
        let error = refusal(&fixture.background()).await;
        if paused {
            assert_doubted(&error, 401);
        } else {
            assert_believed(&error);
        }
    }
}

#[tokio::test]
async fn what_slows_one_identity_down_says_nothing_about_another() {
    let service = answering((429, &[], ""), UNAUTHORIZED).await;
    let fixture = Fixture::new(options(&service.url));
    settings(&fixture.background()).await;
    let authorization = Authorization::PersonalAccessToken(TOKEN.into());
    let identity = IdentityKey::subject("aad.other");
    let other = fixture.client.session(identity, authorization, ConsumptionClass::Background);
    assert_believed(&refusal(&other).await);
    assert_doubted(&refusal(&fixture.background()).await, 401);
}

#[tokio::test]
async fn a_forbidden_answer_stays_one_however_slow_the_service_is() {
    let service = answering((429, &[], ""), (403, &[JSON], "{}")).await;
    let fixture = Fixture::new(options(&service.url));
    settings(&fixture.background()).await;
    let error = refusal(&fixture.background()).await;
    assert!(matches!(error, CallError::Forbidden { .. }), "{error}");
}

#[tokio::test]
async fn a_pause_is_heard_on_every_status() {
    const PAUSE: [(&str, &str); 3] = [JSON, ("retry-after", "5"), ("x-ratelimit-delay", "4.2")];
    const PAUSE_ON_A_PAGE: [(&str, &str); 3] = [HTML, ("retry-after", "5"), ("x-ratelimit-delay", "4.2")];
    let asked = |blocked| ThrottleSignals {
        retry_after: Some(Duration::from_secs(5)),
        delay: Some(Duration::from_millis(4_200)),
        blocked,
        ..ThrottleSignals::default()
    };
    let answers: [(Canned, bool, &str); 5] = [
        ((200, &PAUSE, "{}"), false, "Ok"),
        ((203, &PAUSE_ON_A_PAGE, "<html>Sign In</html>"), false, "Transient"),
        ((401, &PAUSE, ""), false, "Transient"),
        ((429, &PAUSE_ON_A_PAGE, "<html>Blocked</html>"), true, "Throttled"),
        ((503, &PAUSE, ""), false, "Throttled"),
    ];
    for (answer, blocked, expected) in answers {
        let service = answering(answer, UNAUTHORIZED).await;
        let fixture = Fixture::new(options(&service.url));
        let outcome = fixture.background().general_settings(&organization(), PROJECT).await;
        assert!(outcome_is(expected, &outcome), "{answer:?}: {outcome:?}");
        assert_eq!(fixture.gate.only_signals(), Some(asked(blocked)), "{answer:?}");
    }
}

fn outcome_is<T>(expected: &str, outcome: &Result<T, CallError>) -> bool {
    match outcome {
        Ok(_) => expected == "Ok",
        Err(CallError::Transient { .. }) => expected == "Transient",
        Err(CallError::Throttled { .. }) => expected == "Throttled",
        Err(_) => false,
    }
}
