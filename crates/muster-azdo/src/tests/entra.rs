//! Calls as an application of Microsoft Entra: where its tokens come from, how long they are used, and what happens
//! without one.

use super::service::{JSON, Seen, Service, json_response};
use super::{Fixture, PROJECT, eventually, options, organization};
use crate::{CallError, ClientOptions, Session, UnauthorizedReason};
use axum::body::Body;
use axum::http::{Method, Response};
use chrono::TimeDelta;
use futures::future::join_all;
use muster_domain::budget::ConsumptionClass;
use muster_domain::credential::{Credential, CredentialKind};
use muster_domain::read::Read;
use muster_domain::{CredentialId, TenantId};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;
use uuid::{Uuid, uuid};

const TENANT: TenantId = TenantId(uuid!("44444444-4444-4444-8444-444444444444"));
const CLIENT: Uuid = uuid!("55555555-5555-4555-8555-555555555555");
const SECRET: &str = "client~secret+that/must&not=be.seen";
/// As Entra gives it out.
const LIFE_SECONDS: i64 = 3_599;

/// Microsoft Entra and Azure DevOps on one address.
struct World {
    service: Service,
    fixture: Fixture,
}

impl World {
    /// Tokens `token-1`, `token-2` and so on; Azure DevOps answers what `answer` makes of the token.
    async fn start(answer: impl Fn(&str) -> Response<Body> + Clone + Send + Sync + 'static) -> Self {
        let count = Arc::new(AtomicU64::new(0));
        Self::with_entra(move |_| token(count.fetch_add(1, Ordering::SeqCst) + 1), answer).await
    }

    async fn with_entra(
        entra: impl Fn(Seen) -> Response<Body> + Clone + Send + Sync + 'static,
        answer: impl Fn(&str) -> Response<Body> + Clone + Send + Sync + 'static,
    ) -> Self {
        let service = Service::start(move |seen| {
            let is_token_request = is_token_request(&seen);
            let response = if is_token_request {
                entra(seen)
            } else {
                answer(seen.header("authorization").strip_prefix("Bearer ").unwrap_or_default())
            };
            async move { response }
        })
        .await;
        let fixture = Fixture::new(entra_options(&service.url));
        Self { service, fixture }
    }

    fn session(&self) -> Session {
        self.fixture.client.session_of(&credential(), SECRET.into(), ConsumptionClass::Background)
    }

    async fn call(&self) -> Result<(), CallError> {
        self.session().general_settings(&organization(), PROJECT).await.map(|_| ())
    }

    fn token_requests(&self) -> usize {
        self.service.requests().iter().filter(|seen| is_token_request(seen)).count()
    }

    /// The tokens that came with calls, in their order.
    fn tokens_used(&self) -> Vec<String> {
        let requests = self.service.requests();
        let calls = requests.iter().filter(|seen| !is_token_request(seen));
        calls.map(|seen| seen.header("authorization").replace("Bearer ", "")).collect()
    }
}

fn entra_options(url: &str) -> ClientOptions {
    ClientOptions { entra_url: url.to_owned(), ..options(url) }
}

fn credential() -> Credential {
    Credential {
        id: CredentialId(uuid!("66666666-6666-4666-8666-666666666666")),
        name: "reader".to_owned(),
        kind: CredentialKind::ClientSecret { tenant_id: TENANT, client_id: CLIENT },
        identity: None,
        updated_at: super::now(),
    }
}

fn is_token_request(seen: &Seen) -> bool {
    seen.uri.path().ends_with("/oauth2/v2.0/token")
}

fn token(number: u64) -> Response<Body> {
    let token = json!({"token_type": "Bearer", "expires_in": LIFE_SECONDS, "ext_expires_in": LIFE_SECONDS,
        "access_token": format!("token-{number}")});
    json_response(token.to_string())
}

fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder().status(status).header(JSON.0, JSON.1);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

