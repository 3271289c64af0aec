//! Verdicts: kept, listed with names, never overwritten by older ones.

use super::fixtures::{assessment, pass, repository, uuid, write};
use super::{Bench, on_both};
use crate::assessments::AssessmentFilter;
use crate::changes::{AssessmentId, Changes};
use muster_domain::assessment::AssessmentState;
use muster_domain::resource::ResourceKey;
use muster_domain::{ConnectorId, OrganizationId, OrganizationName, ProjectId, RecommendationKey};

on_both!(
    a_verdict_and_its_history,
    an_older_verdict_does_not_overwrite,
    lists_carry_names,
    verdicts_are_counted,
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
