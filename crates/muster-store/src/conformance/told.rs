//! What subscribers are told of resources: once, with present names, and never under an id that was used before.

use super::connectors::transition;
use super::fixtures::{assessment, connector_of, organization, pass, repository, resource, write};
use super::{Bench, on_both};
use crate::Subscribers;
use crate::changes::{AssessmentId, Changes, ClaimWrite, PresenceWrite, ResourceWrite};
use muster_domain::assessment::AssessmentState;
use muster_domain::connector::ConnectorEvent;
use muster_domain::properties::{ProjectProperties, Properties, Visibility};
use muster_domain::resource::{Presence, Resource, ResourceKey};
use muster_domain::{Clock as _, ConnectorId, OrganizationId, ProjectId, RecommendationKey};
use muster_messages::fact::{AssessmentChanged, FactPayload, ResourceReference};
use muster_messages::{CloudEvent, Fact};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

on_both!(
    what_is_new_is_told_once,
    renames_and_settings_are_told_with_before_and_after,
    missing_back_gone_and_back_again,
    an_assessment_that_comes_back_goes_on_counting,
    an_assessment_that_no_rule_makes_any_more_ends,
    a_removed_connector_tells_what_is_gone,
    names_of_one_batch_are_the_new_ones,
    a_whole_page_is_told,
    nothing_is_kept_to_be_told_where_nobody_can_hear,
);

const CONNECTOR: ConnectorId = ConnectorId(uuid::Uuid::from_u128(1));
const ORGANIZATION: OrganizationId = OrganizationId(uuid::Uuid::from_u128(5));
const PROJECT: ProjectId = ProjectId(uuid::Uuid::from_u128(10));
const BELOW: &str = "/securityConnectors/connector-1/devops/default/azureDevOpsOrgs";

/// A first pass, of which subscribers know.
async fn begin(bench: &Bench) {
    connector_of(&bench.store, CONNECTOR).await;
    write(bench, pass(CONNECTOR)).await;
}

/// Everything that was told since it was asked last: type, subject below the connector, and data.
async fn told(bench: &Bench) -> Vec<(String, String, Value)> {
    let events = events(bench).await;
    let told = events.into_iter().map(|event| {
        let subject = event.subject.unwrap_or_default();
        let below = subject.split_once(BELOW).map_or(subject.clone(), |(_, below)| below.to_owned());
        (event.event_type, below, event.data)
    });
    told.collect()
}

async fn events(bench: &Bench) -> Vec<CloudEvent> {
    let outbox = bench.store.outbox();
    let events = outbox.claim(10_000, Duration::from_secs(1)).await.expect("claim");
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    outbox.published(&ids).await.expect("published");
    events.into_iter().map(|event| event.event).collect()
}

async fn nothing_is_kept_to_be_told_where_nobody_can_hear(bench: Bench) {
    let deaf = bench.another(|options| options.subscribers = Subscribers::None).await;
    begin(&Bench { store: deaf, ..bench.clone() }).await;
    assert!(events(&bench).await.is_empty());
    list(&bench, repository(ORGANIZATION, PROJECT, 77)).await;
    assert_eq!(events(&bench).await.len(), 1, "another process of the same database can be heard");
}

async fn list(bench: &Bench, resource: Resource) {
    let resources = vec![ResourceWrite { connector_id: CONNECTOR, resource }];
    write(bench, Changes { resources, ..Changes::default() }).await;
}

async fn set(bench: &Bench, key: &ResourceKey, presence: Presence) {
    let presence = vec![PresenceWrite { resource_id: key.resource_id(CONNECTOR), presence }];
    write(bench, Changes { presence, ..Changes::default() }).await;
}

fn change(property: &str, from: &str, to: &str) -> Value {
    json!({"property": property, "from": from, "to": to})
}

