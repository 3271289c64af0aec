//! Handlers: idempotent, and each of their decisions leads where it should.

use muster_azdo_sim::{AuthorizedResourcesMode, SimulatorOptions};
use muster_domain::assessment::{Assessment, AssessmentState};
use muster_domain::connector::ConnectorState;
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::read::{Read, ReadScope, UnknownReason};
use muster_domain::resource::{ContentHash, ResourceKind};
use muster_domain::{OrganizationName, ProjectId, RecommendationKey};
use muster_runtime::HandlerError;
use muster_store::assessments::AssessmentFilter;
use muster_store::changes::{
    AssessmentWrite, Changes, ReadingDocument, ReadingKey, ReadingKind, ReadingWrite,
};
use serde_json::json;
use tests::fleet::assert_same;
use tests::waiting::PATIENT;
use tests::workbench::Workbench;
use uuid::Uuid;

fn world() -> SimulatorOptions {
    SimulatorOptions {
        organizations: 2,
        projects: 8,
        repositories: 60,
        seed: 21,
        ..SimulatorOptions::default()
    }
}

/// Has a fault happen on the next calls of a route, as `POST /_sim/faults` would.
fn break_route(bench: &Workbench, route: &str, times: u32, action: &serde_json::Value) {
    let fault = json!({ "match": { "route": route }, "action": action, "times": times });
    let fault = serde_json::from_value(fault).expect("a fault");
    bench.simulator.install_fault(fault).expect("install the fault");
}

/// The body with which the simulator lists the repositories of an organization.
async fn repositories_as_answered(bench: &Workbench, organization: &str) -> String {
    let url = format!("{}/{organization}/_apis/git/repositories?api-version=7.1", bench.simulator.base_url());
    let request = reqwest::Client::new().get(url).basic_auth("", Some(bench.simulator.pat()));
    request.send().await.expect("an answer").text().await.expect("a body")
}

