//! The inventory as people look through it.

use super::fixtures::{assessment, connector_of, organization, pass, repository, resource, uuid, write};
use super::{Bench, on_both};
use crate::StoreError;
use crate::assessments::{AssessmentFilter, AssessmentOrder};
use crate::changes::{AssessmentId, Changes, PresenceWrite, RelationKind, RelationWrite, ResourceWrite};
use crate::inventory::{CountFilter, CountLevel, InventoryFilter, RelationEnd, ResourceSort};
use crate::paging::{Cursor, Direction};
use muster_domain::assessment::AssessmentState;
use muster_domain::properties::{AgentPoolProperties, Properties};
use muster_domain::read::Read;
use muster_domain::resource::{Presence, ResourceKey, ResourceKind};
use muster_domain::{
    ConnectorId, OrganizationId, OrganizationName, ProjectId, RecommendationKey, ResourceId,
};

on_both!(
    pages_in_every_order_hold_everything_once,
    filters_are_by_name_without_case,
    names_lead_to_what_they_name,
    a_resource_with_everything_around_it,
    organizations_and_projects_are_counted,
    assessments_come_in_pages_by_severity_and_age,
    assessments_are_found_by_name_cause_and_age,
);

const CONNECTOR: ConnectorId = ConnectorId(uuid::Uuid::from_u128(1));
const ORGANIZATION: OrganizationId = OrganizationId(uuid::Uuid::from_u128(5));
const PROJECT: ProjectId = ProjectId(uuid::Uuid::from_u128(10));

fn of(resource: muster_domain::resource::Resource) -> ResourceWrite {
    ResourceWrite { connector_id: CONNECTOR, resource }
}

fn pool() -> muster_domain::resource::Resource {
    let key = ResourceKey {
        kind: ResourceKind::AgentPool,
        organization_id: ORGANIZATION,
        project_id: None,
        external_id: "12".to_owned(),
    };
    let properties =
        AgentPoolProperties { is_hosted: false, pool_type: None, auto_provision: None, auto_update: None };
    resource(key, "Default", Properties::AgentPool(properties))
}

/// A pass, with a pool that the project uses, and seven repositories that were seen one after another; names repeat.
async fn fill(bench: &Bench) {
    connector_of(&bench.store, CONNECTOR).await;
    let mut changes = pass(CONNECTOR);
    changes.resources.push(of(pool()));
    changes.relations.push(RelationWrite {
        connector_id: CONNECTOR,
        from: ResourceKey::project(ORGANIZATION, PROJECT),
        kind: RelationKind::UsesPool,
        to: pool().key,
        removed: false,
    });
    write(bench, changes).await;
    for number in 22..27 {
        bench.clock.advance(chrono::Duration::seconds(1));
        let mut repository = repository(ORGANIZATION, PROJECT, number);
        repository.name = if number % 2 == 0 { "Same" } else { "same" }.to_owned();
        write(bench, Changes { resources: vec![of(repository)], ..Changes::default() }).await;
    }
}

async fn pages_in_every_order_hold_everything_once(bench: Bench) {
    fill(&bench).await;
    let inventory = bench.store.inventory();
    for sort in [ResourceSort::Name, ResourceSort::ChangedAt, ResourceSort::FirstSeen] {
        let mut both = Vec::new();
        for direction in [Direction::Ascending, Direction::Descending] {
            let kinds = vec![ResourceKind::Repository];
            let mut filter =
                InventoryFilter { kinds, sort, direction, limit: 2, ..InventoryFilter::default() };
            let mut seen: Vec<ResourceId> = Vec::new();
            loop {
                let page = inventory.browse(&filter).await.expect("page");
                seen.extend(page.resources.iter().map(|view| view.stored.id));
                let Some(next) = page.next else { break };
                filter.after = Some(next.to_string().parse::<Cursor>().expect("a cursor"));
            }
            assert_eq!(seen.len(), 7, "{sort:?} {direction:?}");
            both.push(seen);
        }
        both[1].reverse();
        assert_eq!(both[0], both[1], "{sort:?}: the same the other way");
    }
    let all = inventory.browse(&InventoryFilter::default()).await.expect("all").resources;
    let names: Vec<String> = all.iter().map(|view| view.stored.resource.name.to_lowercase()).collect();
    assert!(names.is_sorted(), "{names:?}");
    let one = InventoryFilter { limit: 1, ..InventoryFilter::default() };
    let by_name = inventory.browse(&one).await.expect("page").next;
    let other = InventoryFilter { sort: ResourceSort::ChangedAt, after: by_name, ..one };
    assert!(
        matches!(inventory.browse(&other).await, Err(StoreError::Invalid(_))),
        "a cursor of another order"
    );
}