fn good(_token: &str) -> Response<Body> {
    json_response("{}")
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_used_by_all_sessions() {
    let world = World::start(good).await;
    for _ in 0..3 {
        world.call().await.unwrap();
    }
    assert_eq!(world.tokens_used(), ["token-1"; 3]);
    let requests = world.service.requests();
    let request = requests.iter().find(|seen| is_token_request(seen)).unwrap();
    assert_eq!(
        (&request.method, request.uri.path()),
        (&Method::POST, &*format!("/{TENANT}/oauth2/v2.0/token"))
    );
    assert_eq!(request.header("content-type"), "application/x-www-form-urlencoded");
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT}\
         &client_secret=client~secret%2Bthat%2Fmust%26not%3Dbe.seen\
         &scope=499b84ac-1321-427f-aa17-267ca6975798%2F.default"
    );
    assert_eq!(request.body, form);
    assert_eq!(world.token_requests(), 1);
    let granted = world.fixture.gate.granted();
    assert_eq!(granted, [(Read::GeneralSettings, ConsumptionClass::Background); 3], "tokens cost no budget");
}

#[tokio::test]
async fn a_token_is_renewed_five_minutes_before_it_expires() {
    let world = World::start(good).await;
    world.call().await.unwrap();
    world.fixture.clock.advance(TimeDelta::seconds(LIFE_SECONDS - 301));
    world.call().await.unwrap();
    world.fixture.clock.advance(TimeDelta::seconds(1));
    world.call().await.unwrap();
    assert_eq!(world.tokens_used(), ["token-1", "token-1", "token-2"]);
}

#[tokio::test]
async fn another_secret_has_tokens_of_its_own() {
    let world = World::start(good).await;
    world.call().await.unwrap();
    let session =
        world.fixture.client.session_of(&credential(), "renewed".into(), ConsumptionClass::Interactive);
    session.general_settings(&organization(), PROJECT).await.unwrap();
    assert_eq!(world.tokens_used(), ["token-1", "token-2"]);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let world =
        World::start(|token| if token == "token-1" { answer(401, &[], "") } else { good(token) }).await;
    world.call().await.unwrap();
    world.call().await.unwrap();
    assert_eq!(world.tokens_used(), ["token-1", "token-2", "token-2"]);
    assert_eq!(world.fixture.gate.granted().len(), 3, "every call has leave of its own");
    assert_eq!(world.fixture.gate.settled().len(), 3);
}

#[tokio::test]
async fn an_application_that_is_refused_with_a_new_token_too_is_unauthorized() {
    let refused = r#"{"message":"TF400813: The user 'x' is not authorized to access this resource."}"#;
    let world = World::start(move |_| answer(401, &[], refused)).await;
    let error = world.call().await.unwrap_err();
    let CallError::Unauthorized { reason, .. } = error else { panic!("{error}") };
    assert_eq!(reason, UnauthorizedReason::IdentityNotAuthorized);
    assert_eq!(world.tokens_used(), ["token-1", "token-2"]);
    assert_eq!(world.token_requests(), 2);
}

#[tokio::test]
async fn an_application_of_another_tenant_is_told_so() {
    const OTHER: &str = "77777777-7777-4777-8777-777777777777";
    let world = World::start(|_| answer(401, &[("x-vss-resourcetenant", OTHER)], "")).await;
    let error = world.call().await.unwrap_err();
    let text = error.to_string();
    let CallError::Unauthorized { reason, .. } = error else { panic!("{text}") };
    assert_eq!(reason, UnauthorizedReason::ApplicationOfAnotherTenant);
    assert!(text.contains(OTHER) && text.contains(&TENANT.to_string()), "{text}");

    let own = TENANT.to_string();
    let world = World::start(move |_| answer(401, &[("x-vss-resourcetenant", &own)], "")).await;
    let CallError::Unauthorized { reason, .. } = world.call().await.unwrap_err() else { panic!() };
    assert_eq!(reason, UnauthorizedReason::CredentialRefused);
}

#[tokio::test]
async fn an_organization_that_admits_no_token_does_not_cost_one_with_each_call() {
    let world = World::start(|_| answer(401, &[], "")).await;
    for _ in 0..10 {
        assert!(matches!(world.call().await, Err(CallError::Unauthorized { .. })));
    }
    assert_eq!(world.token_requests(), 2, "one, and one that replaced it");
    assert_eq!(world.tokens_used().len(), 11);
    world.fixture.clock.advance(TimeDelta::seconds(30));
    world.call().await.unwrap_err();
    assert_eq!(world.token_requests(), 3, "later another one is tried again");
}