/// What a second run of unchanged input may not hold.
fn assert_changes_nothing(name: &str, changes: &Changes) {
    assert!(changes.resources.is_empty(), "{name} writes resources again: {:?}", changes.resources);
    assert!(changes.presence.is_empty() && changes.relations.is_empty(), "{name} writes the inventory again");
    assert!(changes.assessments.is_empty(), "{name} writes assessments again: {:?}", changes.assessments);
    assert!(changes.facts.is_empty(), "{name} tells facts again: {:?}", changes.facts);
    assert!(changes.identities.is_empty(), "{name} names identities again");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_handler_is_idempotent() {
    let bench = Workbench::prepare(world()).await;
    bench.run_all().await;
    assert_same("first", &bench.assessments().await, &bench.truth());

    let connector = bench.connector().await.id;
    for kind in [JobKind::ConnectorAuthorize, JobKind::ConnectorPreflight, JobKind::ConnectorDiscover] {
        let changes = bench.run_once(kind, JobSubject::connector(connector)).await.unwrap();
        assert_changes_nothing(kind.as_str(), &changes);
    }
    for organization in bench.simulator.organizations() {
        for kind in [JobKind::OrganizationDiscover, JobKind::OrganizationRefresh] {
            let subject = JobSubject::organization(connector, OrganizationName::new(organization.clone()));
            assert_changes_nothing(kind.as_str(), &bench.run_once(kind, subject).await.unwrap());
        }
    }
    let projects = bench.projects().await;
    assert_eq!(projects.len(), 8);
    for (organization, project) in projects {
        for kind in [JobKind::ProjectSync, JobKind::ProjectRefresh] {
            let subject = JobSubject::project(connector, organization.clone(), project);
            let changes = bench.run_once(kind, subject).await.unwrap();
            assert_changes_nothing(kind.as_str(), &changes);
            assert!(
                changes.jobs.is_empty(),
                "{kind} asks for work although nothing changed: {:?}",
                changes.jobs
            );
        }
    }
    assert_same("again", &bench.assessments().await, &bench.truth());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_credential_needs_a_person() {
    let bench = Workbench::prepare(world()).await;
    bench.run_all().await;
    let change = json!({ "change": "revokePat", "pat": bench.simulator.pat() });
    bench.simulator.change(&serde_json::from_value(change).unwrap()).unwrap();
    let (organization, project) = bench.projects().await.remove(0);
    let subject = JobSubject::project(bench.connector().await.id, organization, project);
    let error = bench.run_once(JobKind::ProjectSync, subject).await.unwrap_err();
    assert!(matches!(error, HandlerError::NeedsAuth { .. }), "{error}");
    assert!(!error.to_string().contains(bench.simulator.pat()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_throttling_stops_no_connector() {
    let bench = Workbench::prepare(world()).await;
    bench.run_all().await;
    let (organization, project) = bench.projects().await.remove(0);
    let subject = JobSubject::project(bench.connector().await.id, organization, project);
    let refused = json!({ "answer": "unauthorized" });
    break_route(&bench, "serviceEndpoints", 1, &refused);
    // Both organizations are asked whether they still know the credential.
    break_route(&bench, "connectionData", 2, &refused);
    let error = bench.run_once(JobKind::ProjectSync, subject.clone()).await.unwrap_err();
    assert!(matches!(error, HandlerError::NeedsAuth { .. }), "believed where nothing was throttled: {error}");

    // A good answer that asks for a pause, and a refusal on the next pass.
    break_route(&bench, "generalSettings", 1, &json!({ "headers": { "Retry-After": "1" } }));
    bench.run_once(JobKind::ProjectSync, subject.clone()).await.unwrap();
    break_route(&bench, "serviceEndpoints", 1, &refused);
    let before = bench.simulator.stats().requests["serviceEndpoints"];
    bench.ask(JobKind::ProjectSync, subject).await;
    bench.run_workers(1, PATIENT).await;
    assert_eq!(bench.simulator.stats().requests["serviceEndpoints"], before + 2, "refused, and read again");
    assert_eq!(bench.connector().await.state, ConnectorState::Active);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_call_parks_the_job() {
    let bench = Workbench::prepare(world()).await;
    bench.run_all().await;
    break_route(&bench, "generalSettings", 1, &json!({ "status": 429, "headers": { "Retry-After": "30" } }));
    let (organization, project) = bench.projects().await.remove(0);
    let subject = JobSubject::project(bench.connector().await.id, organization, project);
    let error = bench.run_once(JobKind::ProjectSync, subject).await.unwrap_err();
    assert!(matches!(error, HandlerError::Throttled { .. }), "{error}");
    let connector = bench.connector().await;
    let credential = bench.store.credentials().get(connector.credential_id).await.unwrap();
    let budgets = bench.store.budget(muster_domain::budget::BudgetSettings::default()).list().await.unwrap();
    let blocked =
        budgets.iter().find(|budget| Some(&budget.identity) == credential.identity.as_ref()).unwrap();
    assert!(blocked.view.blocked_until.is_some(), "the identity pauses for every process");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_asked_of_its_parent() {
    let bench = Workbench::prepare(world()).await;
    bench.run_all().await;
    let (organization, _) = bench.projects().await.remove(0);
    let subject = JobSubject::project(bench.connector().await.id, organization, ProjectId(Uuid::new_v4()));
    let error = bench.run_once(JobKind::ProjectSync, subject).await.unwrap_err();
    assert!(matches!(error, HandlerError::Gone { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passing_failure_is_tried_again() {
    let bench = Workbench::prepare(world()).await;
    bench.run_all().await;
    break_route(&bench, "serviceEndpoints", 1, &json!({ "status": 502, "body": "bad gateway" }));
    let (organization, project) = bench.projects().await.remove(0);
    let subject = JobSubject::project(bench.connector().await.id, organization, project);
    let error = bench.run_once(JobKind::ProjectSync, subject).await.unwrap_err();
    assert!(matches!(error, HandlerError::Retry { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_read_is_unknown_and_never_healthy() {
    let bench = Workbench::prepare(world()).await;
    let refused = [Read::GeneralSettings, Read::PolicyConfigurations, Read::VariableGroups];
    for read in refused {
        break_route(&bench, read.as_str(), 1_000, &json!({ "status": 403, "body": "no" }));
    }
    bench.run_all().await;
    let list = bench.store.assessments().list(&AssessmentFilter::default()).await.unwrap();
    let of_kind = |kind| list.iter().filter(|view| view.key.kind == kind).count();
    assert_eq!(of_kind(ResourceKind::VariableGroup), 0, "what cannot be listed is not known");
    assert!(of_kind(ResourceKind::SecureFile) > 0, "the rest of the pass goes on");
    for view in list {
        let verdict = &view.assessment.verdict;
        let key = view.assessment.recommendation;
        let rests_on_it = |read| {
            let recommendations = muster_rules::rules_reading(read);
            recommendations.iter().any(|recommendation| recommendation.key == key)
        };
        let says = (verdict.state, verdict.cause.as_str());
        if !refused.into_iter().any(rests_on_it) {
            assert_ne!(verdict.state, AssessmentState::Unknown, "{key}: {}", verdict.cause);
        } else if verdict.state != AssessmentState::NotApplicable
            // A pipeline that builds no forks is judged by its definition alone.
            && !(view.key.kind == ResourceKind::Pipeline && verdict.state == AssessmentState::Healthy)
        {
            assert_eq!(says, (AssessmentState::Unknown, "ReadForbidden"), "{key}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_of_authorized_resources_is_never_read_as_healthy() {
    let options =
        SimulatorOptions { authorized_resources: AuthorizedResourcesMode::NeedsTypeAndId, ..world() };
    let bench = Workbench::prepare(options).await;
    // Single permissions are refused: nothing tells which resource is open.
    break_route(&bench, "pipelinePermissions", 1_000, &json!({ "status": 403, "body": "no" }));
    bench.run_all().await;
    let list = bench.store.assessments().list(&AssessmentFilter::default()).await.unwrap();
    let rests_on_it = muster_rules::rules_reading(Read::PipelinePermissions);
    let mut judged = 0;
    for view in list {
        let verdict = &view.assessment.verdict;
        let is_asked =
            rests_on_it.iter().any(|recommendation| recommendation.key == view.assessment.recommendation);
        if is_asked && verdict.state != AssessmentState::NotApplicable {
            assert_eq!(verdict.state, AssessmentState::Unknown, "{}", verdict.cause);
            judged += 1;
        }
    }
    assert!(judged > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_disappears_ends_without_noise() {
    let bench = Workbench::prepare(world()).await;
    bench.run_all().await;
    let (organization, project) = bench.projects().await.remove(0);
    let subject = JobSubject::project(bench.connector().await.id, organization, project);
    let body = "{\"message\":\"TF200016: The following project does not exist: x.\"}";
    for read in Read::ALL.into_iter().filter(|read| read.scope() == ReadScope::Project) {
        break_route(&bench, read.as_str(), 1_000, &json!({ "status": 404, "body": body }));
    }
    bench.simulator.reset_stats();
    let error = bench.run_once(JobKind::ProjectSync, subject).await.unwrap_err();
    assert!(matches!(error, HandlerError::Gone { .. }), "{error}");
    assert_eq!(bench.simulator.stats().requests.values().sum::<u64>(), 1, "one answer is enough");
    assert_same("nothing was overwritten", &bench.assessments().await, &bench.truth());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_is_not_offered_is_unknown_and_marks_nothing_missing() {
    let bench = Workbench::prepare(world()).await;
    bench.run_all().await;
    let before = bench.assessments().await;
    break_route(&bench, "secureFiles", 1_000, &json!({ "status": 404, "body": "{}" }));
    let connector = bench.connector().await.id;
    for (organization, project) in bench.projects().await {
        let subject = JobSubject::project(connector, organization, project);
        let changes = bench.run_once(JobKind::ProjectSync, subject).await.unwrap();
        assert!(changes.presence.is_empty(), "{:?}", changes.presence);
        let unknown = changes.readings.iter().filter(|reading| reading.outcome.is_err());
        let unknown: Vec<_> = unknown.map(|reading| (reading.key.kind, reading.outcome.clone())).collect();
        assert_eq!(unknown, [(ReadingKind::Read(Read::SecureFiles), Err(UnknownReason::NotOffered))]);
    }
    assert_eq!(bench.assessments().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_before_a_listing_broke_off_is_judged_anew() {
    // More than one batch, so that something is committed before the answer breaks off.
    let options = SimulatorOptions { organizations: 1, projects: 2, repositories: 2_500, ..world() };
    let bench = Workbench::prepare(options).await;
    bench.run_all().await;
    let healthy = |row: &&tests::fleet::Judged| row.0 == "repository" && row.5 == "healthy";
    let organization = bench.simulator.organizations().remove(0);
    // The first one that is listed: nothing after the break-off changes.
    let listed = repositories_as_answered(&bench, &organization).await.to_lowercase();
    let truth = bench.truth();
    let (_, _, project, repository, _, _) =
        truth.iter().filter(healthy).min_by_key(|row| listed.find(row.3.as_str())).unwrap();
    let change = json!({
        "change": "disableRepository", "organization": organization, "project": project, "repository": repository,
    });
    bench.simulator.change(&serde_json::from_value(change).unwrap()).unwrap();
    // The true answer, broken off after the first batch of a thousand.
    let answer = repositories_as_answered(&bench, &organization).await;
    let part: String = answer.chars().take(answer.chars().count() * 3 / 4).collect();
    break_route(&bench, "repositories", 1, &json!({ "status": 200, "body": part }));
    let connector = bench.connector().await.id;
    let subject = JobSubject::organization(connector, OrganizationName::new(organization));
    let before = bench.assessments().await;
    let error = bench.run_failing(JobKind::OrganizationDiscover, subject).await;
    assert!(matches!(error, HandlerError::Retry { .. }), "{error}");
    bench.run_all().await;
    assert_ne!(bench.assessments().await, before);
    assert_same("after the second listing", &bench.assessments().await, &bench.truth());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_catalogue_judges_anew_what_did_not_change() {
    let bench = Workbench::prepare(world()).await;
    bench.run_all().await;
    let (organization, project) = bench.projects().await.remove(0);
    let connector = bench.connector().await.id;
    let subject = JobSubject::project(connector, organization, project);
    let changes = bench.run_once(JobKind::ProjectSync, subject.clone()).await.unwrap();
    assert!(changes.jobs.is_empty(), "the catalogue has not changed: {:?}", changes.jobs);
    let earlier = judged_by_an_earlier_catalogue(&bench, project).await;
    bench.write(JobKind::ProjectRefresh, subject.clone(), earlier).await;
    assert_ne!(bench.assessments().await, bench.truth());

    bench.ask(JobKind::ProjectSync, subject).await;
    bench.run_all().await;
    assert_same("what no rule makes any more has ended", &bench.assessments().await, &bench.truth());
}

/// What a release with a recommendation more would have left of a project.
async fn judged_by_an_earlier_catalogue(bench: &Workbench, project: ProjectId) -> Changes {
    let list = bench.store.assessments().list(&AssessmentFilter::default()).await.expect("list");
    let mut of_project = list.into_iter().filter(|view| view.key.project_id == Some(project));
    let view = of_project.next().expect("a project that was judged");
    let recommendation = RecommendationKey(Uuid::new_v4());
    let assessment = Assessment { recommendation, ..view.assessment };
    let key = ReadingKey {
        connector_id: view.connector_id,
        organization_id: view.key.organization_id,
        project_id: Some(project),
        kind: ReadingKind::Refresh,
        subject: String::new(),
    };
    let document = ReadingDocument {
        document: serde_json::Value::Null,
        content_hash: ContentHash::of(&"earlier"),
        item_count: 1,
    };
    Changes {
        assessments: vec![AssessmentWrite { connector_id: view.connector_id, assessment, from: None }],
        readings: vec![ReadingWrite { key, outcome: Ok(document) }],
        ..Changes::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_connector_leaves_nothing_behind() {
    let bench = Workbench::prepare(world()).await;
    bench.run_all().await;
    let connector = bench.connector().await;
    let asked = muster_store::requests::Asked { cause: "test".to_owned(), trace: None };
    let effects = muster_store::inbox::RequestEffects::offboard(&connector, &asked);
    bench.store.inbox().perform(&effects).await.unwrap();
    bench.run_all().await;
    let connector = bench.store.connectors().get(connector.id).await.unwrap().unwrap();
    assert_eq!(connector.state.as_str(), "removed");
    assert!(bench.assessments().await.is_empty());
    assert!(bench.store.inventory().not_gone(connector.id, 1).await.unwrap().is_empty());
    assert!(bench.store.inventory().claims(connector.id).await.unwrap().is_empty());
}
