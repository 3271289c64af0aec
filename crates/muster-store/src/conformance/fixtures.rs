//! Values that many cases need.

use super::Bench;
use crate::Store;
use crate::changes::{
    AssessmentWrite, Changes, ReadingDocument, ReadingKey, ReadingKind, ReadingWrite, ResourceWrite,
};
use crate::connectors::NewConnector;
use crate::ledger::{BACKGROUND_PRIORITY, ClaimedJob, End, Finish, Finished, NewJob};
use chrono::{DateTime, TimeZone, Utc};
use muster_domain::assessment::{Assessment, AssessmentState, Verdict};
use muster_domain::connector::{Connector, OrganizationsChoice, Plan};
use muster_domain::credential::CredentialKind;
use muster_domain::job::{JobKind, JobSubject, Role};
use muster_domain::properties::{
    OrganizationProperties, ProjectProperties, Properties, RepositoryProperties, ServiceConnectionProperties,
    Visibility,
};
use muster_domain::read::Read;
use muster_domain::resource::{ContentHash, Resource, ResourceKey, ResourceKind};
use muster_domain::{
    ConnectorId, CredentialId, JobId, OrganizationId, OrganizationName, ProjectId, RecommendationKey,
};
use muster_messages::Ticket;
use secrecy::SecretString;
use std::time::Duration;
use uuid::Uuid;

pub(crate) const LEASE: Duration = Duration::from_secs(45);

pub(crate) fn start() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 24, 8, 0, 0).single().expect("a moment")
}

pub(crate) fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A wish for the sync of a project of the connector 1.
pub(crate) fn sync(organization: &str, project: u128) -> NewJob {
    let subject = JobSubject::project(
        ConnectorId(uuid(1)),
        OrganizationName::new(organization),
        ProjectId(uuid(project)),
    );
    job(JobKind::ProjectSync, subject)
}

pub(crate) fn job(kind: JobKind, subject: JobSubject) -> NewJob {
    NewJob {
        kind,
        subject,
        credential_id: None,
        delay: Duration::ZERO,
        priority: BACKGROUND_PRIORITY,
        cause: "test".to_owned(),
        trace: None,
    }
}

pub(crate) async fn enqueue_one(store: &Store, job: NewJob) -> JobId {
    store.ledger().enqueue(&[job]).await.expect("enqueue")[0].job_id
}

/// Tickets of everything of a role that is due.
pub(crate) async fn dispatch(store: &Store, role: Role) -> Vec<Ticket> {
    let tickets = store.ledger().dispatch(role, 10_000, 10_000).await.expect("dispatch");
    tickets.into_iter().map(|traced| traced.ticket).collect()
}

pub(crate) async fn claim(store: &Store, tickets: &[Ticket], redelivered: bool) -> Vec<ClaimedJob> {
    let tickets: Vec<(Ticket, bool)> = tickets.iter().cloned().map(|ticket| (ticket, redelivered)).collect();
    store.ledger().claim(&tickets, "worker", LEASE).await.expect("claim")
}

/// One job of a wish, in a worker's hands.
pub(crate) async fn claimed(store: &Store, wish: NewJob) -> ClaimedJob {
    let role = wish.kind.role();
    enqueue_one(store, wish).await;
    let tickets = dispatch(store, role).await;
    assert_eq!(tickets.len(), 1, "exactly one job is due");
    claim(store, &tickets, false).await.pop().expect("claimed")
}

pub(crate) async fn finish(store: &Store, job: &ClaimedJob, end: End) -> Finished {
    finish_with(store, job, Changes::default(), end).await
}

pub(crate) async fn finish_with(store: &Store, job: &ClaimedJob, changes: Changes, end: End) -> Finished {
    let finishes = vec![Finish { lease: job.lease, changes, end }];
    store.ledger().finish(finishes).await.expect("finish")[0]
}

/// Writes changes as a job of its own does.
pub(crate) async fn write(bench: &Bench, changes: Changes) {
    let wish = job(JobKind::ConnectorPreflight, JobSubject::connector(ConnectorId(Uuid::new_v4())));
    let job = claimed(&bench.store, wish).await;
    assert_eq!(finish_with(&bench.store, &job, changes, End::Done).await, Finished::Committed);
}

pub(crate) async fn credential(store: &Store, name: &str) -> CredentialId {
    let secret = SecretString::from("a token");
    let kind = CredentialKind::PersonalAccessToken;
    store.credentials().put(name, kind, &secret).await.expect("a credential").id
}