#[tokio::test]
async fn a_token_is_replaced_before_a_refusal_is_doubted() {
    // The first token has ended, the service slows everybody down.
    let slow = ("retry-after", "1");
    let ended = move |token: &str| match token {
        "token-1" => answer(401, &[slow], ""),
        _ => answer(200, &[slow], "{}"),
    };
    let world = World::start(ended).await;
    world.call().await.unwrap();
    assert_eq!(world.tokens_used(), ["token-1", "token-2"]);

    let world = World::start(move |_| answer(401, &[slow], "")).await;
    let error = world.call().await.unwrap_err();
    assert!(matches!(error, CallError::Transient { .. }), "{error}");
    assert_eq!(world.tokens_used(), ["token-1", "token-2"], "once and no more");
    let error = world.call().await.unwrap_err();
    assert!(matches!(error, CallError::Transient { .. }), "doubted although no token can be had: {error}");
    assert_eq!(world.token_requests(), 2);
    assert_eq!(world.fixture.gate.settled().len(), 3);
}

#[tokio::test]
async fn what_entra_refuses_is_believed_however_slow_azure_devops_is() {
    let count = Arc::new(AtomicU64::new(0));
    let refusal = json!({"error": "invalid_client", "error_codes": [7_000_222]}).to_string();
    let world = World::with_entra(
        move |_| match count.fetch_add(1, Ordering::SeqCst) {
            0 => token(1),
            _ => answer(401, &[], refusal.clone()),
        },
        |_| answer(401, &[("retry-after", "1")], ""),
    )
    .await;
    let error = world.call().await.unwrap_err();
    let CallError::Unauthorized { reason, .. } = error else { panic!("{error}") };
    assert_eq!(reason, UnauthorizedReason::ApplicationRefused);
}

#[tokio::test]
async fn a_redirect_of_entra_is_not_followed() {
    let elsewhere =
        Service::json(json!({"access_token": "t", "expires_in": 60, "token_type": "Bearer"})).await;
    for status in [301, 302, 307, 308] {
        let location = format!("{}/token", elsewhere.url);
        let world = World::with_entra(move |_| answer(status, &[("location", &location)], ""), good).await;
        let error = world.call().await.unwrap_err();
        assert!(matches!(error, CallError::Unexpected { .. }), "{status}: {error}");
    }
    assert!(elsewhere.requests().is_empty(), "the secret went to another host");
}

#[tokio::test]
async fn many_calls_at_once_ask_for_one_token() {
    let door = Arc::new(Semaphore::new(0));
    let held = Arc::clone(&door);
    let service = Service::start(move |seen| {
        let held = Arc::clone(&held);
        async move {
            if !is_token_request(&seen) {
                return good("");
            }
            held.acquire().await.unwrap().forget();
            token(1)
        }
    })
    .await;
    let world = World { fixture: Fixture::new(entra_options(&service.url)), service };
    let calls: Vec<_> = (0..20).map(|_| world.session()).collect();
    let calls = tokio::spawn(join_all(
        calls
            .into_iter()
            .map(|session| async move { session.general_settings(&organization(), PROJECT).await }),
    ));
    eventually("a token is asked for", || world.token_requests() == 1).await;
    door.add_permits(1);
    assert!(calls.await.unwrap().iter().all(Result::is_ok));
    assert_eq!(world.token_requests(), 1);
    assert_eq!(world.tokens_used(), vec!["token-1"; 20]);
}

#[tokio::test]
async fn many_calls_at_once_share_a_refusal() {
    let refusal = json!({"error": "invalid_client", "error_codes": [7_000_215]}).to_string();
    let world = World::with_entra(move |_| answer(401, &[], refusal.clone()), good).await;
    let outcomes = join_all((0..20).map(|_| world.call())).await;
    for outcome in outcomes {
        assert!(matches!(outcome, Err(CallError::Unauthorized { .. })), "{outcome:?}");
    }
    assert_eq!(world.token_requests(), 1);
    assert!(world.fixture.gate.granted().is_empty(), "nothing is called without a token");
}

