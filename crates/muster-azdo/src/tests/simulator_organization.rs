//! Calls about whole organizations, and as an application, against the simulated Azure DevOps and Microsoft Entra.

use super::simulator::{first_organization, projects, repositories, session, simulator, truths};
use super::{DEADLINE, Fixture, options};
use crate::{CallError, ClientOptions, PageGuard, PageRequest, RoleScope, Session, UserEntitlementItem};
use muster_azdo_sim::{RunningSimulator, SimulatorOptions, TruthState, assessment};
use muster_domain::budget::ConsumptionClass;
use muster_domain::credential::{Credential, CredentialKind};
use muster_domain::organization_settings::DISALLOW_OAUTH;
use muster_domain::read::Read;
use muster_domain::{CredentialId, OrganizationName, TenantId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;
use uuid::{Uuid, uuid};

/// Namespace of the permissions on Git repositories.
const GIT: Uuid = uuid!("2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87");

/// A client that finds Entra beside Azure DevOps.
fn fixture_of(simulator: &RunningSimulator) -> Fixture {
    let entra_url = simulator.base_url().to_owned();
    Fixture::new(ClientOptions { entra_url, ..options(simulator.base_url()) })
}

fn application(simulator: &RunningSimulator, tenant: Uuid) -> (Credential, String) {
    let client = simulator.application().client.as_ref().unwrap();
    let kind = CredentialKind::ClientSecret {
        tenant_id: TenantId(tenant),
        client_id: client.client_id.parse().unwrap(),
    };
    let credential = Credential {
        id: CredentialId(Uuid::from_u128(1)),
        name: "application".to_owned(),
        kind,
        identity: None,
        updated_at: super::now(),
    };
    (credential, client.client_secret.clone())
}

fn session_of(fixture: &Fixture, (credential, secret): (Credential, String)) -> Session {
    fixture.client.session_of(&credential, secret.into(), ConsumptionClass::Background)
}

#[tokio::test]
async fn an_application_acts_as_itself_in_every_organization() {
    let options_of_world = SimulatorOptions { organizations: 3, projects: 3, ..SimulatorOptions::default() };
    let simulator = simulator(options_of_world).await;
    let fixture = fixture_of(&simulator);
    let session = session_of(&fixture, application(&simulator, simulator.tenant_id()));
    for organization in simulator.organizations().into_iter().map(OrganizationName::new) {
        let data = session.connection_data(&organization).await.unwrap();
        assert_eq!(data.subject_descriptor, simulator.application().subject_descriptor);
    }
    assert_eq!(simulator.stats().requests["token"], 1);
}

#[tokio::test]
async fn a_token_that_ends_too_early_is_replaced_without_anybody_noticing() {
    // The clock of the client stands still: only the refusal tells that the token has ended.
    let simulator = simulator(SimulatorOptions { token_seconds: 1, ..SimulatorOptions::default() }).await;
    let fixture = fixture_of(&simulator);
    let session = session_of(&fixture, application(&simulator, simulator.tenant_id()));
    let organization = first_organization(&simulator);
    let start = Instant::now();
    while simulator.stats().requests.get("token").copied().unwrap_or_default() < 2 {
        session.connection_data(&organization).await.unwrap();
        assert!(start.elapsed() < DEADLINE, "the token never ends");
        // Waits for the token's end: the pause only spares the budget.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_wrong_secret_application_or_tenant_is_said_with_its_code() {
    let simulator = simulator(SimulatorOptions::default()).await;
    let fixture = fixture_of(&simulator);
    let organization = first_organization(&simulator);
    let (right, secret) = application(&simulator, simulator.tenant_id());
    let (elsewhere, _) = application(&simulator, Uuid::from_u128(7));
    let mut unknown = right.clone();
    let tenant_id = TenantId(simulator.tenant_id());
    unknown.kind = CredentialKind::ClientSecret { tenant_id, client_id: Uuid::from_u128(8) };
    for (credential, secret, code) in [
        (right, "wrong-secret".to_owned(), "AADSTS7000215"),
        (unknown, secret.clone(), "AADSTS700016"),
        (elsewhere, secret.clone(), "AADSTS90002"),
    ] {
        let session = session_of(&fixture, (credential, secret.clone()));
        let error = session.connection_data(&organization).await.unwrap_err();
        assert!(matches!(error, CallError::Unauthorized { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(code) && text.contains("muster credential set"), "{text}");
        assert!(!text.contains(&secret), "{text}");
    }
    assert!(fixture.gate.granted().is_empty());
}

#[tokio::test]
async fn advanced_security_of_every_repository_agrees_with_what_is_true() {
    let options_of_world = SimulatorOptions {
        projects: 4,
        repositories: 2_300,
        tstu_limit: None,
        ..SimulatorOptions::default()
    };
    let simulator = simulator(options_of_world).await;
    let fixture = fixture_of(&simulator);
    let session = session(&fixture, &simulator);
    let organization = first_organization(&simulator);
    let listed = repositories(&session, &organization).await;
    let mut states = BTreeMap::new();
    let mut batches = session.advanced_security_enablement(&organization).await.unwrap();
    while let Some(batch) = batches.next_batch().await.unwrap() {
        states.extend(batch.into_iter().map(|item| ((item.project_id, item.repository_id), item.state)));
    }
    let expected = truths(&simulator, assessment::ADVANCED_SECURITY);
    let mut judged = 0;
    for repository in listed {
        let state = states[&(repository.project_id, repository.id)];
        assert!(state.block_pushes.is_some(), "all properties are asked for");
        let truth = expected[&(repository.project_id, repository.id.to_string())];
        if truth != TruthState::NotApplicable {
            let is_on = (state.secret_protection, state.code_security) == (Some(true), Some(true));
            assert_eq!(is_on, truth == TruthState::Healthy, "{}", repository.name);
            judged += 1;
        }
    }
    assert!(judged > 1_000, "only {judged} repositories were judged");
}

async fn people(session: &Session, organization: &OrganizationName) -> Vec<UserEntitlementItem> {
    let mut guard = PageGuard::in_organization(Read::UserEntitlements, organization);
    let mut next = Some(PageRequest::first());
    let mut people = Vec::new();
    while let Some(request) = next {
        let page = session.user_entitlements(organization, request).await.unwrap();
        next = guard.next(&page).unwrap();
        people.extend(page.items);
    }
    people
}

#[tokio::test]
async fn what_organizations_tell_once_can_be_read_of_all() {
    let options_of_world = SimulatorOptions {
        organizations: 12,
        projects: 12,
        repositories: 60,
        tstu_limit: None,
        ..SimulatorOptions::default()
    };
    let simulator = simulator(options_of_world).await;
    let fixture = fixture_of(&simulator);
    let session = session(&fixture, &simulator);
    let organizations: Vec<_> = simulator.organizations().into_iter().map(OrganizationName::new).collect();
    let catalog = session.enterprise_catalog(TenantId(simulator.tenant_id())).await.unwrap();
    assert_eq!(catalog.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>(), organizations);
    let (mut pages, mut never, mut streams, mut disabled) = (0, 0, 0, 0);
    let mut disallowed = BTreeSet::new();
    for (organization, entry) in organizations.iter().zip(&catalog) {
        let data = session.connection_data(organization).await.unwrap();
        assert_eq!(entry.organization_id, Some(data.organization_id));
        let pools = session.agent_pools(organization).await.unwrap();
        assert!(pools.iter().any(|pool| pool.properties.is_hosted));
        assert!(pools.iter().any(|pool| !pool.properties.is_hosted));
        let extensions = session.extensions(organization).await.unwrap();
        assert!(extensions.iter().any(|extension| extension.properties.is_built_in));
        disabled += extensions.iter().filter(|extension| extension.properties.is_disabled).count();
        let policies = session.organization_policies(organization).await.unwrap();
        disallowed.insert(policies.value(DISALLOW_OAUTH).unwrap());
        assert!(policies.policies.len() > 5, "{policies:?}");
        let settings = session.organization_pipeline_settings(organization).await.unwrap();
        assert!(settings.general.enforce_job_auth_scope.is_some() && settings.disable_in_box_tasks.is_some());
        streams += session.audit_streams(organization).await.unwrap().streams.len();
        let before = fixture.gate.granted().len();
        let people = people(&session, organization).await;
        pages = pages.max(fixture.gate.granted().len() - before);
        let ids: BTreeSet<_> = people.iter().map(|person| &person.id).collect();
        assert_eq!(ids.len(), people.len());
        never += people.iter().filter(|person| person.last_accessed.is_none()).count();
        let lists = session.access_control_lists(organization, GIT).await.unwrap();
        assert!(lists.iter().any(|list| list.token.starts_with("repoV2/") && !list.entries.is_empty()));
    }
    assert!(pages > 1 && never > 0 && streams > 0 && disabled > 0, "{pages} {never} {streams} {disabled}");
    assert_eq!(disallowed.len(), 2, "both values of a policy were seen");
}

#[tokio::test]
async fn roles_on_a_resource_can_be_read() {
    let simulator = simulator(SimulatorOptions::default()).await;
    let fixture = fixture_of(&simulator);
    let session = session(&fixture, &simulator);
    let organization = first_organization(&simulator);
    let mut seen = 0;
    for project in projects(&session, &organization).await {
        for connection in session.service_endpoints(&organization, project).await.unwrap() {
            let id = format!("{project}_{}", connection.id);
            let scope = RoleScope::ServiceConnection;
            let roles = session.role_assignments(&organization, scope, &id).await.unwrap();
            assert!(roles.iter().any(|role| role.role == "Administrator"), "{roles:?}");
            seen += 1;
        }
    }
    assert!(seen > 0);
}
