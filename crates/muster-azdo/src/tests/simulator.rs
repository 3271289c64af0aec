//! Every call against the simulated Azure DevOps, compared with what is true there.

use super::{Fixture, options};
use crate::{Authorization, CallError, PageGuard, PageRequest, RepositoryItem, Session};
use muster_azdo_sim::{
    AuthorizedResourcesMode, Fault, FaultAction, FaultMatch, Route, RunningSimulator, Simulator,
    SimulatorOptions, Truth, TruthKind, TruthState, assessment,
};
use muster_domain::budget::ConsumptionClass;
use muster_domain::policy::{BranchOfRepository, PolicyConfiguration, effective_reviewers};
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use muster_domain::snapshot::PipelineAccess;
use muster_domain::{IdentityKey, OrganizationName, ProjectId};
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn simulator(options: SimulatorOptions) -> RunningSimulator {
    Simulator::start(options).await.unwrap()
}

/// A session as the simulator's first identity.
pub(super) fn session(fixture: &Fixture, simulator: &RunningSimulator) -> Session {
    let authorization = Authorization::PersonalAccessToken(simulator.pat().into());
    fixture.client.session(IdentityKey::subject("aad.simulated"), authorization, ConsumptionClass::Background)
}

pub(super) fn first_organization(simulator: &RunningSimulator) -> OrganizationName {
    OrganizationName::new(simulator.organizations().remove(0))
}

pub(super) async fn projects(session: &Session, organization: &OrganizationName) -> Vec<ProjectId> {
    let mut guard = PageGuard::in_organization(Read::Projects, organization);
    let mut next = Some(PageRequest::first());
    let mut ids = Vec::new();
    while let Some(request) = next {
        let page = session.projects(organization, request).await.unwrap();
        ids.extend(page.items.iter().map(|project| project.id));
        next = guard.next(&page).unwrap();
    }
    ids
}

pub(super) async fn repositories(session: &Session, organization: &OrganizationName) -> Vec<RepositoryItem> {
    let mut batches = session.repositories(organization).await.unwrap();
    let mut items = Vec::new();
    while let Some(batch) = batches.next_batch().await.unwrap() {
        items.extend(batch);
    }
    items
}

async fn policies(
    session: &Session,
    organization: &OrganizationName,
    project: ProjectId,
) -> Vec<PolicyConfiguration> {
    let mut guard = PageGuard::in_project(Read::PolicyConfigurations, organization, project);
    let mut next = Some(PageRequest::first());
    let mut policies = Vec::new();
    while let Some(request) = next {
        let page = session.policy_configurations(organization, project, request).await.unwrap();
        next = guard.next(&page).unwrap();
        policies.extend(page.items);
    }
    policies
}

/// What is true, by resource, of one recommendation. The same connection is judged in each of its projects.
pub(super) fn truths(simulator: &RunningSimulator, key: &str) -> BTreeMap<(ProjectId, String), TruthState> {
    let of_key = |truth: &Truth| truth.assessment_key == key;
    simulator
        .truth()
        .into_iter()
        .filter(of_key)
        .map(|truth| ((ProjectId(truth.resource.project_id), truth.resource.id), truth.state))
        .collect()
}

#[tokio::test]
async fn identity_and_organizations_are_found() {
    let simulator = simulator(SimulatorOptions { organizations: 3, ..SimulatorOptions::default() }).await;
    let fixture = Fixture::new(options(simulator.base_url()));
    let session = session(&fixture, &simulator);
    let profile = session.profile().await.unwrap();
    let accounts = session.accounts(profile.id).await.unwrap();
    let names: BTreeSet<_> = accounts.iter().map(|account| account.name.clone()).collect();
    assert_eq!(names, simulator.organizations().into_iter().map(OrganizationName::new).collect());
    for account in &accounts {
        let data = session.connection_data(&account.name).await.unwrap();
        assert_eq!(data.organization_id, account.id);
        assert_eq!(data.tenant_id.map(|tenant| tenant.0), Some(simulator.tenant_id()));
        assert_eq!(data.subject_descriptor, simulator.identities()[0].subject_descriptor);
    }
    let application = simulator.identities().last().unwrap();
    let authorization = Authorization::PersonalAccessToken(application.pats[0].clone().into());
    let key = IdentityKey::subject(application.subject_descriptor.clone());
    let session = fixture.client.session(key, authorization, ConsumptionClass::Background);
    let profile = session.profile().await.unwrap();
    assert_eq!(session.accounts(profile.id).await.unwrap(), [], "an application has no list");
}

