//! Each way in which the real service was seen to differ, switched on.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::header::CONTENT_LENGTH;
use reqwest::{Response, StatusCode, redirect};
use serde_json::{Value, json};

use super::support::{Fixture, header, text, unlimited};
use crate::{Grant, Quirk, Simulator, SimulatorOptions};

async fn with(quirk: Quirk) -> (Fixture, String) {
    let options = SimulatorOptions { quirks: BTreeSet::from([quirk]), ..unlimited() };
    let fixture = Fixture::start(options).await;
    let organization = fixture.simulator.organizations().remove(0);
    (fixture, format!("/{organization}/_apis"))
}

async fn with_fault(action: Value) -> (Fixture, Response) {
    let mut fixture = Fixture::of(1, 1, 1).await;
    fixture.client =
        reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
    let organization = fixture.simulator.organizations().remove(0);
    let installed = fixture.post("/_sim/faults", json!({"action": action})).await;
    assert_eq!(installed.status(), StatusCode::NO_CONTENT);
    let answer = fixture.answer(&format!("/{organization}/_apis/projects")).await;
    (fixture, answer)
}

async fn refused(fixture: &Fixture, path: &str, suppress: bool) -> Response {
    let client = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
    let mut request = client.get(fixture.url(path)).basic_auth("", Some("wrong"));
    if suppress {
        request = request.header("X-TFS-FedAuthRedirect", "Suppress");
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn a_byte_order_mark_comes_before_the_json() {
    let (fixture, base) = with(Quirk::ByteOrderMark).await;
    let bytes = fixture.answer(&format!("{base}/projects")).await.bytes().await.unwrap();
    assert!(bytes.starts_with(b"\xef\xbb\xbf{"));
    assert!(serde_json::from_slice::<Value>(&bytes[3..]).is_ok());
}

#[tokio::test]
async fn the_number_of_a_list_comes_last_and_answers_come_in_pieces() {
    let (fixture, base) = with(Quirk::CountLast).await;
    let list = fixture.answer(&format!("{base}/projects")).await.text().await.unwrap();
    assert!(list.starts_with("{\"value\":[") && list.ends_with("],\"count\":3}"), "{list}");
    let (fixture, base) = with(Quirk::Chunked).await;
    let answer = fixture.answer(&format!("{base}/projects")).await;
    assert!(!answer.headers().contains_key(CONTENT_LENGTH));
    assert_eq!(header(&answer, "transfer-encoding"), Some("chunked"));
    assert_eq!(answer.json::<Value>().await.unwrap()["count"], 3);
}

#[tokio::test]
async fn settings_of_policies_begin_with_a_capital_letter() {
    let (fixture, _) = with(Quirk::KeyCasing).await;
    let mut keys = BTreeSet::new();
    for (organization, project) in fixture.projects().await {
        let id = text(&project["id"]);
        for policy in fixture.all(&format!("/{organization}/{id}/_apis/policy/configurations")).await {
            keys.extend(policy["settings"].as_object().unwrap().keys().cloned());
        }
    }
    assert!(keys.remove("scope"));
    assert!(!keys.is_empty() && keys.iter().all(|key| key.starts_with(char::is_uppercase)), "{keys:?}");
}

#[tokio::test]
async fn a_bad_credential_is_redirected_or_gets_an_empty_list() {
    let (fixture, base) = with(Quirk::SignInRedirect).await;
    let redirected = refused(&fixture, &format!("{base}/projects"), false).await;
    assert_eq!(redirected.status(), StatusCode::FOUND);
    assert!(header(&redirected, "location").unwrap().starts_with(&fixture.url("/_signin")));
    assert!(redirected.text().await.unwrap().contains("Sign In"));
    let suppressed = refused(&fixture, &format!("{base}/projects"), true).await;
    assert_eq!(suppressed.status(), StatusCode::UNAUTHORIZED);
    let (fixture, base) = with(Quirk::UnauthorizedList).await;
    let listed = refused(&fixture, &format!("{base}/projects"), true).await;
    assert_eq!(listed.status(), StatusCode::UNAUTHORIZED);
    assert!(header(&listed, "www-authenticate").unwrap().starts_with("Basic realm="));
    assert_eq!(listed.json::<Value>().await.unwrap(), json!({"count": 0, "value": []}));
}

#[tokio::test]
async fn a_blocked_page_says_nothing_that_a_program_could_use() {
    let quirks = BTreeSet::from([Quirk::BlockedPage]);
    let fixture =
        Fixture::start(SimulatorOptions { tstu_limit: Some(0.01), quirks, ..Default::default() }).await;
    let organization = fixture.simulator.organizations().remove(0);
    let blocked = fixture.answer(&format!("/{organization}/_apis/projects")).await;
    assert_eq!(blocked.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(header(&blocked, "content-type").unwrap().starts_with("text/html"));
    assert_eq!(header(&blocked, "retry-after"), None);
    assert_eq!(header(&blocked, "x-ratelimit-limit"), None);
}

#[tokio::test]
async fn a_fault_gives_each_refusal_of_the_service() {
    let (_, page) = with_fault(json!({"answer": "signInPage"})).await;
    assert_eq!(page.status(), StatusCode::NON_AUTHORITATIVE_INFORMATION);
    let (_, redirect) = with_fault(json!({"answer": "signInRedirect"})).await;
    assert_eq!(redirect.status(), StatusCode::FOUND);
    let (_, empty) = with_fault(json!({"answer": "unauthorized"})).await;
    assert_eq!((empty.status(), empty.text().await.unwrap()), (StatusCode::UNAUTHORIZED, String::new()));
    let (_, list) = with_fault(json!({"answer": "unauthorizedList"})).await;
    assert_eq!(list.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(list.json::<Value>().await.unwrap()["count"], 0);
    let (_, known) = with_fault(json!({"answer": "notAuthorized"})).await;
    assert_eq!(known.status(), StatusCode::UNAUTHORIZED);
    assert!(text(&known.json::<Value>().await.unwrap()["message"]).starts_with("TF400813: The user '"));
    let (_, stopped) = with_fault(json!({"answer": "organizationStopped"})).await;
    assert_eq!(stopped.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(header(&stopped, "x-tfs-serviceerror").unwrap().starts_with("TF24668"));
    assert_eq!(header(&stopped, "retry-after"), None);
    assert!(stopped.bytes().await.unwrap().starts_with(b"\xef\xbb\xbf{"));
    let (_, busy) = with_fault(json!({"answer": "tooManyAtOnce"})).await;
    assert_eq!(busy.status(), StatusCode::TOO_MANY_REQUESTS);
    let message = busy.json::<Value>().await.unwrap()["message"].clone();
    assert!(text(&message).contains("resource 'Concurrency' in namespace 'VSID'"));
    let (fixture, blocked) = with_fault(json!({"answer": "blockedPage", "headers": {"X-Extra": "1"}})).await;
    assert_eq!(blocked.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!((header(&blocked, "retry-after"), header(&blocked, "x-extra")), (None, Some("1")));
    assert_eq!(fixture.simulator.stats().failures["projects"], 1);
}

#[tokio::test]
async fn a_fault_applies_quirks_to_what_it_hits() {
    let (fixture, marked) = with_fault(json!({"quirks": ["byteOrderMark", "countLast"]})).await;
    assert!(marked.bytes().await.unwrap().starts_with(b"\xef\xbb\xbf{\"value\":"));
    let organization = fixture.simulator.organizations().remove(0);
    let plain = fixture.answer(&format!("/{organization}/_apis/projects")).await;
    assert!(plain.bytes().await.unwrap().starts_with(b"{\"count\":"));
}

#[tokio::test]
async fn more_calls_at_once_than_allowed_are_blocked_for_that_identity_alone() {
    let latency = Duration::from_millis(300);
    let options = SimulatorOptions { concurrency_limit: Some(2), latency, ..unlimited() };
    let fixture = Fixture::start(options).await;
    let organization = fixture.simulator.organizations().remove(0);
    let url = fixture.url(&format!("/{organization}/_apis/projects"));
    let call = |identity: usize| {
        let pat = fixture.simulator.identities()[identity].pats[0].clone();
        let request = fixture.client.get(&url).basic_auth("", Some(pat));
        async move { request.send().await.unwrap().status() }
    };
    let mut statuses = futures::future::join_all([0, 0, 0, 0, 1].map(call)).await;
    assert_eq!(statuses.pop(), Some(StatusCode::OK));
    let blocked = statuses.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count();
    let served = statuses.iter().filter(|status| **status == StatusCode::OK).count();
    assert_eq!((served, blocked), (2, 2));
    assert_eq!(call(0).await, StatusCode::OK);
    assert_eq!(fixture.simulator.stats().blocked, 2);
    let none = SimulatorOptions { concurrency_limit: Some(0), ..unlimited() };
    assert!(Simulator::start(none).await.is_err());
}

#[tokio::test]
async fn an_identity_with_fewer_rights_sees_less_and_is_not_told() {
    let fixture = Fixture::of(1, 20, 200).await;
    let organization = fixture.simulator.organizations().remove(0);
    let person = fixture.simulator.identities()[1].clone();
    let read = async |path: &str| {
        let request = fixture.client.get(fixture.url(path)).basic_auth("", Some(&person.pats[0]));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json::<Value>().await.unwrap()["value"].as_array().unwrap().clone()
    };
    let grant = |projects_percent, repositories_percent| {
        let identity = person.subject_descriptor.clone();
        fixture.simulator.grant(&Grant { identity, projects_percent, repositories_percent })
    };
    let truth = fixture.simulator.truth().len();
    grant(None, Some(40)).unwrap();
    let repositories = format!("/{organization}/_apis/git/repositories");
    let projects = format!("/{organization}/_apis/projects");
    let seen = read(&repositories).await;
    assert!((40..120).contains(&seen.len()), "{}", seen.len());
    assert_eq!(read(&projects).await.len(), 20);
    let all = fixture.all(&repositories).await;
    assert_eq!(all.len(), 200, "the first identity keeps its rights");
    let hidden = all.iter().find(|one| seen.iter().all(|other| other["id"] != one["id"])).unwrap();
    let path = format!("{repositories}/{}", text(&hidden["id"]));
    let request = fixture.client.get(fixture.url(&path)).basic_auth("", Some(&person.pats[1]));
    assert_eq!(request.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    grant(Some(50), None).unwrap();
    let visible = read(&projects).await;
    assert!((1..20).contains(&visible.len()), "{}", visible.len());
    let names: BTreeSet<_> = visible.iter().map(|project| text(&project["id"])).collect();
    let listed = read(&repositories).await;
    assert!(!listed.is_empty() && listed.iter().all(|one| names.contains(text(&one["project"]["id"]))));
    assert_eq!(fixture.simulator.truth().len(), truth, "what is true does not depend on who looks");
    grant(None, None).unwrap();
    assert_eq!(read(&repositories).await.len(), 200);
    assert_eq!(grant(Some(101), None).unwrap_err().field, "projectsPercent");
    let nobody = fixture.post("/_sim/rights", json!({"identity": "nobody"})).await;
    assert_eq!(nobody.status(), StatusCode::BAD_REQUEST);
}

/// Where the real service puts the token into a header, no body holds it.
#[tokio::test]
async fn tokens_of_pages_are_in_headers() {
    let fixture = Fixture::of(1, 5, 50).await;
    let organization = fixture.simulator.organizations().remove(0);
    let page = fixture.answer(&format!("/{organization}/_apis/projects?$top=2")).await;
    assert_eq!(header(&page, "x-ms-continuationtoken"), Some("2"));
    assert_eq!(page.json::<Value>().await.unwrap().as_object().unwrap().len(), 2);
}
