//! What is in a project beside its repositories, compared with what is true in the simulated Azure DevOps.

use super::simulator::{first_organization, projects, repositories, session, simulator, truths};
use super::{Fixture, options};
use crate::{CHECKS_PER_CALL, Page, PageGuard, PageRequest, PipelineItem, Session, VariableGroupItem};
use muster_azdo_sim::{Change, ChangeKind, SimulatorOptions, TruthState, assessment};
use muster_domain::properties::QueueStatus;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use muster_domain::snapshot::{AuthorizedResourceList, GeneralSettings};
use muster_domain::{OrganizationName, ProjectId};
use std::collections::BTreeSet;

const PROJECTS: usize = 8;

/// All pages of a listing of a project.
async fn all<T>(
    read: Read,
    organization: &OrganizationName,
    project: ProjectId,
    ask: impl AsyncFn(PageRequest) -> Result<Page<T>, crate::CallError>,
) -> Vec<T> {
    let mut guard = PageGuard::in_project(read, organization, project);
    let mut next = Some(PageRequest::first());
    let mut items = Vec::new();
    while let Some(request) = next {
        let page = ask(request).await.unwrap();
        next = guard.next(&page).unwrap();
        items.extend(page.items);
    }
    items
}

async fn definitions(
    session: &Session,
    organization: &OrganizationName,
    project: ProjectId,
) -> Vec<PipelineItem> {
    let ask = async |page| session.build_definitions(organization, project, page).await;
    all(Read::BuildDefinitions, organization, project, ask).await
}

async fn variable_groups(
    session: &Session,
    organization: &OrganizationName,
    project: ProjectId,
) -> Vec<VariableGroupItem> {
    let ask = async |page| session.variable_groups(organization, project, page).await;
    all(Read::VariableGroups, organization, project, ask).await
}

/// What a resource is by the list of those that are open.
fn state_of(list: &AuthorizedResourceList, resource: ProtectedResource, id: &str) -> TruthState {
    if list.holds(resource, id) { TruthState::Unhealthy } else { TruthState::Healthy }
}

#[tokio::test]
async fn the_library_agrees_with_what_is_true() {
    let options_of_world = SimulatorOptions { projects: PROJECTS, ..SimulatorOptions::default() };
    let simulator = simulator(options_of_world).await;
    let fixture = Fixture::new(options(simulator.base_url()));
    let session = session(&fixture, &simulator);
    let organization = first_organization(&simulator);
    let of_groups = truths(&simulator, assessment::NO_OPEN_VARIABLE_GROUP);
    let of_files = truths(&simulator, assessment::NO_OPEN_SECURE_FILE);
    let (mut groups, mut files) = (0, 0);
    for project in projects(&session, &organization).await {
        let list = session.authorized_resources(&organization, project).await.unwrap();
        for group in variable_groups(&session, &organization, project).await {
            let id = group.id.to_string();
            let state = match group.properties.has_secrets() {
                false => TruthState::NotApplicable,
                true => state_of(&list, ProtectedResource::VariableGroup, &id),
            };
            assert_eq!(state, of_groups[&(project, id)], "{group:?}");
            groups += 1;
        }
        for file in session.secure_files(&organization, project).await.unwrap() {
            let state = state_of(&list, ProtectedResource::SecureFile, &file.id);
            assert_eq!(state, of_files[&(project, file.id.clone())], "{file:?}");
            files += 1;
        }
        let queues = session.agent_queues(&organization, project).await.unwrap();
        let ids: BTreeSet<String> = queues.iter().map(|queue| queue.id.to_string()).collect();
        assert!(!queues.is_empty() && queues.iter().all(|queue| queue.pool_id.is_some()));
        assert!(list.of(ProtectedResource::Queue).all(|open| ids.contains(open)), "an open queue is listed");
    }
    assert_eq!((groups, files), (of_groups.len(), of_files.len()), "every one was listed");
    assert!(groups > PROJECTS && files > PROJECTS, "{groups} groups, {files} files");
}

/// What builds of forks get, in the words of the recommendation.
fn state_of_pipeline(pipeline: &PipelineItem, settings: &GeneralSettings) -> TruthState {
    let properties = &pipeline.properties;
    let gives_secrets = properties.fork_builds.is_some_and(|forks| forks.enabled && forks.allow_secrets);
    let is_private = properties.is_repository_private == Some(true);
    let is_kept_back = match settings.fork_protection_enabled {
        Some(false) => false,
        protection => {
            settings.enforce_no_access_to_secrets_from_forks == Some(true)
                || (protection == Some(true) && settings.builds_enabled_for_forks == Some(false))
        }
    };
    match properties.queue_status {
        QueueStatus::Disabled => TruthState::NotApplicable,
        _ if gives_secrets && !is_private && !is_kept_back => TruthState::Unhealthy,
        _ => TruthState::Healthy,
    }
}