async fn what_is_new_is_told_once(bench: Bench) {
    begin(&bench).await;
    let told_first = told(&bench).await;
    let subjects: HashSet<&str> = told_first
        .iter()
        .filter(|(event_type, ..)| event_type == "muster.resource.discovered.v1")
        .map(|(_, subject, _)| subject.as_str())
        .collect();
    let expected = [
        "/Contoso",
        "/Contoso/projects/Payments",
        "/Contoso/projects/Payments/repos/repository-20",
        "/Contoso/projects/Payments/repos/repository-21",
        "/Contoso/projects/Payments/serviceConnections/sc-1",
    ];
    assert_eq!(subjects, HashSet::from(expected));
    let repository = told_first.iter().find(|(_, subject, _)| subject.ends_with("-20")).expect("told");
    let reference = json!({
        "kind": "repository", "organization": "Contoso", "projectId": PROJECT, "name": "repository-20",
        "id": super::fixtures::uuid(20),
    });
    assert_eq!(repository.2, json!({"connectorId": CONNECTOR, "resource": reference}));
    write(&bench, pass(CONNECTOR)).await;
    assert_eq!(told(&bench).await, [], "nothing new, nothing told");
}

async fn renames_and_settings_are_told_with_before_and_after(bench: Bench) {
    begin(&bench).await;
    told(&bench).await;
    let mut repository = repository(ORGANIZATION, PROJECT, 20);
    repository.name = "renamed".to_owned();
    if let Properties::Repository(properties) = &mut repository.properties {
        properties.default_branch = Some("refs/heads/trunk".to_owned());
        properties.is_disabled = true;
    }
    list(&bench, repository.clone()).await;
    let [(event_type, subject, data)] = &told(&bench).await[..] else { panic!("one fact") };
    assert_eq!(event_type, "muster.resource.changed.v1");
    assert_eq!(subject, "/Contoso/projects/Payments/repos/renamed");
    assert_eq!(data["resource"]["name"], "renamed");
    let changes = [
        change("name", "repository-20", "renamed"),
        change("defaultBranch", "refs/heads/main", "refs/heads/trunk"),
        change("isDisabled", "false", "true"),
    ];
    assert_eq!(data["changes"], json!(changes));
    if let Properties::Repository(properties) = &mut repository.properties {
        properties.size_bytes = Some(99);
    }
    list(&bench, repository.clone()).await;
    assert_eq!(told(&bench).await, [], "nobody holds on to a size");
    if let Properties::Repository(properties) = &mut repository.properties {
        properties.default_branch = None;
    }
    list(&bench, repository).await;
    let changes = json!([{"property": "defaultBranch", "from": "refs/heads/trunk", "to": null}]);
    assert_eq!(told(&bench).await[0].2["changes"], changes);
    let open = ProjectProperties {
        visibility: Visibility::Public,
        state: "wellFormed".to_owned(),
        revision: Some(8),
    };
    let key = ResourceKey::project(ORGANIZATION, PROJECT);
    list(&bench, resource(key, "Payments", Properties::Project(open))).await;
    assert_eq!(told(&bench).await[0].2["changes"], json!([change("visibility", "private", "public")]));
}

async fn missing_back_gone_and_back_again(bench: Bench) {
    begin(&bench).await;
    let repository = repository(ORGANIZATION, PROJECT, 20);
    let judged = assessment(&bench, CONNECTOR, &repository.key, AssessmentState::Unhealthy, 3);
    write(&bench, Changes { assessments: vec![judged], ..Changes::default() }).await;
    let mut ids: Vec<String> = events(&bench).await.into_iter().map(|event| event.id).collect();
    set(&bench, &repository.key, Presence::Missing).await;
    set(&bench, &repository.key, Presence::Missing).await;
    list(&bench, repository.clone()).await;
    set(&bench, &repository.key, Presence::Missing).await;
    set(&bench, &repository.key, Presence::Present).await;
    set(&bench, &repository.key, Presence::Gone).await;
    set(&bench, &repository.key, Presence::Gone).await;
    set(&bench, &repository.key, Presence::Missing).await;
    list(&bench, repository.clone()).await;
    set(&bench, &repository.key, Presence::Gone).await;
    let events = events(&bench).await;
    ids.extend(events.iter().map(|event| event.id.clone()));
    let short = |event: &CloudEvent| {
        let change = &event.data["changes"][0]["to"];
        (event.event_type.trim_start_matches("muster.").to_owned(), change.as_str().unwrap_or("").to_owned())
    };
    let expected = [
        ("resource.changed.v1", "missing"),
        ("resource.changed.v1", "present"),
        ("resource.changed.v1", "missing"),
        ("resource.changed.v1", "present"),
        ("assessment.changed.v1", ""),
        ("resource.removed.v1", ""),
        ("resource.discovered.v1", ""),
        ("resource.removed.v1", ""),
    ];
    let expected = expected.map(|(event_type, to)| (event_type.to_owned(), to.to_owned()));
    assert_eq!(events.iter().map(short).collect::<Vec<_>>(), expected);
    let ended = &events[4];
    let subject = ended.subject.as_deref().unwrap_or_default();
    assert!(subject.contains("/repos/repository-20/providers/Microsoft.Security/assessments/"), "{subject}");
    assert_eq!((&ended.data["from"], &ended.data["to"]), (&json!("Unhealthy"), &Value::Null));
    assert_eq!(ended.data["cause"], "ResourceRemoved");
    let distinct: HashSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "no fact is taken for one that was told before");
    let stored = bench.store.inventory().get(repository.key.resource_id(CONNECTOR)).await.expect("get");
    assert_eq!(stored.expect("the row").change_sequence, 8, "gone and back, it goes on counting");
}