async fn names(bench: &Bench, filter: InventoryFilter) -> Vec<String> {
    let page = bench.store.inventory().browse(&filter).await.expect("page");
    page.resources.into_iter().map(|view| view.stored.resource.name).collect()
}

async fn filters_are_by_name_without_case(bench: Bench) {
    fill(&bench).await;
    let odd = muster_domain::resource::Resource {
        name: "100%_sure!".to_owned(),
        ..repository(ORGANIZATION, PROJECT, 40)
    };
    let gone = repository(ORGANIZATION, PROJECT, 20).key.resource_id(CONNECTOR);
    let presence = vec![PresenceWrite { resource_id: gone, presence: Presence::Gone }];
    write(&bench, Changes { resources: vec![of(odd)], presence, ..Changes::default() }).await;
    let containing =
        |part: &str| InventoryFilter { name_contains: Some(part.to_owned()), ..InventoryFilter::default() };
    assert_eq!(names(&bench, containing("REPOSITORY")).await, ["repository-21"]);
    assert_eq!(names(&bench, containing("%")).await, ["100%_sure!"], "it stands for itself");
    assert_eq!(names(&bench, containing("0%_s")).await, ["100%_sure!"]);
    assert_eq!(names(&bench, containing("e!")).await, ["100%_sure!"]);
    assert!(names(&bench, containing("0__s")).await.is_empty());
    let gone = InventoryFilter { presence: vec![Presence::Gone], ..InventoryFilter::default() };
    assert_eq!(names(&bench, gone).await, ["repository-20"]);
    let organization = Some(OrganizationName::new("CONTOSO"));
    let pools = InventoryFilter {
        kinds: vec![ResourceKind::AgentPool],
        organization: organization.clone(),
        organization_id: Some(ORGANIZATION),
        connector: Some(CONNECTOR),
        ..InventoryFilter::default()
    };
    assert_eq!(names(&bench, pools).await, ["Default"]);
    let of_project = InventoryFilter { project: Some("payMENTS".to_owned()), ..InventoryFilter::default() };
    assert_eq!(names(&bench, of_project).await.len(), 9);
    let of_project = InventoryFilter { project_id: Some(PROJECT), ..InventoryFilter::default() };
    assert_eq!(names(&bench, of_project).await.len(), 9);
    let elsewhere = InventoryFilter { connector: Some(ConnectorId(uuid(2))), ..InventoryFilter::default() };
    assert!(names(&bench, elsewhere).await.is_empty());
}

async fn names_lead_to_what_they_name(bench: Bench) {
    fill(&bench).await;
    let inventory = bench.store.inventory();
    let found = |kind, project: Option<&str>, name: Option<&str>| {
        let filter = InventoryFilter {
            kinds: vec![kind],
            organization: Some(OrganizationName::new("contoso")),
            project: project.map(str::to_owned),
            name: name.map(str::to_owned),
            ..InventoryFilter::default()
        };
        let inventory = inventory.clone();
        async move { inventory.browse(&filter).await.expect("browse").resources }
    };
    let repository = found(ResourceKind::Repository, Some("payments"), Some("REPOSITORY-20")).await;
    let [view] = &repository[..] else { panic!("one repository: {repository:?}") };
    let names = (view.connector.as_str(), view.organization.as_str(), view.project.as_deref());
    assert_eq!(names, ("connector-1", "Contoso", Some("Payments")));
    assert_eq!(found(ResourceKind::Repository, Some("payments"), Some("same")).await.len(), 5);
    assert_eq!(found(ResourceKind::Organization, None, None).await.len(), 1);
    assert_eq!(found(ResourceKind::Project, Some("PAYMENTS"), None).await.len(), 1);
    assert_eq!(found(ResourceKind::AgentPool, None, Some("12")).await.len(), 1, "by id");
    assert!(found(ResourceKind::Repository, Some("elsewhere"), Some("same")).await.is_empty());
}