#[tokio::test]
async fn a_wrong_token_is_refused() {
    let simulator = simulator(SimulatorOptions::default()).await;
    let fixture = Fixture::new(options(simulator.base_url()));
    let error = fixture.background().connection_data(&first_organization(&simulator)).await.unwrap_err();
    assert!(matches!(error, CallError::Unauthorized { .. }), "{error}");
}

#[tokio::test]
async fn projects_repositories_and_policies_agree_with_what_is_true() {
    // So many that the policies of a project come in several pages.
    let options_of_world = SimulatorOptions { projects: 2, repositories: 3_000, ..Default::default() };
    let simulator = simulator(options_of_world).await;
    let fixture = Fixture::new(options(simulator.base_url()));
    let session = session(&fixture, &simulator);
    let organization = first_organization(&simulator);
    let projects = projects(&session, &organization).await;
    let listed = repositories(&session, &organization).await;
    let true_projects: BTreeSet<_> =
        simulator.truth().iter().map(|truth| ProjectId(truth.resource.project_id)).collect();
    assert_eq!(projects.iter().copied().collect::<BTreeSet<_>>(), true_projects);
    let of_kind = |truth: &&Truth| truth.resource.kind == TruthKind::Repository;
    let truth = simulator.truth();
    let true_repositories: BTreeSet<_> =
        truth.iter().filter(of_kind).map(|truth| truth.resource.id.clone()).collect();
    assert_eq!(listed.iter().map(|item| item.id.to_string()).collect::<BTreeSet<_>>(), true_repositories);

    let expected = truths(&simulator, assessment::TWO_REVIEWERS);
    let mut judged = 0;
    for project in projects {
        let policies = policies(&session, &organization, project).await;
        for item in listed.iter().filter(|item| item.project_id == project) {
            let Some(name) = item.properties.default_branch.as_deref() else { continue };
            let state = expected[&(project, item.id.to_string())];
            if state == TruthState::NotApplicable {
                continue;
            }
            let branch = BranchOfRepository { repository_id: item.id, default_branch: Some(name), name };
            let reviewers = effective_reviewers(&policies, &branch);
            let is_healthy = reviewers.is_some_and(|reviewers| reviewers.minimum_approver_count >= 2);
            assert_eq!(is_healthy, state == TruthState::Healthy, "{}", item.name);
            judged += 1;
        }
    }
    assert!(judged > 2_000, "only {judged} repositories were judged");
    assert!(fixture.gate.granted().len() > 4, "policies came in several pages");
    assert_eq!(fixture.gate.settled().len(), fixture.gate.granted().len());
}