#[tokio::test]
async fn what_forks_get_and_how_azure_is_reached_agree_with_what_is_true() {
    let options_of_world =
        SimulatorOptions { projects: PROJECTS, repositories: 300, ..SimulatorOptions::default() };
    let simulator = simulator(options_of_world).await;
    let fixture = Fixture::new(options(simulator.base_url()));
    let session = session(&fixture, &simulator);
    let organization = first_organization(&simulator);
    let of_pipelines = truths(&simulator, assessment::NO_SECRETS_FOR_FORKS);
    let of_connections = truths(&simulator, assessment::NO_CLASSIC_CONNECTION);
    let mut states = BTreeSet::new();
    let mut judged = 0;
    for project in projects(&session, &organization).await {
        let settings = session.general_settings(&organization, project).await.unwrap();
        for pipeline in definitions(&session, &organization, project).await {
            let state = state_of_pipeline(&pipeline, &settings);
            assert_eq!(state, of_pipelines[&(project, pipeline.id.to_string())], "{pipeline:?} {settings:?}");
            states.insert(state);
            judged += 1;
        }
        for connection in session.service_endpoints(&organization, project).await.unwrap() {
            let state = match connection.properties.connection_type.to_lowercase().as_str() {
                "azure" => TruthState::Unhealthy,
                "azurerm" => TruthState::Healthy,
                _ => TruthState::NotApplicable,
            };
            assert_eq!(state, of_connections[&(project, connection.id.clone())], "{connection:?}");
        }
    }
    assert_eq!(judged, of_pipelines.len(), "every pipeline was listed");
    assert_eq!(states.len(), 3, "every state occurs");
}

#[tokio::test]
async fn checks_are_those_of_the_resources_that_were_asked_about() {
    let options_of_world = SimulatorOptions { projects: PROJECTS, ..SimulatorOptions::default() };
    let simulator = simulator(options_of_world).await;
    let fixture = Fixture::new(options(simulator.base_url()));
    let session = session(&fixture, &simulator);
    let organization = first_organization(&simulator);
    let mut found = 0;
    for project in projects(&session, &organization).await {
        let ask = async |page| session.environments(&organization, project, page).await;
        let environments = all(Read::Environments, &organization, project, ask).await;
        let of_environments =
            environments.iter().map(|one| (ProtectedResource::Environment, one.id.to_string()));
        let connections = session.service_endpoints(&organization, project).await.unwrap();
        let of_connections = connections.iter().map(|one| (ProtectedResource::Endpoint, one.id.clone()));
        let resources: Vec<_> = of_environments.chain(of_connections).collect();
        let mut together = Vec::new();
        for some in resources.chunks(CHECKS_PER_CALL) {
            together.extend(session.check_configurations(&organization, project, some).await.unwrap());
        }
        let asked: BTreeSet<_> = resources.iter().cloned().collect();
        for check in &together {
            assert!(asked.contains(&(check.resource, check.resource_id.clone())), "{check:?}");
        }
        let mut apart = Vec::new();
        for one in &resources {
            let one = std::slice::from_ref(one);
            apart.extend(session.check_configurations(&organization, project, one).await.unwrap());
        }
        assert_eq!(together, apart, "one question about all is as good as one about each");
        found += together.len();
    }
    assert!(found > 0, "no check at all");
}

#[tokio::test]
async fn what_was_deleted_is_told_from_what_is_hidden() {
    let simulator = simulator(SimulatorOptions { projects: 4, ..SimulatorOptions::default() }).await;
    let fixture = Fixture::new(options(simulator.base_url()));
    let session = session(&fixture, &simulator);
    let organization = first_organization(&simulator);
    let before = projects(&session, &organization).await;
    let listed = repositories(&session, &organization).await;
    let project = listed[0].project_id;
    let in_project: Vec<_> = listed.iter().filter(|one| one.project_id == project).collect();
    let change = |change, repository: Option<String>, project: Option<ProjectId>| {
        let organization = Some(organization.to_string());
        let project = project.map(|project| project.to_string());
        let change = Change { change, organization, repository, project, ..Change::default() };
        simulator.change(&change).unwrap();
    };
    change(ChangeKind::DeleteRepository, Some(in_project[0].id.to_string()), None);
    change(ChangeKind::HideRepository, Some(in_project[1].id.to_string()), None);
    let deleted = session.deleted_repositories(&organization, project).await.unwrap();
    assert_eq!(deleted.iter().map(|one| one.id).collect::<Vec<_>>(), [in_project[0].id]);
    assert!(deleted[0].deleted_on.is_some());

    let others: Vec<_> = before.into_iter().filter(|one| *one != project).collect();
    change(ChangeKind::DeleteProject, None, Some(others[0]));
    change(ChangeKind::HideProject, None, Some(others[1]));
    let page = session.deleted_projects(&organization, PageRequest::first()).await.unwrap();
    assert_eq!(page.items.iter().map(|one| one.id).collect::<Vec<_>>(), [others[0]]);
    assert_eq!(page.items[0].properties.state, "deleted");
    let left = projects(&session, &organization).await;
    assert!(!left.contains(&others[0]) && !left.contains(&others[1]));
}
