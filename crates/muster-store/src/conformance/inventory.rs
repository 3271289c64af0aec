//! Resources, readings, and that an unchanged pass writes nothing.

use super::fixtures::{assessment, connector_of, organization, pass, repository, uuid, write};
use super::{Bench, on_both};
use crate::Backend;
use crate::changes::{
    Changes, PresenceWrite, ReadingDocument, ReadingKey, ReadingKind, ReadingWrite, RelationKind,
    RelationWrite, ResourceWrite,
};
use crate::inventory::ResourceFilter;
use muster_domain::assessment::AssessmentState;
use muster_domain::read::{Read, UnknownReason};
use muster_domain::resource::{ContentHash, Presence, ResourceKey, ResourceKind};
use muster_domain::{ConnectorId, OrganizationId, OrganizationName, ProjectId};
use sea_orm::{ConnectionTrait, Statement};
use std::collections::HashMap;

on_both!(
    a_second_pass_with_nothing_changed_writes_nothing,
    a_change_is_counted_once,
    what_is_missing_comes_back_and_what_is_gone_is_closed,
    readings_keep_their_last_change,
    a_broken_row_is_named,
    lists_come_in_pages,
    organizations_are_counted_apart,
);

const CONNECTOR: ConnectorId = ConnectorId(uuid::Uuid::from_u128(1));
const ORGANIZATION: OrganizationId = OrganizationId(uuid::Uuid::from_u128(5));
const PROJECT: ProjectId = ProjectId(uuid::Uuid::from_u128(10));

/// A pass with a link and a verdict.
fn full_pass(bench: &Bench) -> Changes {
    let repository = repository(ORGANIZATION, PROJECT, 20).key;
    let pipeline = ResourceKey::in_project(ResourceKind::Pipeline, ORGANIZATION, PROJECT, "3");
    Changes {
        relations: vec![RelationWrite {
            connector_id: CONNECTOR,
            from: pipeline,
            kind: RelationKind::Builds,
            to: repository.clone(),
            removed: false,
        }],
        assessments: vec![assessment(bench, CONNECTOR, &repository, AssessmentState::Unhealthy, 1)],
        ..pass(CONNECTOR)
    }
}

/// How often rows of each table were ever written; on SQLite, which does not count, their content.
async fn written(bench: &Bench) -> HashMap<String, String> {
    let connection = bench.connection().await;
    let tables = ["resource", "relation", "assessment", "assessment_history", "event_outbox"];
    let mut found = HashMap::new();
    for table in tables {
        let columns = match table {
            "resource" => "id, name, change_sequence, changed_at_ms, presence",
            "relation" => "from_id, to_id, kind",
            "assessment" => "resource_id, state, since_ms, change_sequence",
            _ => "id",
        };
        let sql = match bench.backend {
            Backend::Postgres => format!(
                "SELECT (n_tup_ins + n_tup_upd + n_tup_del)::text AS written FROM pg_stat_user_tables \
                 WHERE relname = '{table}'"
            ),
            Backend::Sqlite => {
                let joined = columns.split(", ").map(|column| format!("hex({column})")).collect::<Vec<_>>();
                format!(
                    "SELECT coalesce(group_concat(line, ';'), '') AS written FROM \
                     (SELECT {} AS line FROM {table} ORDER BY 1)",
                    joined.join(" || ',' || ")
                )
            }
        };
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let row = connection.query_one_raw(statement).await.expect("query").expect("a row");
        found.insert(table.to_owned(), row.try_get::<String>("", "written").expect("text"));
    }
    connection.close().await.expect("close");
    found
}

async fn a_second_pass_with_nothing_changed_writes_nothing(bench: Bench) {
    // One connection, so that its statistics can be flushed before they are read.
    let store = bench.another(|options| options.max_connections = 1).await;
    let bench = Bench { store, ..bench };
    // It exists, so that subscribers are told.
    connector_of(&bench.store, CONNECTOR).await;
    let flush = || async {
        if bench.backend == Backend::Postgres {
            for statement in ["SELECT pg_stat_force_next_flush()", "SELECT 1"] {
                bench.store.reader().run(statement, Vec::new()).await.expect("flush");
            }
        }
    };
    let changes = full_pass(&bench);
    write(&bench, changes.clone()).await;
    flush().await;
    let first = written(&bench).await;
    for table in ["resource", "relation", "assessment", "event_outbox"] {
        assert!(first[table] != "0" && !first[table].is_empty(), "{first:?}");
    }
    bench.clock.advance(chrono::Duration::hours(1));
    write(&bench, Changes { assessments: Vec::new(), ..changes }).await;
    flush().await;
    assert_eq!(written(&bench).await, first);
    let readings =
        bench.store.inventory().readings(CONNECTOR, ORGANIZATION, Some(PROJECT)).await.expect("read");
    let reading = readings.values().next().expect("the reading");
    assert_eq!(reading.read_at - reading.changed_at, chrono::Duration::hours(1), "its freshness moves");
    // The guard is not blind: a real change is written.
    let mut renamed = repository(ORGANIZATION, PROJECT, 20);
    renamed.name = "renamed".to_owned();
    let resources = vec![ResourceWrite { connector_id: CONNECTOR, resource: renamed }];
    write(&bench, Changes { resources, ..Changes::default() }).await;
    flush().await;
    assert_ne!(written(&bench).await["resource"], first["resource"]);
}