#[tokio::test]
async fn pipelines_and_service_connections_agree_with_what_is_true() {
    for mode in [AuthorizedResourcesMode::ListsAll, AuthorizedResourcesMode::NeedsTypeAndId] {
        let options_of_world =
            SimulatorOptions { projects: 6, authorized_resources: mode, ..SimulatorOptions::default() };
        let simulator = simulator(options_of_world).await;
        let fixture = Fixture::new(options(simulator.base_url()));
        let session = session(&fixture, &simulator);
        let organization = first_organization(&simulator);
        let (classic, open) = (
            truths(&simulator, assessment::NO_CLASSIC_PIPELINES),
            truths(&simulator, assessment::NO_OPEN_CONNECTION),
        );
        let (mut connections, mut opened, mut definitions) = (0, 0, 0);
        for project in projects(&session, &organization).await {
            let settings = session.general_settings(&organization, project).await.unwrap();
            let both = settings.disable_classic_pipeline_creation == Some(true)
                || (settings.disable_classic_build_pipeline_creation == Some(true)
                    && settings.disable_classic_release_pipeline_creation == Some(true));
            assert_eq!(both, classic[&(project, project.to_string())] == TruthState::Healthy);
            definitions += session
                .build_definitions(&organization, project, PageRequest::first())
                .await
                .unwrap()
                .items
                .len();
            let list = session.authorized_resources(&organization, project).await.unwrap();
            for connection in session.service_endpoints(&organization, project).await.unwrap() {
                let endpoint = ProtectedResource::Endpoint;
                let access = session
                    .pipeline_permissions(&organization, project, endpoint, &connection.id)
                    .await
                    .unwrap();
                let is_open = open[&(project, connection.id.clone())] == TruthState::Unhealthy;
                assert_eq!(access == PipelineAccess::AllPipelines, is_open, "{}", connection.name);
                let is_listed = list.holds(ProtectedResource::Endpoint, &connection.id);
                assert_eq!(is_listed, is_open && mode == AuthorizedResourcesMode::ListsAll);
                connections += 1;
                opened += usize::from(is_open);
            }
        }
        assert!(
            opened > 0 && connections > opened && definitions > 0,
            "{opened}/{connections}, {definitions}"
        );
    }
}

#[tokio::test]
async fn flagged_delayed_and_blocked_answers_are_told_to_the_gate() {
    let options_of_world = SimulatorOptions {
        tstu_limit: Some(1.0),
        longest_delay_seconds: 0.01,
        ..SimulatorOptions::default()
    };
    let simulator = simulator(options_of_world).await;
    let fixture = Fixture::new(options(simulator.base_url()));
    let session = session(&fixture, &simulator);
    let organization = first_organization(&simulator);
    let error = loop {
        if let Err(error) = session.projects(&organization, PageRequest::first()).await {
            break error;
        }
        assert!(fixture.gate.granted().len() < 100, "never blocked");
    };
    let CallError::Throttled { until, .. } = error else { panic!("{error}") };
    assert!(until > super::now());
    let settled: Vec<_> = fixture.gate.settled().into_iter().map(Option::unwrap).collect();
    let silent = settled.iter().take_while(|signals| signals.limit_tstu.is_none()).count();
    assert!(silent > 0, "no headers under half of the limit");
    let flagged = &settled[silent];
    assert_eq!((flagged.limit_tstu, flagged.retry_after, flagged.blocked), (Some(1.0), None, false));
    assert!(flagged.remaining_tstu.is_some_and(|remaining| remaining > 0.0 && remaining <= 0.5));
    let delayed = settled.iter().find(|signals| signals.delay.is_some()).unwrap();
    assert!(delayed.retry_after.is_some() && !delayed.blocked);
    assert!(settled.last().unwrap().blocked);
}

#[tokio::test]
async fn a_list_that_the_service_cuts_off_is_no_list() {
    let simulator = simulator(SimulatorOptions { repositories: 2_000, ..SimulatorOptions::default() }).await;
    let fault = Fault {
        matching: FaultMatch { route: Some(Route::Repositories), ..FaultMatch::default() },
        action: FaultAction { drop_connection: true, ..FaultAction::default() },
        times: 1,
    };
    simulator.install_fault(fault).unwrap();
    let fixture = Fixture::new(options(simulator.base_url()));
    let session = session(&fixture, &simulator);
    let organization = first_organization(&simulator);
    let mut batches = session.repositories(&organization).await.unwrap();
    let error = loop {
        match batches.next_batch().await {
            Ok(batch) => assert!(batch.is_some(), "it looks whole"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, CallError::Transient { .. }), "{error}");
    assert_eq!(repositories(&session, &organization).await.len(), 2_000, "the next one is whole");
}
