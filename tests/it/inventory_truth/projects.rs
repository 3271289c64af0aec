//! Projects that are renamed, hidden, deleted, restored, with everything in them.

use super::{Case, told, world};
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::resource::{Presence, ResourceKind};
use muster_domain::{ProjectId, cause};
use muster_store::inventory::StoredResource;
use muster_store::requests::Asked;
use serde_json::json;
use std::collections::BTreeSet;
use tests::waiting::PATIENT;

impl Case {
    /// A project that holds something of several kinds.
    async fn project(&self) -> StoredResource {
        for project in self.all(ResourceKind::Project).await {
            let kinds = self.kinds_in(project.resource.key.project_id).await;
            if kinds.contains("repository")
                && kinds.contains("pipeline")
                && kinds.contains("serviceConnection")
            {
                return project;
            }
        }
        panic!("no project holds repositories, pipelines and connections");
    }

    /// A discovery that nobody asked for, and everything that follows.
    async fn discover_by_schedule(&self) {
        let asked = Asked { cause: cause::of_schedule("discovery"), trace: None };
        let credential = self.bench.connector().await.credential_id;
        let job = asked.job(JobKind::OrganizationDiscover, self.subject(), Some(credential));
        self.bench.store.ledger().enqueue(&[job]).await.expect("enqueue");
        self.bench.run_all().await;
    }

    async fn everything_in(&self, project: Option<ProjectId>) -> Vec<StoredResource> {
        let mut found = Vec::new();
        for kind in ResourceKind::ALL {
            found.extend(self.all(kind).await);
        }
        found.retain(|resource| resource.resource.key.project_id == project);
        found
    }

    async fn kinds_in(&self, project: Option<ProjectId>) -> BTreeSet<&'static str> {
        self.everything_in(project).await.iter().map(|resource| resource.resource.key.kind.as_str()).collect()
    }

    async fn presences_in(&self, project: &StoredResource) -> BTreeSet<&'static str> {
        let all = self.everything_in(project.resource.key.project_id).await;
        all.iter().map(|resource| resource.presence.as_str()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_project_is_the_same_one() {
    let case = Case::begin(world()).await;
    let project = case.project().await;
    case.change(
        "renameProject",
        json!({ "project": project.resource.key.external_id, "name": "Renamed by hand" }),
    );
    case.discover().await;
    let after = case.get(project.id).await;
    assert_eq!((after.resource.name.as_str(), after.presence), ("Renamed by hand", Presence::Present));
    let line = format!("name: {} -> Renamed by hand", project.resource.name);
    assert_eq!(told(&case.facts().await, &project), [line]);
    case.assert_judged_truly("renamed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_project_is_missing_with_everything_in_it_and_is_read_anew_when_it_is_back() {
    let case = Case::begin(world()).await;
    let project = case.project().await;
    let within = case.everything_in(project.resource.key.project_id).await;
    case.change("hideProject", json!({ "project": project.resource.key.external_id }));
    case.discover().await;
    assert_eq!(case.presences_in(&project).await, BTreeSet::from(["missing"]));
    let facts = case.facts().await;
    for resource in &within {
        assert_eq!(told(&facts, resource), ["presence: present -> missing"], "{:?}", resource.resource.key);
    }
    assert_eq!(case.calls("deletedRepositories"), 0, "the bin of a project that is not listed is not asked");
    assert_eq!(case.calls("projects"), 2, "the list and the deleted ones");

    case.change("restoreProject", json!({ "project": project.resource.key.external_id }));
    case.discover().await;
    assert_eq!(case.presences_in(&project).await, BTreeSet::from(["present"]));
    case.assert_judged_truly("shown again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_project_is_gone_with_everything_in_it_and_comes_back() {
    let case = Case::begin(world()).await;
    let project = case.project().await;
    let within = case.everything_in(project.resource.key.project_id).await;
    case.change("deleteProject", json!({ "project": project.resource.key.external_id }));
    case.discover().await;
    assert_eq!(case.presences_in(&project).await, BTreeSet::from(["gone"]));
    let facts = case.facts().await;
    for resource in &within {
        assert_eq!(told(&facts, resource), ["removed"], "{:?}", resource.resource.key);
    }
    case.assert_judged_truly("deleted").await;
    case.discover().await;
    assert_eq!(case.calls("projects"), 3, "what is gone is asked for no more");

    case.change("restoreProject", json!({ "project": project.resource.key.external_id }));
    case.discover().await;
    assert_eq!(case.presences_in(&project).await, BTreeSet::from(["present"]));
    assert_eq!(told(&case.facts().await, &project), ["discovered"]);
    case.assert_judged_truly("restored").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_is_read_anew_however_fresh_the_last_reading_is() {
    let case = Case::begin(world()).await;
    let project = case.project().await;
    case.discover_by_schedule().await;
    assert_eq!(case.calls("serviceEndpoints"), 0, "nobody asked, and every project is fresh");
    case.change("hideProject", json!({ "project": project.resource.key.external_id }));
    case.discover_by_schedule().await;
    case.change("restoreProject", json!({ "project": project.resource.key.external_id }));
    case.discover_by_schedule().await;
    assert_eq!(case.calls("serviceEndpoints"), 1, "only the project that came back");
    assert_eq!(case.presences_in(&project).await, BTreeSet::from(["present"]));
    case.assert_judged_truly("shown again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_deleted_before_it_is_read_has_no_other_project_read() {
    let case = Case::begin(world()).await;
    let project = case.project().await;
    case.change("deleteProject", json!({ "project": project.resource.key.external_id }));
    let id = project.resource.key.project_id.expect("a project has its id");
    let subject = JobSubject::project(case.connector, case.organization.clone(), id);
    case.bench.ask(JobKind::ProjectSync, subject).await;
    case.bench.run_workers(1, PATIENT).await;
    assert_eq!(
        case.presences_in(&project).await,
        BTreeSet::from(["gone"]),
        "its organization was discovered"
    );
    assert_eq!(case.calls("serviceEndpoints"), 0, "nobody asked for the others, and they are fresh");
    case.assert_judged_truly("deleted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_projects_that_may_not_be_listed_are_missing() {
    let case = Case::begin(world()).await;
    let project = case.project().await;
    case.change("deleteProject", json!({ "project": project.resource.key.external_id }));
    let fault =
        json!({ "match": { "route": "projects", "nth": 2 }, "action": { "status": 403, "body": "no" } });
    case.bench.simulator.install_fault(serde_json::from_value(fault).unwrap()).unwrap();
    case.discover().await;
    assert_eq!(case.presence(project.id).await, Presence::Missing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_projects_that_lost_more_than_half_is_read_again() {
    let case = Case::begin(world()).await;
    case.break_route("projects", 1, &json!({ "status": 200, "body": { "count": 0, "value": [] } }));
    case.discover().await;
    assert_eq!(case.calls("projects"), 2);
    assert_eq!(case.presences(ResourceKind::Project).await.get("missing"), None);
    assert!(case.facts().await.is_empty(), "a list that was not believed tells nothing");
    case.assert_judged_truly("as before").await;
}