/// As the judge does it: a first verdict, with its fact.
fn first_verdict(bench: &Bench, key: &ResourceKey, subject: &str) -> Changes {
    let written = assessment(bench, CONNECTOR, key, AssessmentState::Unhealthy, 1);
    let verdict = &written.assessment.verdict;
    let recommendation = written.assessment.recommendation;
    let fact = Fact {
        subject: format!("{subject}/providers/Microsoft.Security/assessments/{recommendation}"),
        sequence: written.assessment.change_sequence,
        time: bench.clock.now(),
        payload: FactPayload::AssessmentChanged(AssessmentChanged {
            assessment_key: recommendation,
            connector_id: CONNECTOR,
            resource: ResourceReference {
                kind: key.kind,
                organization: "Contoso".to_owned(),
                project_id: key.project_id,
                id: key.external_id.clone(),
                name: "repository-20".to_owned(),
            },
            from: None,
            to: Some(verdict.state),
            cause: verdict.cause.clone(),
            observed: verdict.observed.clone(),
            expected: verdict.expected.clone(),
            since: bench.clock.now(),
        }),
    };
    Changes { assessments: vec![written], facts: vec![fact], ..Changes::default() }
}

async fn an_assessment_that_comes_back_goes_on_counting(bench: Bench) {
    begin(&bench).await;
    let subject = events(&bench).await.into_iter().filter_map(|event| event.subject);
    let subject = subject.into_iter().find(|subject| subject.ends_with("repository-20")).expect("told");
    let repository = repository(ORGANIZATION, PROJECT, 20);
    let mut ids = Vec::new();
    for _ in 0..3 {
        write(&bench, first_verdict(&bench, &repository.key, &subject)).await;
        set(&bench, &repository.key, Presence::Gone).await;
        list(&bench, repository.clone()).await;
        let of_assessments = events(&bench).await.into_iter();
        ids.extend(
            of_assessments
                .filter(|event| event.event_type == "muster.assessment.changed.v1")
                .map(|event| event.id),
        );
    }
    let distinct: HashSet<&String> = ids.iter().collect();
    assert_eq!((ids.len(), distinct.len()), (6, 6), "each time it began and ended");
    let id = AssessmentId {
        resource_id: repository.key.resource_id(CONNECTOR),
        recommendation: RecommendationKey(super::fixtures::uuid(99)),
    };
    let history = bench.store.assessments().history(id).await.expect("history");
    let sequences: Vec<i64> = history.iter().map(|entry| entry.change_sequence).collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6]);
}

