//! Credentials that are refused: once, for good, by one organization, or while a person renews them.

use super::{ALWAYS, Case, world};
use muster_azdo_sim::SimulatorOptions;
use muster_domain::OrganizationName;
use muster_domain::connector::ConnectorState;
use muster_domain::credential::CredentialKind;
use muster_domain::job::{JobKind, JobState, JobSubject, WaitingReason};
use muster_domain::read::{Read, UnknownReason};
use muster_messages::fact::FactPayload;
use muster_runtime::HandlerError;
use muster_store::changes::ReadingKind;
use secrecy::SecretString;
use serde_json::json;
use std::time::Duration;
use tests::waiting::{SOON, stays_true, wait_until};

impl Case {
    async fn renew(&self, credential: &str) {
        let secret = SecretString::from(self.bench.simulator.pat().to_owned());
        let kind = CredentialKind::PersonalAccessToken;
        self.bench.store.credentials().put(credential, kind, &secret).await.expect("store it");
    }

    async fn ask_for_project(&self, subject: &JobSubject) {
        self.ask_in_background(JobKind::ProjectSync, subject.clone()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_refusal_is_asked_about_and_the_read_made_once_more() {
    let case = Case::begin(world()).await;
    case.break_route("serviceEndpoints", &json!({ "answer": "unauthorized" }), 1);
    let changes = case.bench.run_once(JobKind::ProjectSync, case.project().await).await.expect("a pass");
    assert!(changes.readings.iter().all(|reading| reading.outcome.is_ok()), "nothing is unknown");
    assert_eq!((case.calls("serviceEndpoints"), case.calls("connectionData")), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_the_credential_has_no_scope_for_is_unknown_and_the_credential_is_not_lost() {
    let case = Case::begin(world()).await;
    for route in ["serviceEndpoints", "secureFiles"] {
        case.break_route(route, &json!({ "answer": "unauthorized" }), ALWAYS);
    }
    let changes = case.bench.run_once(JobKind::ProjectSync, case.project().await).await.expect("a pass");
    let unknown: Vec<_> = changes
        .readings
        .iter()
        .filter_map(|reading| reading.outcome.as_ref().err().map(|reason| (reading.key.kind, *reason)))
        .collect();
    let refused = |read| (ReadingKind::Read(read), UnknownReason::Forbidden);
    assert_eq!(unknown, [refused(Read::ServiceEndpoints), refused(Read::SecureFiles)]);
    assert_eq!(case.calls("connectionData"), 1, "asked once in a pass");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_refusing_a_credential_loses_it_within_three_requests() {
    let case = Case::begin(world()).await;
    let subject = case.project().await;
    for answer in ["unauthorized", "unauthorizedList", "notAuthorized", "signInPage", "signInRedirect"] {
        case.install(&json!({}), &json!({ "answer": answer }), ALWAYS);
        case.bench.simulator.reset_stats();
        let error = case.bench.run_once(JobKind::ProjectSync, subject.clone()).await.expect_err("refused");
        assert!(matches!(error, HandlerError::NeedsAuth { .. }), "{answer}: {error}");
        assert!(case.all_calls() <= 3, "{answer}: {} requests", case.all_calls());
        let error = case.bench.run_once(JobKind::OrganizationDiscover, case.discovery().await).await;
        assert!(matches!(error, Err(HandlerError::NeedsAuth { .. })), "{answer}: {error:?}");
        case.bench.simulator.clear_faults();
    }
    let page = json!({ "status": 200, "body": "<html>Azure DevOps Services | Sign In</html>" });
    case.install(&json!({}), &page, ALWAYS);
    let error = case.bench.run_once(JobKind::ProjectSync, subject).await.expect_err("refused");
    assert!(matches!(error, HandlerError::NeedsAuth { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_credential_stops_all_of_its_connectors_once_and_a_renewed_one_lets_all_go_on() {
    let options = SimulatorOptions { organizations: 2, projects: 4, ..world() };
    let case = Case::start(options).await;
    let names: Vec<_> = case.bench.simulator.organizations().into_iter().map(OrganizationName::new).collect();
    let [one, other] = &names[..] else { panic!("two organizations: {names:?}") };
    let (token, choice) = (case.bench.simulator.pat().to_owned(), super::only(one));
    let first = case.bench.connect("first", &token, None, choice).await;
    let second = case.connect_with("second", "first", other).await;
    case.bench.run_all().await;
    case.facts().await;
    for (connector, organization) in [(first, one), (second, other)] {
        for project in case.projects_of(connector).await {
            case.ask_for_project(&JobSubject::project(connector, organization.clone(), project)).await;
        }
    }
    let waiting = case.jobs(JobKind::ProjectSync, &[JobState::Pending]).await.len();
    assert_eq!(waiting, 4);
    case.change("revokePat", json!({ "pat": token }));
    case.bench.simulator.reset_stats();

    let workers = case.work();
    for connector in [first, second] {
        case.wait_for_state(connector, ConnectorState::NeedsAuth).await;
    }
    wait_until("all jobs wait for the credential", SOON, async || {
        let jobs = case.jobs(JobKind::ProjectSync, &[JobState::Pending]).await;
        jobs.len() == waiting && jobs.iter().all(|job| job.waiting_reason == Some(WaitingReason::NeedsAuth))
    })
    .await;
    assert!(case.all_calls() <= 3, "{:?}", case.bench.simulator.stats().requests);
    stays_true("nobody hammers", Duration::from_millis(500), async || case.all_calls() <= 3).await;
    for (connector, name) in [(first, "first"), (second, "second")] {
        let (_, reason) = case.state(connector).await;
        assert!(reason.contains("the credential was refused (401)"), "{reason}");
        assert!(reason.contains("`muster credential set first --pat-file FILE`"), "{reason}");
        assert!(reason.contains(&format!("`muster connector resume {name}`")), "{reason}");
        assert!(!reason.contains(&token), "no secret");
    }
    let facts = case.facts().await;
    let told: Vec<_> = facts
        .iter()
        .filter_map(|fact| match fact {
            FactPayload::ConnectorStateChanged(fact) => Some(fact.to),
            _ => None,
        })
        .collect();
    assert_eq!(told, [ConnectorState::NeedsAuth; 2], "each connector says it once");

    case.change("restorePat", json!({ "pat": token }));
    case.renew("first").await;
    for connector in [first, second] {
        case.resume(connector).await;
    }
    case.is_idle().await;
    workers.stop().await;
    for connector in [first, second] {
        assert_eq!(case.state(connector).await, (ConnectorState::Active, String::new()));
    }
    assert_eq!(case.dead_letters().await, 0);
    case.assert_judged_truly("renewed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_a_secret_that_was_renewed_meanwhile_stops_nobody() {
    let case = Case::begin(world()).await;
    let subject = case.project().await;
    let slowly = json!({ "answer": "unauthorized", "delayMs": 1_000 });
    case.break_route("serviceEndpoints", &slowly, 1);
    case.break_route("connectionData", &json!({ "answer": "unauthorized" }), 1);
    case.ask_for_project(&subject).await;
    let workers = case.work();
    wait_until("the read is under way", SOON, async || case.calls("serviceEndpoints") == 1).await;
    case.renew("contoso").await;
    case.is_idle().await;
    workers.stop().await;
    assert_eq!(case.state(subject.connector_id).await.0, ConnectorState::Active);
    assert_eq!(case.calls("serviceEndpoints"), 2, "read with the new secret");
    let never =
        case.facts().await.into_iter().any(|fact| matches!(fact, FactPayload::ConnectorStateChanged(_)));
    assert!(!never, "nobody was told of a lost credential");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_organization_refuses_alone_stops_no_other_connector_of_the_credential() {
    let options = SimulatorOptions { organizations: 2, projects: 4, ..world() };
    let case = Case::start(options).await;
    let names: Vec<_> = case.bench.simulator.organizations().into_iter().map(OrganizationName::new).collect();
    let [one, other] = &names[..] else { panic!("two organizations: {names:?}") };
    let token = case.bench.simulator.pat().to_owned();
    let first = case.bench.connect("first", &token, None, super::only(one)).await;
    let second = case.connect_with("second", "first", other).await;
    case.bench.run_all().await;
    case.install(&json!({ "organization": one }), &json!({ "answer": "notAuthorized" }), ALWAYS);
    let project = case.projects_of(first).await.remove(0);
    case.ask_for_project(&JobSubject::project(first, one.clone(), project)).await;
    let workers = case.work();
    case.wait_for_state(first, ConnectorState::NeedsPermission).await;
    case.is_idle().await;
    workers.stop().await;
    let (_, reason) = case.state(first).await;
    assert!(reason.contains("TF400813"), "{reason}");
    assert_eq!(case.state(second).await.0, ConnectorState::Active);
}
