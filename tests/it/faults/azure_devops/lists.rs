//! Lists that break off, are no lists, never end, repeat themselves, or are empty by mistake.

use super::{ALWAYS, Case, world};
use muster_domain::job::{JobKind, JobState};
use muster_domain::read::{Read, UnknownReason};
use muster_domain::resource::Presence;
use muster_runtime::HandlerError;
use muster_store::changes::ReadingKind;
use serde_json::{Value, json};

impl Case {
    /// The body with which the simulator answers a path of the organization.
    async fn answer(&self, path: &str) -> Value {
        let url = format!("{}/{}/{path}", self.bench.simulator.base_url(), self.organization());
        let request = reqwest::Client::new().get(url).basic_auth("", Some(self.bench.simulator.pat()));
        request.send().await.expect("an answer").json().await.expect("a body")
    }

    /// Runs the discovery, which fails; the job is due again.
    async fn discover_failing(&self) -> HandlerError {
        self.bench.run_failing(JobKind::OrganizationDiscover, self.discovery().await).await
    }
}

/// Answers that are whole as far as HTTP goes and are not what was asked for.
fn broken_answers() -> [(&'static str, Value); 8] {
    let plain = json!({ "Content-Type": "text/plain" });
    [
        ("no JSON", json!({ "status": 200, "body": "{\"count\": 3, \"value\": [{]" })),
        ("nothing", json!({ "status": 200, "body": "" })),
        ("an error with status 200", json!({ "status": 200, "body": { "message": "busy" } })),
        ("another type", json!({ "headers": plain })),
        ("no content", json!({ "status": 204 })),
        ("gone", json!({ "status": 410 })),
        ("50 MiB", json!({ "paddingMebibytes": 50 })),
        ("a gzip bomb", json!({ "paddingMebibytes": 50, "gzip": true })),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_what_was_asked_for_is_tried_twice_and_removes_nothing() {
    let case = Case::begin(world()).await;
    let before = case.bench.assessments().await;
    for (name, action) in broken_answers() {
        case.break_route("projects", &action, 1);
        let error = case.discover_failing().await;
        let HandlerError::RetryUpTo { attempts, class, .. } = error else { panic!("{name}: {error}") };
        assert_eq!((attempts, class), (2, "unexpected_answer"), "{name}");
        case.assert_nothing_lost(name).await;
        case.bench.run_all().await;
    }
    assert_eq!(case.bench.assessments().await, before);
    case.assert_judged_truly("after all of them").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_stays_broken_is_given_up_with_what_was_wrong() {
    let case = Case::begin(world()).await;
    case.break_route("projects", &json!({ "status": 200, "body": { "message": "busy" } }), ALWAYS);
    case.bench.ask(JobKind::OrganizationDiscover, case.discovery().await).await;
    let workers = case.work();
    case.is_idle().await;
    workers.stop().await;
    let dead = case.jobs(JobKind::OrganizationDiscover, &[JobState::Dead]).await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(dead[0].last_error_class.as_deref(), Some("unexpected_answer"));
    assert_eq!(case.calls("projects"), 2, "once may be an accident");
    case.assert_nothing_lost("given up").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_tried_again_and_no_part_of_it_removes_anything() {
    let case = Case::begin(world()).await;
    for action in [json!({ "truncate": true }), json!({ "dropConnection": true })] {
        for route in ["projects", "repositories"] {
            case.break_route(route, &action, 1);
            let error = case.discover_failing().await;
            assert!(matches!(error, HandlerError::Retry { class: "transient", .. }), "{route}: {error}");
            case.assert_nothing_lost(route).await;
            case.bench.run_all().await;
        }
        case.break_route("serviceEndpoints", &action, 1);
        let error = case.bench.run_failing(JobKind::ProjectSync, case.project().await).await;
        assert!(matches!(error, HandlerError::Retry { class: "transient", .. }), "{error}");
        case.bench.run_all().await;
        case.assert_nothing_lost("connections").await;
    }
    case.assert_judged_truly("after all of them").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_to_sign_in_from_something_on_the_way_is_tried_again() {
    let case = Case::begin(world()).await;
    let page = json!({ "status": 200, "body": "<html>proxy</html>" });
    case.break_route("repositories", &page, 1);
    let error = case.discover_failing().await;
    assert!(matches!(error, HandlerError::Retry { class: "sign_in_page", .. }), "{error}");
    case.bench.run_all().await;
    case.break_route("serviceEndpoints", &page, 1);
    let changes = case.bench.run_once(JobKind::ProjectSync, case.project().await).await.expect("a pass");
    assert!(changes.readings.iter().all(|reading| reading.outcome.is_ok()));
    case.assert_nothing_lost("pages").await;
    case.assert_judged_truly("after the pages").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_leads_to_itself_breaks_the_contract_and_removes_nothing() {
    let case = Case::begin(world()).await;
    let again = json!({ "headers": { "x-ms-continuationtoken": "1" } });
    case.break_route("projects", &again, ALWAYS);
    let error = case.discover_failing().await;
    assert!(matches!(error, HandlerError::RetryUpTo { class: "unexpected_answer", .. }), "{error}");
    assert!(error.to_string().contains("leads to itself"), "{error}");
    assert!(case.calls("projects") <= 3, "it is not followed any further");
    case.assert_nothing_lost("projects").await;
    case.bench.simulator.clear_faults();
    case.bench.run_all().await;

    case.break_route("variableGroups", &again, ALWAYS);
    let subject = case.project().await;
    let error = case.bench.run_failing(JobKind::ProjectSync, subject).await;
    assert!(matches!(error, HandlerError::RetryUpTo { .. }), "{error}");
    case.bench.run_all().await;
    case.assert_nothing_lost("variable groups").await;
    case.bench.simulator.clear_faults();
    let again = case.bench.run_once(JobKind::ProjectSync, case.project().await).await.expect("a pass");
    let is_known = again.readings.iter().any(|reading| {
        reading.key.kind == ReadingKind::Read(Read::VariableGroups) && reading.outcome.is_ok()
    });
    assert!(is_known, "the gap ends with the fault");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_repeats_itself_twice_is_a_gap_in_what_rests_on_it() {
    let case = Case::begin(world()).await;
    let again = json!({ "headers": { "x-ms-continuationtoken": "1" } });
    case.break_route("variableGroups", &again, ALWAYS);
    let subject = case.project().await;
    case.bench.run_failing(JobKind::ProjectSync, subject.clone()).await;
    case.bench.run_all().await;
    let organization = case.bench.store.inventory().organizations(subject.connector_id).await.expect("list");
    let readings = case.bench.store.inventory();
    let readings = readings.readings(subject.connector_id, organization[0].id, subject.project_id).await;
    let gaps: Vec<_> = readings
        .expect("list")
        .into_iter()
        .filter_map(|(key, reading)| reading.outcome.err().map(|reason| (key.kind, reason)))
        .collect();
    assert_eq!(gaps, [(ReadingKind::Read(Read::VariableGroups), UnknownReason::ContractViolation)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_is_listed_twice_and_in_another_order_is_one_item() {
    let case = Case::begin(world()).await;
    for (route, path) in [
        ("projects", "_apis/projects?api-version=7.1"),
        ("repositories", "_apis/git/repositories?api-version=7.1"),
    ] {
        let body = case.answer(path).await;
        let mut items = body["value"].as_array().expect("a list").clone();
        items.reverse();
        items.push(items[0].clone());
        let twice = json!({ "count": items.len(), "value": items });
        case.break_route(route, &json!({ "status": 200, "body": twice }), 1);
    }
    let present = case.in_presence(Presence::Present).await;
    case.bench.ask(JobKind::OrganizationDiscover, case.discovery().await).await;
    case.bench.run_all().await;
    assert_eq!(case.in_presence(Presence::Present).await, present);
    case.assert_nothing_lost("twice").await;
    assert!(case.facts().await.is_empty(), "nothing changed");
}
