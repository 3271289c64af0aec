//! Calls for the library, the queues, the environments, the checks and what was deleted in a project: what is sent,
//! and what becomes of good answers, all of which begin with a byte order mark here.

use super::service::{JSON, Seen, Service, list};
use super::{Fixture, PROJECT, options, organization};
use crate::{CHECKS_PER_CALL, CallError, PageRequest};
use axum::http::Method;
use muster_domain::properties::{QueueStatus, VariableGroupSource};
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use serde_json::{Value, json};

const ID: &str = "5febef5a-833d-4e14-b9c0-14cb638f91e6";
const PREVIEW: &str = "api-version=7.1-preview.1";

/// A service that answers with this list, in the bytes that some servers write before it.
async fn listing(items: &[Value]) -> (Service, Fixture) {
    answering(&list(items)).await
}

async fn answering(body: &Value) -> (Service, Fixture) {
    let service = Service::answering(200, &[JSON], format!("\u{feff}{body}")).await;
    let fixture = Fixture::new(options(&service.url));
    (service, fixture)
}

/// The only request that came, after it was told to the budget as one of `read`.
fn only_request(service: &Service, fixture: &Fixture, read: Read) -> Seen {
    assert_eq!(fixture.gate.granted().iter().map(|(read, _)| *read).collect::<Vec<_>>(), [read]);
    assert_eq!(fixture.gate.settled().len(), 1);
    let mut requests = service.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

/// Asserts that the only request was a GET of `path` in the project with `query`.
#[track_caller]
fn assert_asked(service: &Service, fixture: &Fixture, read: Read, path: &str, query: &str) {
    let request = only_request(service, fixture, read);
    assert_eq!((request.method, request.body), (Method::GET, Value::Null));
    assert_eq!(request.uri.to_string(), format!("/Contoso/{PROJECT}/_apis/{path}?{query}"));
}

#[tokio::test]
async fn variable_groups_come_in_pages_without_their_values() {
    let group = json!({"id": 3, "type": "Vsts", "name": "release", "createdOn": "2026-01-01T00:00:00Z",
        "variables": {"TOKEN": {"value": "hidden", "isSecret": true}, "REGION": {"value": "hidden"}}});
    let (service, fixture) = listing(&[group, json!({"id": 4, "name": "bare"})]).await;
    let page = PageRequest::after("2");
    let page = fixture.background().variable_groups(&organization(), PROJECT, page).await.unwrap();
    assert_eq!(page.continuation, None);
    assert_eq!((page.items[0].id, page.items[0].properties.secret_count), (3, 1));
    assert_eq!(page.items[1].properties.source, VariableGroupSource::AzureDevOps);
    assert!(!format!("{page:?}").contains("hidden"));
    let query = "api-version=7.1&queryOrder=IdAscending&%24top=1000&continuationToken=2";
    assert_asked(&service, &fixture, Read::VariableGroups, "distributedtask/variablegroups", query);
}

#[tokio::test]
async fn secure_files_are_listed_as_one() {
    let (service, fixture) = listing(&[json!({"id": ID.to_uppercase(), "name": "signing.p12"})]).await;
    let files = fixture.background().secure_files(&organization(), PROJECT).await.unwrap();
    assert_eq!((files[0].id.as_str(), files[0].name.as_str()), (ID, "signing.p12"));
    assert_asked(&service, &fixture, Read::SecureFiles, "distributedtask/securefiles", PREVIEW);
}

#[tokio::test]
async fn agent_queues_are_listed_as_one() {
    let (service, fixture) = listing(&[json!({"id": 18, "name": "Default", "pool": {"id": 1}})]).await;
    let queues = fixture.background().agent_queues(&organization(), PROJECT).await.unwrap();
    assert_eq!((queues[0].id, queues[0].pool_id), (18, Some(1)));
    assert_asked(&service, &fixture, Read::Queues, "distributedtask/queues", PREVIEW);
}

#[tokio::test]
async fn environments_come_in_pages() {
    let body = format!("\u{feff}{}", list(&[json!({"id": 1, "name": "production"})]));
    let service = Service::answering(200, &[JSON, ("x-ms-continuationtoken", "production")], body).await;
    let fixture = Fixture::new(options(&service.url));
    let session = fixture.background();
    let page = session.environments(&organization(), PROJECT, PageRequest::first()).await.unwrap();
    assert_eq!(page.items[0].name, "production");
    assert_eq!(page.continuation.as_deref(), Some("production"));
    let query = format!("{PREVIEW}&%24top=1000");
    assert_asked(&service, &fixture, Read::Environments, "distributedtask/environments", &query);
}

#[tokio::test]
async fn deleted_repositories_and_projects_are_told_from_those_in_use() {
    let deleted = json!({"id": ID, "name": "old", "deletedDate": "2026-02-03T04:05:06Z"});
    let (service, fixture) = listing(&[deleted]).await;
    let repositories = fixture.background().deleted_repositories(&organization(), PROJECT).await.unwrap();
    assert_eq!(repositories[0].id, ID.parse().unwrap());
    assert_eq!(repositories[0].deleted_on.as_deref(), Some("2026-02-03T04:05:06Z"));
    assert_asked(&service, &fixture, Read::DeletedRepositories, "git/recycleBin/repositories", PREVIEW);

    let (service, fixture) =
        listing(&[json!({"id": ID, "name": "gone", "state": "deleted", "visibility": "unchanged"})]).await;
    let page = fixture.background().deleted_projects(&organization(), PageRequest::first()).await.unwrap();
    assert_eq!((page.items[0].name.as_str(), page.items[0].properties.state.as_str()), ("gone", "deleted"));
    let request = only_request(&service, &fixture, Read::Projects).uri.to_string();
    assert_eq!(request, "/Contoso/_apis/projects?api-version=7.1&stateFilter=deleted&%24top=1000");
}

#[tokio::test]
async fn checks_of_many_resources_are_one_question() {
    let check = |kind: &str, id: Value| {
        json!({"id": 22, "timeout": 43_200, "type": {"id": ID, "name": "Approval"},
            "resource": {"type": kind, "id": id, "name": "x"}})
    };
    let checks = [check("queue", json!("1")), check("environment", json!(4)), check("hologram", json!("5"))];
    let (service, fixture) = listing(&checks).await;
    let resources =
        [(ProtectedResource::Queue, "1".to_owned()), (ProtectedResource::Environment, "4".to_owned())];
    let session = fixture.background();
    let checks = session.check_configurations(&organization(), PROJECT, &resources).await.unwrap();
    let found: Vec<_> = checks.iter().map(|check| (check.resource, check.resource_id.clone())).collect();
    assert_eq!(found, resources);
    assert_eq!((checks[0].type_id.as_str(), checks[0].timeout_minutes), (ID, Some(43_200)));
    let request = only_request(&service, &fixture, Read::CheckConfigurations);
    assert_eq!(request.method, Method::POST);
    let path = format!("/Contoso/{PROJECT}/_apis/pipelines/checks/queryconfigurations");
    assert_eq!(request.uri.to_string(), format!("{path}?{PREVIEW}&%24expand=settings"));
    assert_eq!(request.body, json!([{"type": "queue", "id": "1"}, {"type": "environment", "id": "4"}]));
    assert_eq!(request.header("content-type"), "application/json");
}

#[tokio::test]
async fn nothing_is_asked_about_no_resource_or_about_too_many() {
    let (service, fixture) = listing(&[]).await;
    let session = fixture.background();
    let ask = async |count: usize| {
        let one = (ProtectedResource::Queue, "1".to_owned());
        session.check_configurations(&organization(), PROJECT, &vec![one; count]).await
    };
    assert_eq!(ask(0).await, Ok(Vec::new()));
    let error = ask(CHECKS_PER_CALL + 1).await.unwrap_err();
    assert!(matches!(error, CallError::Unexpected { .. }), "{error}");
    assert_eq!((service.requests().len(), fixture.gate.granted().len()), (0, 0));
    assert_eq!(ask(CHECKS_PER_CALL).await, Ok(Vec::new()));
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test]
async fn a_question_that_fails_in_passing_may_be_asked_again() {
    let service = Service::answering(500, &[JSON], "{}").await;
    let fixture = Fixture::new(options(&service.url));
    let one = [(ProtectedResource::Queue, "1".to_owned())];
    let error = fixture.background().check_configurations(&organization(), PROJECT, &one).await.unwrap_err();
    assert!(matches!(error, CallError::Transient { .. }), "{error}");
}

#[tokio::test]
async fn definitions_and_settings_tell_what_forks_get() {
    let definition = json!({"id": 7, "name": "ci", "queueStatus": "disabled", "process": {"type": 2},
        "repository": {"id": "contoso/app", "type": "GitHub", "properties": {"IsPrivate": "False"}},
        "triggers": [{"triggerType": "pullRequest", "forks": {"enabled": true, "allowSecrets": true}}]});
    let (_service, fixture) = listing(&[definition]).await;
    let session = fixture.background();
    let page = session.build_definitions(&organization(), PROJECT, PageRequest::first()).await.unwrap();
    let properties = &page.items[0].properties;
    assert_eq!(properties.queue_status, QueueStatus::Disabled);
    assert_eq!(properties.is_repository_private, Some(false));
    assert!(properties.fork_builds.is_some_and(|forks| forks.enabled && forks.allow_secrets));

    let (_service, fixture) =
        answering(&json!({"forkProtectionEnabled": true, "BuildsEnabledForForks": false})).await;
    let settings = fixture.background().general_settings(&organization(), PROJECT).await.unwrap();
    assert_eq!(
        (settings.fork_protection_enabled, settings.builds_enabled_for_forks),
        (Some(true), Some(false))
    );
    assert_eq!(settings.enforce_no_access_to_secrets_from_forks, None);
}

#[tokio::test]
async fn a_list_that_lost_items_on_the_way_is_no_list() {
    let body = json!({"count": 2, "value": [{"id": ID, "name": "signing.p12"}]});
    let (_service, fixture) = answering(&body).await;
    let error = fixture.background().secure_files(&organization(), PROJECT).await.unwrap_err();
    assert!(matches!(error, CallError::Unexpected { .. }), "{error}");
}
