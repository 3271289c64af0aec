//! Verdicts: kept, listed with names, never overwritten by older ones.

use super::fixtures::{assessment, pass, repository, uuid, write};
use super::{Bench, on_both};
use crate::assessments::{AssessmentFilter, AssessmentOrder};
use crate::changes::{AssessmentId, Changes, ResourceWrite};
use muster_domain::assessment::AssessmentState;
use muster_domain::resource::ResourceKey;
use muster_domain::{ConnectorId, OrganizationId, OrganizationName, ProjectId, RecommendationKey};

on_both!(
    a_verdict_and_its_history,
    an_older_verdict_does_not_overwrite,
    lists_carry_names,
    pages_by_id_give_every_assessment_once,
    verdicts_are_counted,
    groups_add_up_to_what_a_filter_lets_through,
);

const CONNECTOR: ConnectorId = ConnectorId(uuid::Uuid::from_u128(1));
const ORGANIZATION: OrganizationId = OrganizationId(uuid::Uuid::from_u128(5));
const PROJECT: ProjectId = ProjectId(uuid::Uuid::from_u128(10));

fn key() -> ResourceKey {
    repository(ORGANIZATION, PROJECT, 20).key
}

async fn judge(bench: &Bench, state: AssessmentState, from: Option<AssessmentState>, sequence: i64) {
    let mut write_one = assessment(bench, CONNECTOR, &key(), state, sequence);
    write_one.from = from;
    write(bench, Changes { assessments: vec![write_one], ..Changes::default() }).await;
}

async fn a_verdict_and_its_history(bench: Bench) {
    write(&bench, pass(CONNECTOR)).await;
    judge(&bench, AssessmentState::Unhealthy, None, 1).await;
    bench.clock.advance(chrono::Duration::days(1));
    judge(&bench, AssessmentState::Healthy, Some(AssessmentState::Unhealthy), 2).await;
    let id = AssessmentId {
        resource_id: key().resource_id(CONNECTOR),
        recommendation: RecommendationKey(uuid(99)),
    };
    let known = bench.store.assessments().of_project(CONNECTOR, ORGANIZATION, PROJECT).await.expect("known");
    assert_eq!(known[&id].verdict.state, AssessmentState::Healthy);
    assert_eq!((known[&id].since - super::fixtures::start()).num_days(), 1);
    let history = bench.store.assessments().history(id).await.expect("history");
    assert_eq!(history.iter().map(|entry| entry.change_sequence).collect::<Vec<_>>(), [1, 2]);
    let of_organization = bench.store.assessments().of_organization(CONNECTOR, ORGANIZATION).await;
    assert!(of_organization.expect("known").is_empty(), "a repository lies in a project");
}

async fn an_older_verdict_does_not_overwrite(bench: Bench) {
    write(&bench, pass(CONNECTOR)).await;
    judge(&bench, AssessmentState::Healthy, None, 5).await;
    judge(&bench, AssessmentState::Unhealthy, None, 4).await;
    let listed = bench.store.assessments().list(&AssessmentFilter::default()).await.expect("list");
    assert_eq!(listed[0].assessment.verdict.state, AssessmentState::Healthy);
}

async fn lists_carry_names(bench: Bench) {
    write(&bench, pass(CONNECTOR)).await;
    let organization = ResourceKey::organization(ORGANIZATION);
    let assessments = vec![
        assessment(&bench, CONNECTOR, &key(), AssessmentState::Unhealthy, 1),
        assessment(&bench, CONNECTOR, &organization, AssessmentState::Unknown, 1),
    ];
    write(&bench, Changes { assessments, ..Changes::default() }).await;
    let assessments = bench.store.assessments();
    let all = assessments.list(&AssessmentFilter::default()).await.expect("list");
    assert_eq!(all.len(), 2);
    let unhealthy = AssessmentFilter {
        states: vec![AssessmentState::Unhealthy],
        organization: Some(OrganizationName::new("CONTOSO")),
        project: Some("payments".to_owned()),
        recommendations: vec![RecommendationKey(uuid(99))],
        connector: Some(CONNECTOR),
        ..AssessmentFilter::default()
    };
    let found = assessments.list(&unhealthy).await.expect("list");
    assert_eq!(found.len(), 1);
    let view = &found[0];
    assert_eq!(view.key, key());
    assert_eq!(
        (view.organization_name.as_str(), view.project_name.as_deref(), view.resource_name.as_str()),
        ("Contoso", Some("Payments"), "repository-20")
    );
    let of_organization = all.iter().find(|view| view.key == organization).expect("the organization");
    assert_eq!(
        (of_organization.project_name.as_deref(), of_organization.resource_name.as_str()),
        (None, "Contoso")
    );
    let page = AssessmentFilter { limit: Some(1), offset: 1, ..AssessmentFilter::default() };
    assert_eq!(assessments.list(&page).await.expect("list"), all[1..]);
}

