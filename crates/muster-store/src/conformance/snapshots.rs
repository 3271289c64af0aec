//! What rules judge, put together from rows.

use super::fixtures::{organization, pass, repository, resource, uuid, write};
use super::inventory::{known, reading_key};
use super::{Bench, on_both};
use crate::changes::{
    Changes, ListCheckDocument, PipelineAccessDocument, ReadingKind, ReadingWrite, ResourceWrite, TypeCheck,
    permission_subject,
};
use muster_domain::properties::{
    PipelineProcess, PipelineProperties, Properties, QueueStatus, SecureFileProperties,
    VariableGroupProperties, VariableGroupSource,
};
use muster_domain::protected::ProtectedResource;
use muster_domain::read::{Read, Reading, UnknownReason};
use muster_domain::resource::{ResourceKey, ResourceKind};
use muster_domain::snapshot::{
    AdvancedSecurityEnablement, AdvancedSecurityState, ListCheck, PipelineAccess, ProjectSnapshot,
};
use muster_domain::{ConnectorId, OrganizationId, OrganizationName, ProjectId, RepositoryId};
use std::collections::BTreeMap;

on_both!(
    a_snapshot_holds_what_is_known_and_why_the_rest_is_not,
    a_snapshot_holds_resources_of_every_kind_that_is_judged,
    listings_that_failed_last_time_are_gaps,
    advanced_security_is_known_where_the_organization_answered,
    snapshots_of_many_projects,
);

const CONNECTOR: ConnectorId = ConnectorId(uuid::Uuid::from_u128(1));
const ORGANIZATION: OrganizationId = OrganizationId(uuid::Uuid::from_u128(5));
const PROJECT: ProjectId = ProjectId(uuid::Uuid::from_u128(10));

async fn snapshot(bench: &Bench) -> ProjectSnapshot {
    let snapshots = bench.store.snapshots();
    snapshots.project(CONNECTOR, ORGANIZATION, PROJECT).await.expect("snapshot").expect("known")
}

async fn a_snapshot_holds_what_is_known_and_why_the_rest_is_not(bench: Bench) {
    let snapshots = bench.store.snapshots();
    assert!(snapshots.project(CONNECTOR, ORGANIZATION, PROJECT).await.expect("snapshot").is_none());
    let endpoint = ProtectedResource::Endpoint;
    let list = serde_json::json!({"open": {"endpoint": ["sc-2"]}});
    let agrees = TypeCheck { check: ListCheck::Agrees, ..TypeCheck::default() };
    let types = [(endpoint, agrees)].into();
    let check = ListCheckDocument { types, ..ListCheckDocument::default() };
    let single = PipelineAccessDocument { access: PipelineAccess::AllPipelines };
    let readings = vec![
        known(reading_key(Some(PROJECT), ReadingKind::Read(Read::AuthorizedResources), ""), list),
        known(
            reading_key(None, ReadingKind::ListCheck, ""),
            serde_json::to_value(check).expect("a document"),
        ),
        known(
            reading_key(
                Some(PROJECT),
                ReadingKind::Read(Read::PipelinePermissions),
                &permission_subject(endpoint, "sc-1"),
            ),
            serde_json::to_value(single).expect("a document"),
        ),
        ReadingWrite {
            key: reading_key(Some(PROJECT), ReadingKind::Read(Read::GeneralSettings), ""),
            outcome: Err(UnknownReason::Forbidden),
        },
    ];
    let mut changes = pass(CONNECTOR);
    changes.readings.extend(readings);
    write(&bench, changes).await;
    let snapshot =
        snapshots.project(CONNECTOR, ORGANIZATION, PROJECT).await.expect("snapshot").expect("known");
    assert_eq!(
        (snapshot.organization.name.as_str(), snapshot.project_name.as_str()),
        ("Contoso", "Payments")
    );
    assert_eq!((snapshot.repositories.len(), snapshot.service_connections.len()), (2, 1));
    assert_eq!(snapshot.policies, Reading::Known(Vec::new()));
    assert_eq!(snapshot.general_settings, Reading::Unknown(UnknownReason::Forbidden));
    assert_eq!(snapshot.authorized_resources.check(endpoint), ListCheck::Agrees);
    let list = snapshot.authorized_resources.list.known().expect("the list");
    assert!(list.holds(endpoint, "sc-2"));
    let single: Vec<_> = snapshot.authorized_resources.single.iter().collect();
    assert_eq!(single, [(&(endpoint, "sc-1".to_owned()), &PipelineAccess::AllPipelines)]);
}

async fn a_snapshot_holds_resources_of_every_kind_that_is_judged(bench: Bench) {
    let pipeline = PipelineProperties {
        folder: "\\".to_owned(),
        process: PipelineProcess::Classic,
        repository_id: None,
        repository_type: None,
        revision: Some(1),
        queue_status: QueueStatus::Enabled,
        is_repository_private: None,
        fork_builds: None,
    };
    let group = VariableGroupProperties {
        source: VariableGroupSource::AzureDevOps,
        variable_count: 2,
        secret_count: 1,
        is_shared: false,
    };
    let of_kind = |kind, id: &str, name: &str, properties| {
        let key = ResourceKey::in_project(kind, ORGANIZATION, PROJECT, id);
        ResourceWrite { connector_id: CONNECTOR, resource: resource(key, name, properties) }
    };
    let mut changes = pass(CONNECTOR);
    let file = SecureFileProperties::default();
    changes.resources.extend([
        of_kind(ResourceKind::Pipeline, "3", "build", Properties::Pipeline(pipeline.clone())),
        of_kind(ResourceKind::VariableGroup, "4", "secrets", Properties::VariableGroup(group.clone())),
        of_kind(ResourceKind::SecureFile, "f-1", "key.pem", Properties::SecureFile(file.clone())),
    ]);
    write(&bench, changes).await;
    let snapshot = snapshot(&bench).await;
    let [found] = &snapshot.pipelines[..] else { panic!("{:?}", snapshot.pipelines) };
    assert_eq!((found.id.as_str(), found.name.as_str(), &found.properties), ("3", "build", &pipeline));
    let [found] = &snapshot.variable_groups[..] else { panic!("{:?}", snapshot.variable_groups) };
    assert_eq!((found.id.as_str(), found.name.as_str(), &found.properties), ("4", "secrets", &group));
    let [found] = &snapshot.secure_files[..] else { panic!("{:?}", snapshot.secure_files) };
    assert_eq!((found.id.as_str(), found.name.as_str(), &found.properties), ("f-1", "key.pem", &file));
    assert_eq!((snapshot.repositories.len(), snapshot.service_connections.len()), (2, 1));
}