async fn a_change_is_counted_once(bench: Bench) {
    write(&bench, pass(CONNECTOR)).await;
    bench.clock.advance(chrono::Duration::minutes(1));
    let mut changed = repository(ORGANIZATION, PROJECT, 20);
    changed.name = "renamed".to_owned();
    let key = changed.key.clone();
    let resources = vec![ResourceWrite { connector_id: CONNECTOR, resource: changed.clone() }];
    write(&bench, Changes { resources, ..Changes::default() }).await;
    let inventory = bench.store.inventory();
    let id = key.resource_id(CONNECTOR);
    let stored = inventory.get(id).await.expect("get").expect("the row");
    assert_eq!((stored.change_sequence, &stored.resource), (2, &changed));
    assert_eq!(stored.changed_at - stored.first_seen_at, chrono::Duration::minutes(1));
    let known = inventory.known(CONNECTOR, ORGANIZATION, ResourceKind::Repository, Some(PROJECT)).await;
    let known = known.expect("known");
    assert_eq!(known.len(), 2);
    assert_eq!((known[&id].hash, &known[&id].key), (changed.content_hash(), &key));
    let all = inventory.known(CONNECTOR, ORGANIZATION, ResourceKind::Repository, None).await.expect("known");
    assert_eq!(all, known);
    let projects = inventory.projects(CONNECTOR, ORGANIZATION).await.expect("projects");
    assert_eq!((projects[0].id, projects[0].name.as_str()), (PROJECT, "Payments"));
    let found = inventory.organization_by_name(CONNECTOR, &OrganizationName::new("CONTOSO")).await;
    assert_eq!(found.expect("find").expect("the organization").id, ORGANIZATION);
}

async fn what_is_missing_comes_back_and_what_is_gone_is_closed(bench: Bench) {
    write(&bench, full_pass(&bench)).await;
    let resource = repository(ORGANIZATION, PROJECT, 20);
    let resource_id = resource.key.resource_id(CONNECTOR);
    let presence =
        |presence| Changes { presence: vec![PresenceWrite { resource_id, presence }], ..Changes::default() };
    let of_project = || async {
        let assessments = bench.store.assessments().of_project(CONNECTOR, ORGANIZATION, PROJECT).await;
        let stored = bench.store.inventory().get(resource_id).await.expect("get").expect("the row");
        (assessments.expect("assessments"), stored.presence, stored.change_sequence)
    };
    write(&bench, presence(Presence::Missing)).await;
    let (assessments, state, sequence) = of_project().await;
    assert_eq!((assessments.len(), state, sequence), (1, Presence::Missing, 2));
    let resources = vec![ResourceWrite { connector_id: CONNECTOR, resource }];
    write(&bench, Changes { resources, ..Changes::default() }).await;
    assert_eq!(of_project().await.1, Presence::Present, "it was listed again");
    write(&bench, presence(Presence::Gone)).await;
    let (assessments, state, _) = of_project().await;
    assert!(assessments.is_empty());
    assert_eq!(state, Presence::Gone);
    let id = crate::changes::AssessmentId {
        resource_id,
        recommendation: muster_domain::RecommendationKey(uuid(99)),
    };
    let history = bench.store.assessments().history(id).await.expect("history");
    let states: Vec<_> = history.iter().map(|entry| (entry.from, entry.to)).collect();
    let unhealthy = Some(AssessmentState::Unhealthy);
    assert_eq!(states, [(None, unhealthy), (unhealthy, None)]);
    assert_eq!(bench.store.inventory().not_gone(CONNECTOR, 100).await.expect("rows").len(), 4);
}

pub(super) fn reading_key(project_id: Option<ProjectId>, kind: ReadingKind, subject: &str) -> ReadingKey {
    ReadingKey {
        connector_id: CONNECTOR,
        organization_id: ORGANIZATION,
        project_id,
        kind,
        subject: subject.to_owned(),
    }
}

pub(super) fn known(key: ReadingKey, document: serde_json::Value) -> ReadingWrite {
    let content_hash = ContentHash::of(&document);
    ReadingWrite { key, outcome: Ok(ReadingDocument { document, content_hash, item_count: 1 }) }
}