async fn a_resource_with_everything_around_it(bench: Bench) {
    fill(&bench).await;
    let key = ResourceKey::project(ORGANIZATION, PROJECT);
    let assessments = vec![assessment(&bench, CONNECTOR, &key, AssessmentState::Unhealthy, 1)];
    write(&bench, Changes { assessments, ..Changes::default() }).await;
    let inventory = bench.store.inventory();
    let detail = inventory.detail(key.resource_id(CONNECTOR)).await.expect("detail").expect("the project");
    assert_eq!(detail.view.stored.resource.name, "Payments");
    let [link] = &detail.relations[..] else { panic!("one link: {:?}", detail.relations) };
    assert_eq!(
        (link.kind, link.end, link.other.stored.id),
        (RelationKind::UsesPool, RelationEnd::To, pool().key.resource_id(CONNECTOR))
    );
    let [reading] = &detail.readings[..] else { panic!("one reading: {:?}", detail.readings) };
    assert_eq!(reading.key.kind, crate::changes::ReadingKind::Read(Read::PolicyConfigurations));
    assert_eq!((reading.unknown, reading.item_count), (None, Some(0)));
    assert_eq!(detail.assessments, [(AssessmentState::Unhealthy, 1)].into());
    let pool = inventory.detail(pool().key.resource_id(CONNECTOR)).await.expect("detail").expect("the pool");
    assert_eq!(
        (pool.relations[0].end, pool.relations[0].other.stored.id),
        (RelationEnd::From, key.resource_id(CONNECTOR))
    );
    assert!(inventory.detail(ResourceId(uuid(3))).await.expect("detail").is_none());
}

async fn organizations_and_projects_are_counted(bench: Bench) {
    fill(&bench).await;
    let shared =
        ResourceKey::in_project(ResourceKind::ServiceConnection, ORGANIZATION, ProjectId(uuid(11)), "sc-1");
    let template = pass(CONNECTOR).resources.swap_remove(2).resource;
    let shared = resource(shared, "production", template.properties);
    let key = repository(ORGANIZATION, PROJECT, 20).key;
    let changes = Changes {
        resources: vec![of(shared), of(organization(OrganizationId(uuid(6)), "Fabrikam"))],
        assessments: vec![
            assessment(&bench, CONNECTOR, &key, AssessmentState::Unhealthy, 1),
            assessment(&bench, CONNECTOR, &pool().key, AssessmentState::Unknown, 1),
        ],
        ..Changes::default()
    };
    write(&bench, changes).await;
    let inventory = bench.store.inventory();
    let by_organization = inventory.scope_counts(&CountFilter::default()).await.expect("counts");
    let contoso =
        by_organization.iter().find(|scope| scope.organization_id == ORGANIZATION).expect("counted");
    assert_eq!(by_organization.len(), 2);
    assert_eq!(
        (contoso.project_id, contoso.resources[&ResourceKind::ServiceConnection]),
        (None, 1),
        "shared"
    );
    assert_eq!(contoso.assessments, [(AssessmentState::Unhealthy, 1), (AssessmentState::Unknown, 1)].into());
    let filter = CountFilter {
        connector: Some(CONNECTOR),
        organization_id: Some(ORGANIZATION),
        level: CountLevel::Project,
    };
    let by_project = inventory.scope_counts(&filter).await.expect("counts");
    let of_project = |id| by_project.iter().find(|scope| scope.project_id == id).expect("counted");
    assert_eq!(by_project.len(), 3);
    assert_eq!(of_project(Some(PROJECT)).resources[&ResourceKind::Repository], 7);
    assert_eq!(of_project(Some(PROJECT)).assessments, [(AssessmentState::Unhealthy, 1)].into());
    assert_eq!(of_project(None).assessments, [(AssessmentState::Unknown, 1)].into());
}