async fn listings_that_failed_last_time_are_gaps(bench: Bench) {
    let refused = |project, read, subject: &str, reason| ReadingWrite {
        key: reading_key(project, ReadingKind::Read(read), subject),
        outcome: Err(reason),
    };
    let mut changes = pass(CONNECTOR);
    changes.readings.extend([
        refused(Some(PROJECT), Read::VariableGroups, "", UnknownReason::Forbidden),
        refused(Some(PROJECT), Read::GeneralSettings, "", UnknownReason::Forbidden),
        refused(Some(PROJECT), Read::PipelinePermissions, "endpoint/x", UnknownReason::Forbidden),
        refused(None, Read::Repositories, "", UnknownReason::ContractViolation),
        refused(None, Read::AuditStreams, "", UnknownReason::Forbidden),
        known(reading_key(Some(PROJECT), ReadingKind::Read(Read::SecureFiles), ""), serde_json::Value::Null),
    ]);
    write(&bench, changes).await;
    let expected = [
        (Read::VariableGroups, UnknownReason::Forbidden),
        (Read::Repositories, UnknownReason::ContractViolation),
    ];
    assert_eq!(snapshot(&bench).await.gaps, BTreeMap::from(expected));
    let read = known(reading_key(None, ReadingKind::Read(Read::Repositories), ""), serde_json::Value::Null);
    write(&bench, Changes { readings: vec![read], ..Changes::default() }).await;
    let gaps = snapshot(&bench).await.gaps;
    assert_eq!(gaps.into_keys().collect::<Vec<_>>(), [Read::VariableGroups], "the latest attempt counts");
}

async fn advanced_security_is_known_where_the_organization_answered(bench: Bench) {
    write(&bench, pass(CONNECTOR)).await;
    let kind = ReadingKind::Read(Read::AdvancedSecurityEnablement);
    let not_read = Reading::Unknown(UnknownReason::NotReadYet);
    let on = AdvancedSecurityState { secret_protection: Some(true), ..AdvancedSecurityState::default() };
    let repositories = BTreeMap::from([(RepositoryId(uuid(20)), on)]);
    let enabled = AdvancedSecurityEnablement { repositories };
    let own =
        known(reading_key(Some(PROJECT), kind, ""), serde_json::to_value(&enabled).expect("a document"));
    let of_organization = reading_key(None, kind, "");
    let answered = || known(of_organization.clone(), serde_json::Value::Null);
    let refused = ReadingWrite { key: of_organization.clone(), outcome: Err(UnknownReason::NotOffered) };
    assert_eq!(snapshot(&bench).await.advanced_security, not_read);
    let steps = [
        (vec![answered()], Reading::Known(AdvancedSecurityEnablement::default())),
        (vec![own], Reading::Known(enabled.clone())),
        (vec![refused], Reading::Unknown(UnknownReason::NotOffered)),
        (vec![answered()], Reading::Known(enabled)),
    ];
    for (readings, expected) in steps {
        write(&bench, Changes { readings, ..Changes::default() }).await;
        assert_eq!(snapshot(&bench).await.advanced_security, expected);
    }
}

async fn snapshots_of_many_projects(bench: Bench) {
    let mut resources = vec![organization(ORGANIZATION, "Contoso")];
    let mut wanted = Vec::new();
    for number in 100..130 {
        let project = ProjectId(uuid(number));
        let mut changes = pass(CONNECTOR);
        let template = changes.resources.swap_remove(1).resource;
        let key = ResourceKey::project(ORGANIZATION, project);
        resources.push(muster_domain::resource::Resource { key, name: format!("p{number}"), ..template });
        resources.push(repository(ORGANIZATION, project, number));
        wanted.push((CONNECTOR, OrganizationName::new("contoso"), project));
    }
    let resources =
        resources.into_iter().map(|resource| ResourceWrite { connector_id: CONNECTOR, resource }).collect();
    write(&bench, Changes { resources, ..Changes::default() }).await;
    wanted.push((CONNECTOR, OrganizationName::new("contoso"), ProjectId(uuid(999))));
    wanted.push((CONNECTOR, OrganizationName::new("elsewhere"), ProjectId(uuid(100))));
    let snapshots = bench.store.snapshots().projects(&wanted).await.expect("snapshots");
    assert_eq!(snapshots.len(), 30, "those that are not known are missing");
    assert!(snapshots.values().all(|snapshot| snapshot.repositories.len() == 1));
    assert!(
        snapshots.values().all(|snapshot| snapshot.policies == Reading::Unknown(UnknownReason::NotReadYet))
    );
}