async fn readings_keep_their_last_change(bench: Bench) {
    let key = reading_key(Some(PROJECT), ReadingKind::Read(Read::GeneralSettings), "");
    let document = || serde_json::json!({"disableClassicPipelineCreation": true});
    let refused = || ReadingWrite { key: key.clone(), outcome: Err(UnknownReason::Forbidden) };
    let mut seen = Vec::new();
    for reading in [known(key.clone(), document()), known(key.clone(), document()), refused(), refused()] {
        write(&bench, Changes { readings: vec![reading], ..Changes::default() }).await;
        let stored = bench.store.inventory().reading(&key).await.expect("read").expect("the reading");
        seen.push((stored.outcome.is_ok(), stored.read_at - stored.changed_at));
        bench.clock.advance(chrono::Duration::minutes(1));
    }
    let (none, minute) = (chrono::Duration::zero(), chrono::Duration::minutes(1));
    assert_eq!(seen, [(true, none), (true, minute), (false, none), (false, minute)]);
    let last = bench.store.inventory().last_read(CONNECTOR, ORGANIZATION, Read::GeneralSettings).await;
    assert_eq!(last.expect("last read").keys().collect::<Vec<_>>(), [&PROJECT]);
    let gaps = async || {
        bench
            .store
            .inventory()
            .gap_counts(CONNECTOR, ORGANIZATION)
            .await
            .expect("gaps")
            .get(&PROJECT)
            .copied()
    };
    assert_eq!(gaps().await, Some(1));
    // A check that came to nothing is no read.
    let check = reading_key(Some(PROJECT), ReadingKind::ListCheck, "endpoint");
    let readings = vec![
        known(key.clone(), document()),
        ReadingWrite { key: check, outcome: Err(UnknownReason::ListNotVerified) },
    ];
    write(&bench, Changes { readings, ..Changes::default() }).await;
    assert_eq!(gaps().await, None);
    let forgotten_readings = vec![key.clone()];
    write(&bench, Changes { forgotten_readings, ..Changes::default() }).await;
    assert!(bench.store.inventory().reading(&key).await.expect("read").is_none(), "it is forgotten");
}

async fn a_broken_row_is_named(bench: Bench) {
    write(&bench, pass(CONNECTOR)).await;
    let broken = repository(ORGANIZATION, PROJECT, 20).key.resource_id(CONNECTOR);
    let damage = "UPDATE resource SET properties = $2 WHERE id = $1";
    let parameters = crate::session::values![broken.0, serde_json::json!({"kind": "hologram"})];
    bench.store.reader().run(damage, parameters).await.expect("damage");
    let error = bench.store.inventory().get(broken).await.expect_err("broken");
    let text = error.to_string();
    assert!(matches!(error, crate::StoreError::Inconsistent { table: "resource", .. }), "{text}");
    assert!(text.contains("properties") && text.contains(&broken.to_string()), "{text}");
}

async fn lists_come_in_pages(bench: Bench) {
    write(&bench, pass(CONNECTOR)).await;
    let inventory = bench.store.inventory();
    let mut filter = ResourceFilter { connector: Some(CONNECTOR), limit: 2, ..ResourceFilter::default() };
    let mut seen = Vec::new();
    loop {
        let page = inventory.list(&filter).await.expect("list");
        let Some(last) = page.last() else { break };
        filter.after = Some(last.id);
        seen.extend(page.into_iter().map(|stored| stored.id));
    }
    let distinct: std::collections::HashSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (5, 5));
    let kinds = vec![ResourceKind::Repository, ResourceKind::Project];
    let filter = ResourceFilter { kinds, project: Some(PROJECT), ..ResourceFilter::default() };
    assert_eq!(inventory.list(&filter).await.expect("list").len(), 3);
}

async fn organizations_are_counted_apart(bench: Bench) {
    write(&bench, pass(CONNECTOR)).await;
    let other = OrganizationId(uuid(6));
    let resource = organization(other, "Fabrikam");
    write(
        &bench,
        Changes {
            resources: vec![ResourceWrite { connector_id: CONNECTOR, resource }],
            ..Changes::default()
        },
    )
    .await;
    let counts = bench.store.inventory().counts_by_organization(CONNECTOR).await.expect("counts");
    let expected = [
        ((ORGANIZATION, ResourceKind::Organization), 1),
        ((ORGANIZATION, ResourceKind::Project), 1),
        ((ORGANIZATION, ResourceKind::Repository), 2),
        ((ORGANIZATION, ResourceKind::ServiceConnection), 1),
        ((other, ResourceKind::Organization), 1),
    ];
    assert_eq!(counts, expected.into());
    let nothing = bench.store.inventory().counts_by_organization(ConnectorId(uuid(2))).await.expect("counts");
    assert!(nothing.is_empty());
}