pub(crate) async fn connector(store: &Store, name: &str) -> Connector {
    let new = new_connector(name, credential(store, &format!("{name}-token")).await);
    store.connectors().create(&new, &[]).await.expect("a connector")
}

/// A connector of a given id.
pub(crate) async fn connector_of(store: &Store, id: ConnectorId) -> Connector {
    let name = format!("connector-{}", id.0.as_u128());
    let credential_id = credential(store, &format!("{name}-token")).await;
    let new = NewConnector { id, ..new_connector(&name, credential_id) };
    store.connectors().create(&new, &[]).await.expect("a connector")
}

pub(crate) fn new_connector(name: &str, credential_id: CredentialId) -> NewConnector {
    NewConnector {
        id: ConnectorId(Uuid::new_v4()),
        name: name.to_owned(),
        subscription_id: "0b06d9ea-afe6-4779-bd59-30e5c2d9d13f".to_owned(),
        resource_group: "rg".to_owned(),
        region: "Central US".to_owned(),
        tenant_id: None,
        plan: Plan::Foundational,
        credential_id,
        organizations: OrganizationsChoice::AllExistingAndFuture,
    }
}

/// An organization with the project 10, two repositories and a service connection, all in the inventory of
/// `connector`, with what was read of the project.
pub(crate) fn pass(connector: ConnectorId) -> Changes {
    let organization_id = OrganizationId(uuid(5));
    let project_id = ProjectId(uuid(10));
    let mut resources = vec![
        organization(organization_id, "Contoso"),
        resource(
            ResourceKey::project(organization_id, project_id),
            "Payments",
            Properties::Project(ProjectProperties {
                visibility: Visibility::Private,
                state: "wellFormed".to_owned(),
                revision: Some(7),
            }),
        ),
        resource(
            ResourceKey::in_project(ResourceKind::ServiceConnection, organization_id, project_id, "sc-1"),
            "production",
            Properties::ServiceConnection(ServiceConnectionProperties {
                connection_type: "azurerm".to_owned(),
                authorization_scheme: Some("ServicePrincipal".to_owned()),
                is_shared: false,
                is_ready: true,
                target_url: None,
            }),
        ),
    ];
    resources.extend([20, 21].map(|number| repository(organization_id, project_id, number)));
    let key = |read: Read| ReadingKey {
        connector_id: connector,
        organization_id,
        project_id: Some(project_id),
        kind: ReadingKind::Read(read),
        subject: String::new(),
    };
    let policies = serde_json::json!([]);
    Changes {
        resources: resources
            .into_iter()
            .map(|resource| ResourceWrite { connector_id: connector, resource })
            .collect(),
        readings: vec![ReadingWrite {
            key: key(Read::PolicyConfigurations),
            outcome: Ok(ReadingDocument {
                content_hash: ContentHash::of(&policies),
                document: policies,
                item_count: 0,
            }),
        }],
        ..Changes::default()
    }
}

pub(crate) fn organization(id: OrganizationId, name: &str) -> Resource {
    let properties = OrganizationProperties { tenant_id: None, web_url: format!("https://host/{name}") };
    resource(ResourceKey::organization(id), name, Properties::Organization(properties))
}

pub(crate) fn repository(organization: OrganizationId, project: ProjectId, number: u128) -> Resource {
    let key =
        ResourceKey::in_project(ResourceKind::Repository, organization, project, uuid(number).to_string());
    let properties = RepositoryProperties {
        default_branch: Some("refs/heads/main".to_owned()),
        is_disabled: false,
        is_in_maintenance: false,
        is_fork: false,
        web_url: None,
        size_bytes: Some(1),
    };
    resource(key, &format!("repository-{number}"), Properties::Repository(properties))
}

pub(crate) fn resource(key: ResourceKey, name: &str, properties: Properties) -> Resource {
    Resource { key, name: name.to_owned(), properties }
}

pub(crate) fn assessment(
    bench: &Bench,
    connector: ConnectorId,
    key: &ResourceKey,
    state: AssessmentState,
    sequence: i64,
) -> AssessmentWrite {
    use muster_domain::Clock as _;
    let now = bench.clock.now();
    AssessmentWrite {
        connector_id: connector,
        assessment: Assessment {
            resource_id: key.resource_id(connector),
            recommendation: RecommendationKey(uuid(99)),
            verdict: Verdict {
                state,
                cause: "Because".to_owned(),
                observed: "this".to_owned(),
                expected: "that".to_owned(),
                link: None,
            },
            first_evaluated_at: now,
            since: now,
            change_sequence: sequence,
        },
        from: None,
    }
}