async fn an_assessment_that_no_rule_makes_any_more_ends(bench: Bench) {
    begin(&bench).await;
    let judged = [20, 21].map(|number| repository(ORGANIZATION, PROJECT, number).key);
    let assessments =
        judged.iter().map(|key| assessment(&bench, CONNECTOR, key, AssessmentState::Healthy, 4)).collect();
    write(&bench, Changes { assessments, ..Changes::default() }).await;
    events(&bench).await;
    let id = AssessmentId {
        resource_id: judged[0].resource_id(CONNECTOR),
        recommendation: RecommendationKey(super::fixtures::uuid(99)),
    };
    let other = AssessmentId { recommendation: RecommendationKey(super::fixtures::uuid(98)), ..id };
    let withdraw = || Changes { withdrawn_assessments: vec![id, other], ..Changes::default() };
    write(&bench, withdraw()).await;
    let [(event_type, subject, data)] = &told(&bench).await[..] else { panic!("one fact") };
    assert_eq!(event_type, "muster.assessment.changed.v1");
    let below = "/Contoso/projects/Payments/repos/repository-20/providers/Microsoft.Security/assessments/";
    assert!(subject.starts_with(below), "{subject}");
    assert_eq!((&data["from"], &data["to"]), (&json!("Healthy"), &Value::Null));
    assert_eq!(data["cause"], "RecommendationWithdrawn");
    let store = bench.store.assessments();
    let left = store.of_project(CONNECTOR, ORGANIZATION, PROJECT).await.expect("list");
    let left: Vec<_> = left.keys().map(|id| id.resource_id).collect();
    assert_eq!(left, [judged[1].resource_id(CONNECTOR)], "that of the other resource stands");
    let history = store.history(id).await.expect("history");
    assert_eq!(history.last().map(|last| (last.to, last.change_sequence)), Some((None, 5)));
    write(&bench, withdraw()).await;
    assert_eq!(told(&bench).await, [], "once");
}

async fn a_removed_connector_tells_what_is_gone(bench: Bench) {
    begin(&bench).await;
    let key = repository(ORGANIZATION, PROJECT, 20).key;
    let judged = assessment(&bench, CONNECTOR, &key, AssessmentState::Healthy, 1);
    write(&bench, Changes { assessments: vec![judged], ..Changes::default() }).await;
    bench
        .store
        .connectors()
        .transition(&transition(CONNECTOR, ConnectorEvent::Remove), &[])
        .await
        .expect("go");
    told(&bench).await;
    let ids = bench.store.inventory().not_gone(CONNECTOR, 100).await.expect("rows");
    let gone = |resource_id| PresenceWrite { resource_id, presence: Presence::Gone };
    let changes = Changes {
        presence: ids.into_iter().map(gone).collect(),
        claims: vec![ClaimWrite::ReleaseAll { connector_id: CONNECTOR }],
        connectors: vec![transition(CONNECTOR, ConnectorEvent::RemovalFinished)],
        ..Changes::default()
    };
    write(&bench, changes).await;
    let told = told(&bench).await;
    let count = |wanted: &str| told.iter().filter(|(event_type, ..)| event_type == wanted).count();
    assert_eq!(count("muster.resource.removed.v1"), 5);
    assert_eq!(count("muster.assessment.changed.v1"), 1);
    assert_eq!(count("muster.connector.state-changed.v1"), 1);
    assert!(
        told.iter().any(|(_, subject, _)| subject == "/Contoso/projects/Payments/serviceConnections/sc-1")
    );
}

async fn names_of_one_batch_are_the_new_ones(bench: Bench) {
    begin(&bench).await;
    told(&bench).await;
    let resources = [organization(ORGANIZATION, "Fabrikam"), repository(ORGANIZATION, PROJECT, 30)];
    let resources = resources.map(|resource| ResourceWrite { connector_id: CONNECTOR, resource }).to_vec();
    write(&bench, Changes { resources, ..Changes::default() }).await;
    let mut subjects: Vec<String> = told(&bench).await.into_iter().map(|(_, subject, _)| subject).collect();
    subjects.sort();
    assert_eq!(subjects, ["/Fabrikam", "/Fabrikam/projects/Payments/repos/repository-30"]);
}

async fn a_whole_page_is_told(bench: Bench) {
    const REPOSITORIES: u128 = 2_500;
    begin(&bench).await;
    told(&bench).await;
    let write_of = |number| ResourceWrite {
        connector_id: CONNECTOR,
        resource: repository(ORGANIZATION, PROJECT, 1_000 + number),
    };
    let resources: Vec<ResourceWrite> = (0..REPOSITORIES).map(write_of).collect();
    let ids: Vec<_> = resources.iter().map(|write| write.resource.key.resource_id(CONNECTOR)).collect();
    write(&bench, Changes { resources, ..Changes::default() }).await;
    assert_eq!(told(&bench).await.len(), 2_500);
    let missing = |resource_id| PresenceWrite { resource_id, presence: Presence::Missing };
    write(&bench, Changes { presence: ids.into_iter().map(missing).collect(), ..Changes::default() }).await;
    assert_eq!(told(&bench).await.len(), 2_500);
}