#[tokio::test]
async fn what_entra_refuses_is_said_with_its_code_and_a_remedy() {
    for (status, error, code, variant) in [
        (401, "invalid_client", 7_000_215, "Unauthorized"),
        (401, "invalid_client", 7_000_222, "Unauthorized"),
        (400, "unauthorized_client", 700_016, "Unauthorized"),
        (400, "invalid_grant", 50_020, "Unauthorized"),
        (400, "invalid_request", 900_144, "Unexpected"),
        (503, "temporarily_unavailable", 90_033, "Transient"),
        (500, "", 0, "Transient"),
    ] {
        let description = format!("AADSTS{code}: what {SECRET} opens. Trace ID: 1");
        let body =
            json!({"error": error, "error_description": description, "error_codes": [code]}).to_string();
        let world = World::with_entra(move |_| answer(status, &[], body.clone()), good).await;
        let failed = world.call().await.unwrap_err();
        let text = format!("{failed} {failed:?}");
        assert!(format!("{failed:?}").starts_with(variant), "{failed:?}");
        assert!(!text.contains(SECRET) && text.contains(&format!("AADSTS{code}")), "{text}");
        if let CallError::Unauthorized { reason, .. } = failed {
            assert_eq!(reason, UnauthorizedReason::ApplicationRefused);
            assert!(text.contains("muster credential set"), "{text}");
        }
    }
}

#[tokio::test]
async fn entra_is_left_alone_as_long_as_it_asks() {
    for status in [429, 503] {
        let world = World::with_entra(move |_| answer(status, &[("retry-after", "40")], "{}"), good).await;
        for _ in 0..2 {
            let error = world.call().await.unwrap_err();
            let CallError::Throttled { until, .. } = error else { panic!("{error}") };
            assert_eq!(until, super::now() + TimeDelta::seconds(40));
        }
        assert_eq!(world.token_requests(), 1);
        world.fixture.clock.advance(TimeDelta::seconds(40));
        assert!(world.call().await.is_err());
        assert_eq!(world.token_requests(), 2);
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_yet_is_used_to_its_end() {
    let count = Arc::new(AtomicU64::new(0));
    let world = World::with_entra(
        move |_| match count.fetch_add(1, Ordering::SeqCst) {
            0 => token(1),
            _ => answer(500, &[], ""),
        },
        good,
    )
    .await;
    world.call().await.unwrap();
    world.fixture.clock.advance(TimeDelta::seconds(LIFE_SECONDS - 300));
    for _ in 0..3 {
        world.call().await.unwrap();
    }
    assert_eq!(world.token_requests(), 2, "it is not tried again at once");
    world.fixture.clock.advance(TimeDelta::seconds(300));
    let error = world.call().await.unwrap_err();
    assert!(matches!(error, CallError::Transient { .. }), "{error}");
    assert_eq!(world.tokens_used(), ["token-1"; 4]);
}

#[tokio::test]
async fn answers_that_are_no_token_and_an_entra_that_is_away_are_told_apart() {
    for body in ["<html>proxy</html>", "{}", r#"{"access_token":"a b","expires_in":1}"#] {
        let world = World::with_entra(move |_| answer(200, &[], body), good).await;
        let error = world.call().await.unwrap_err();
        assert!(matches!(error, CallError::Unexpected { .. }), "{body}: {error}");
    }
    let service = Service::json(json!({})).await;
    let fixture = Fixture::new(ClientOptions {
        // Reserved for nothing: nobody listens there.
        entra_url: "http://127.0.0.1:1".to_owned(),
        ..options(&service.url)
    });
    let session = fixture.client.session_of(&credential(), SECRET.into(), ConsumptionClass::Background);
    let error = session.general_settings(&organization(), PROJECT).await.unwrap_err();
    assert!(matches!(error, CallError::Transient { .. }), "{error}");
    assert!(service.requests().is_empty());
}

#[tokio::test]
async fn neither_secret_nor_token_is_shown_or_logged() {
    let log = super::log::Log::keep();
    let echo = |token: &str| answer(500, &[], format!(r#"{{"message":"got {token} of {SECRET}"}}"#));
    let world = World::start(echo).await;
    let error = world.call().await.unwrap_err();
    let refusal =
        json!({"error": "invalid_client", "error_description": format!("AADSTS1: {SECRET}")}).to_string();
    let refused = World::with_entra(move |_| answer(401, &[], refusal.clone()), good).await;
    let refusal = refused.call().await.unwrap_err();
    let session = world.session();
    let shown = format!(
        "{error} {error:?} {refusal} {refusal:?} {session:?} {:?} {:?} {}",
        session.authorization,
        world.fixture.client,
        log.text()
    );
    assert!(shown.contains("entra.token") && shown.contains("entra gave no token"), "{shown}");
    for hidden in [SECRET, "token-1", "client~secret%2B"] {
        assert!(!shown.contains(hidden), "{hidden}: {shown}");
    }
}