const KEYS: [u128; 3] = [91, 92, 93];

/// Each repository judged by three recommendations, an hour after the one before.
async fn judge(bench: &Bench) {
    fill(bench).await;
    for number in 20..27 {
        bench.clock.advance(chrono::Duration::hours(1));
        let key = repository(ORGANIZATION, PROJECT, number).key;
        let assessments = KEYS.map(|recommendation| {
            let mut written = assessment(bench, CONNECTOR, &key, AssessmentState::Unhealthy, 1);
            written.assessment.recommendation = RecommendationKey(uuid(recommendation));
            written.assessment.verdict.cause = format!("Cause{recommendation}");
            written
        });
        write(bench, Changes { assessments: assessments.to_vec(), ..Changes::default() }).await;
    }
}

async fn assessments_come_in_pages_by_severity_and_age(bench: Bench) {
    judge(&bench).await;
    let severities = vec![(RecommendationKey(uuid(93)), 0), (RecommendationKey(uuid(91)), 1)];
    let orders =
        [AssessmentOrder::Names, AssessmentOrder::Ids, AssessmentOrder::Severity, AssessmentOrder::Since];
    for order in orders {
        let mut both = Vec::new();
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut filter = AssessmentFilter {
                severities: severities.clone(),
                order,
                direction,
                limit: Some(4),
                ..AssessmentFilter::default()
            };
            let mut seen = Vec::new();
            loop {
                let page = bench.store.assessments().page(&filter).await.expect("page");
                seen.extend(page.assessments.into_iter().map(|view| view.assessment));
                let Some(next) = page.next else { break };
                filter.cursor = Some(next.to_string().parse::<Cursor>().expect("a cursor"));
            }
            both.push(seen);
        }
        let ids: std::collections::HashSet<AssessmentId> = both[0]
            .iter()
            .map(|seen| AssessmentId { resource_id: seen.resource_id, recommendation: seen.recommendation })
            .collect();
        assert_eq!((both[0].len(), ids.len()), (21, 21), "{order:?}");
        let (first, mut last) = (both.remove(0), both.remove(0));
        last.reverse();
        assert_eq!(first, last, "{order:?}: the same the other way");
        if order == AssessmentOrder::Severity {
            let keys: Vec<u128> = first.iter().map(|seen| seen.recommendation.0.as_u128()).collect();
            assert_eq!(keys, [[93; 7], [91; 7], [92; 7]].concat(), "what has no rank comes last");
        }
        if order == AssessmentOrder::Since {
            assert!(first.is_sorted_by_key(|seen| seen.since));
        }
    }
}

async fn assessments_are_found_by_name_cause_and_age(bench: Bench) {
    judge(&bench).await;
    let count = |filter: AssessmentFilter| {
        let assessments = bench.store.assessments();
        async move { assessments.list(&filter).await.expect("list").len() }
    };
    let all = AssessmentFilter::default;
    assert_eq!(count(AssessmentFilter { resource: Some("SAME".to_owned()), ..all() }).await, 15);
    assert_eq!(count(AssessmentFilter { resource: Some(uuid(22).to_string()), ..all() }).await, 3);
    assert_eq!(count(AssessmentFilter { project: Some("PAYMENTS".to_owned()), ..all() }).await, 21);
    assert_eq!(count(AssessmentFilter { causes: vec!["Cause92".to_owned()], ..all() }).await, 7);
    assert_eq!(count(AssessmentFilter { kinds: vec![ResourceKind::Project], ..all() }).await, 0);
    let hour_ago = bench.store.now().await.expect("now") - chrono::Duration::hours(1);
    assert_eq!(count(AssessmentFilter { since_after: Some(hour_ago), ..all() }).await, 6);
    let both = AssessmentFilter {
        causes: vec!["Cause91".to_owned(), "Cause93".to_owned()],
        recommendations: vec![RecommendationKey(uuid(91))],
        connector: Some(CONNECTOR),
        resource: Some("same".to_owned()),
        ..all()
    };
    assert_eq!(count(both).await, 5);
}
