//! One fixed example of every event, for the tests of the contract.

use crate::event::CloudEvent;
use crate::fact::{self, Fact, FactPayload, ResourceReference};
use crate::request::{
    ConnectorReference, OnboardingRequested, ProjectSyncRequested, RefreshRequested, Request, RequestEnvelope,
};
use crate::trace::TraceContext;
use chrono::{DateTime, Utc};
use muster_domain::assessment::AssessmentState;
use muster_domain::connector::{ConnectorState, OrganizationsChoice, Plan};
use muster_domain::resource::ResourceKind;
use muster_domain::{InstallationId, OrganizationName};

pub(crate) const CONNECTOR: &str = "0191d6a0-1111-7000-8000-000000000001";
pub(crate) const PROJECT: &str = "6ce954b1-ce1f-45d1-b94d-e6bf2464ba2c";
pub(crate) const INSTALLATION: &str = "0191d6a0-2222-7000-8000-000000000002";
const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const RECOMMENDATION: &str = "9245366d-393f-49c5-b8e6-258b1b1c2daa";
const SUBJECT: &str = "/subscriptions/20ff7fc3-e762-44dd-bd96-b71116dcdc23/resourceGroups/security/providers/\
                       Microsoft.Security/securityConnectors/contoso";

/// An example of every request, in the order of `REQUEST_TYPES`.
pub(crate) fn requests() -> Vec<Request> {
    let connector = ConnectorReference { connector_id: CONNECTOR.parse().unwrap() };
    vec![
        Request::Onboard(onboarding()),
        Request::Offboard(connector.clone()),
        Request::Discover(connector.clone()),
        Request::SyncProject(ProjectSyncRequested {
            connector_id: connector.connector_id,
            organization: OrganizationName::new("contoso"),
            project: PROJECT.parse().unwrap(),
        }),
        Request::Refresh(RefreshRequested {
            connector_id: connector.connector_id,
            organization: Some(OrganizationName::new("contoso")),
            project: Some(PROJECT.parse().unwrap()),
        }),
    ]
}

pub(crate) fn onboarding() -> OnboardingRequested {
    OnboardingRequested {
        name: "contoso".to_owned(),
        subscription_id: "20ff7fc3-e762-44dd-bd96-b71116dcdc23".to_owned(),
        resource_group: "security".to_owned(),
        region: "centralus".to_owned(),
        tenant_id: Some(TENANT.parse().unwrap()),
        plan: Some(Plan::DefenderCspm),
        credential: "contoso-reader".to_owned(),
        organizations: OrganizationsChoice::Selected {
            organizations: vec![OrganizationName::new("contoso"), OrganizationName::new("contoso-labs")],
        },
    }
}

/// An example of every fact, in the order of `FACT_TYPES`.
pub(crate) fn facts() -> Vec<Fact> {
    let connector_id = CONNECTOR.parse().unwrap();
    let payloads = [
        FactPayload::ConnectorStateChanged(fact::ConnectorStateChanged {
            connector_id,
            name: "contoso".to_owned(),
            from: Some(ConnectorState::Active),
            to: ConnectorState::NeedsAuth,
            reason: Some("the credential is refused; store a new one".to_owned()),
        }),
        FactPayload::ResourceDiscovered(fact::ResourceDiscovered {
            connector_id,
            resource: service_connection(),
        }),
        FactPayload::ResourceChanged(fact::ResourceChanged {
            connector_id,
            resource: service_connection(),
            changes: vec![
                change("name", Some("staging"), Some("production")),
                change("defaultBranch", None, Some("refs/heads/main")),
            ],
        }),
        FactPayload::ResourceRemoved(fact::ResourceRemoved { connector_id, resource: agent_pool() }),
        FactPayload::AssessmentChanged(fact::AssessmentChanged {
            assessment_key: RECOMMENDATION.parse().unwrap(),
            connector_id,
            resource: service_connection(),
            from: None,
            to: Some(AssessmentState::Unhealthy),
            cause: "OpenToAllPipelines".to_owned(),
            observed: "every pipeline of the project may use it".to_owned(),
            expected: "only named pipelines may use it".to_owned(),
            since: time(),
        }),
        FactPayload::IdentityThrottled(fact::IdentityThrottled {
            identity: "aad.MDExMTEx".to_owned(),
            until: time(),
        }),
        FactPayload::RequestRejected(fact::RequestRejected {
            source: Some("urn:example:portal".to_owned()),
            id: None,
            field: Some("data.region".to_owned()),
            reason: "is missing".to_owned(),
            remedy: "add `region`".to_owned(),
        }),
    ];
    payloads.map(|payload| Fact { subject: SUBJECT.to_owned(), sequence: 7, time: time(), payload }).into()
}

/// The events of all of them, requests first.
pub(crate) fn events() -> Vec<CloudEvent> {
    let installation: InstallationId = INSTALLATION.parse().unwrap();
    let requests = requests().into_iter().map(|request| request.to_event(envelope()));
    let facts = facts().into_iter().map(|fact| fact.to_event(installation, Some(&trace())));
    requests.chain(facts).collect()
}

pub(crate) fn envelope() -> RequestEnvelope {
    RequestEnvelope {
        source: "urn:example:portal".to_owned(),
        id: "order-4711".to_owned(),
        time: time(),
        trace: Some(trace()),
    }
}

pub(crate) fn trace() -> TraceContext {
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    TraceContext::parse(traceparent, Some("rojo=00f067aa0ba902b7")).unwrap()
}

fn time() -> DateTime<Utc> {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

fn change(property: &str, from: Option<&str>, to: Option<&str>) -> fact::PropertyChange {
    fact::PropertyChange {
        property: property.to_owned(),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    }
}

fn service_connection() -> ResourceReference {
    ResourceReference {
        kind: ResourceKind::ServiceConnection,
        organization: "contoso".to_owned(),
        project_id: Some(PROJECT.parse().unwrap()),
        id: "5e6f2a3b-0000-4000-8000-000000000003".to_owned(),
        name: "production".to_owned(),
    }
}

fn agent_pool() -> ResourceReference {
    ResourceReference {
        kind: ResourceKind::AgentPool,
        organization: "contoso".to_owned(),
        project_id: None,
        id: "12".to_owned(),
        name: "Default".to_owned(),
    }
}