async fn verdicts_are_counted(bench: Bench) {
    write(&bench, pass(CONNECTOR)).await;
    let assessments = [(20, AssessmentState::Unhealthy), (21, AssessmentState::Unhealthy)]
        .map(|(number, state)| {
            let key = repository(ORGANIZATION, PROJECT, number).key;
            assessment(&bench, CONNECTOR, &key, state, 1)
        })
        .to_vec();
    write(&bench, Changes { assessments, ..Changes::default() }).await;
    let summary = bench.store.assessments().summary().await.expect("summary");
    assert_eq!(summary.len(), 1);
    assert_eq!((summary[0].state, summary[0].count), (AssessmentState::Unhealthy, 2));
}

/// Three repositories, each judged by three recommendations.
async fn judge_nine(bench: &Bench) {
    write(bench, pass(CONNECTOR)).await;
    let third = repository(ORGANIZATION, PROJECT, 22);
    let third = ResourceWrite { connector_id: CONNECTOR, resource: third };
    write(bench, Changes { resources: vec![third], ..Changes::default() }).await;
    let judged = |number: u128, recommendation: u128| {
        let key = repository(ORGANIZATION, PROJECT, number).key;
        let state = if recommendation == 91 { AssessmentState::Unknown } else { AssessmentState::Healthy };
        let mut written = assessment(bench, CONNECTOR, &key, state, 1);
        written.assessment.recommendation = RecommendationKey(uuid(recommendation));
        written
    };
    let repositories = [20, 21, 22].into_iter();
    let assessments = repositories.flat_map(|number| [91, 92, 93].map(|key| judged(number, key))).collect();
    write(bench, Changes { assessments, ..Changes::default() }).await;
}

async fn pages_by_id_give_every_assessment_once(bench: Bench) {
    judge_nine(&bench).await;
    let assessments = bench.store.assessments();
    for connector in [None, Some(CONNECTOR)] {
        let mut filter = AssessmentFilter {
            connector,
            order: AssessmentOrder::Ids,
            limit: Some(2),
            ..AssessmentFilter::default()
        };
        let mut ids = Vec::new();
        loop {
            let page = assessments.list(&filter).await.expect("list");
            ids.extend(page.iter().map(|view| AssessmentId {
                resource_id: view.assessment.resource_id,
                recommendation: view.assessment.recommendation,
            }));
            filter.after = ids.last().copied();
            if page.is_empty() {
                break;
            }
        }
        let mut sorted = ids.clone();
        sorted.sort_by_key(|id| (id.resource_id, id.recommendation));
        sorted.dedup();
        assert_eq!(ids, sorted, "in order, none twice");
        assert_eq!(ids.len(), 9, "none left out");
    }
}

async fn groups_add_up_to_what_a_filter_lets_through(bench: Bench) {
    judge_nine(&bench).await;
    let assessments = bench.store.assessments();
    let groups = assessments.groups(&AssessmentFilter::default()).await.expect("groups");
    let counts: Vec<_> =
        groups.iter().map(|group| (group.recommendation.0, group.state, group.count)).collect();
    let expected = [
        (uuid(91), AssessmentState::Unknown, 3),
        (uuid(92), AssessmentState::Healthy, 3),
        (uuid(93), AssessmentState::Healthy, 3),
    ];
    assert_eq!(counts, expected);
    assert!(groups.iter().all(|group| {
        (group.connector_id, group.organization_id, group.organization.as_str())
            == (CONNECTOR, ORGANIZATION, "Contoso")
    }));
    let one = AssessmentFilter {
        resource_id: Some(key().resource_id(CONNECTOR)),
        states: vec![AssessmentState::Unknown],
        offset: 1,
        limit: Some(1),
        ..AssessmentFilter::default()
    };
    let groups = assessments.groups(&one).await.expect("groups");
    assert_eq!(
        groups.iter().map(|group| group.count).collect::<Vec<_>>(),
        [1],
        "whatever offset and limit say"
    );
    let elsewhere = AssessmentFilter { connector: Some(ConnectorId(uuid(2))), ..AssessmentFilter::default() };
    assert!(assessments.groups(&elsewhere).await.expect("groups").is_empty());
}
