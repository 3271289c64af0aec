//! Changes of the world: the answers and the truth follow.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::support::{Fixture, text};
use crate::{Truth, TruthState, assessment};

pub(super) struct World {
    pub(super) fixture: Fixture,
    pub(super) organization: String,
    pub(super) repositories: Vec<Value>,
}

pub(super) async fn start() -> World {
    let fixture = Fixture::of(1, 3, 50).await;
    let organization = fixture.simulator.organizations().remove(0);
    let repositories = fixture.all(&format!("/{organization}/_apis/git/repositories")).await;
    World { fixture, organization, repositories }
}

impl World {
    pub(super) async fn change(&self, change: &str, mut fields: Value) {
        fields["change"] = json!(change);
        fields["organization"] = json!(self.organization);
        let answer = self.fixture.post("/_sim/changes", fields.clone()).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{fields}");
    }

    pub(super) async fn change_repository(&self, change: &str, repository: &Value) {
        self.change(change, json!({"repository": repository["id"]})).await;
    }

    pub(super) async fn listed(&self, id: &Value) -> Option<Value> {
        let all = self.fixture.all(&format!("/{}/_apis/git/repositories", self.organization)).await;
        all.into_iter().find(|repository| repository["id"] == *id)
    }

    pub(super) fn truth(&self, key: &str, id: &Value) -> Option<Truth> {
        let truths = self.fixture.simulator.truth();
        truths.into_iter().find(|truth| {
            truth.assessment_key == key && truth.resource.id == *id.to_string().trim_matches('"')
        })
    }

    pub(super) fn state(&self, key: &str, id: &Value) -> Option<TruthState> {
        self.truth(key, id).map(|truth| truth.state)
    }

    pub(super) async fn names_of_projects(&self, state: &str) -> Vec<String> {
        let path = format!("/{}/_apis/projects?stateFilter={state}", self.organization);
        self.fixture.all(&path).await.iter().map(|project| text(&project["name"]).to_owned()).collect()
    }

    pub(super) async fn recycle_bin(&self, project: &Value) -> Vec<Value> {
        let base = format!("/{}/{}/_apis/git", self.organization, text(&project["id"]));
        let bin = self.fixture.all(&format!("{base}/recycleBin/repositories")).await;
        assert_eq!(self.fixture.all(&format!("{base}/deletedrepositories")).await, bin);
        bin
    }

    pub(super) async fn status(&self, path: &str) -> StatusCode {
        self.fixture.answer(&format!("/{}/{path}", self.organization)).await.status()
    }

    pub(super) async fn refused(&self, change: &str, mut fields: Value) -> String {
        fields["change"] = json!(change);
        fields["organization"] = json!(self.organization);
        let answer = self.fixture.post("/_sim/changes", fields).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        text(&answer.json::<Value>().await.unwrap()["error"]["field"]).to_owned()
    }

    pub(super) async fn library(&self, project: &Value, kind: &str) -> Vec<Value> {
        let path = format!("/{}/{}/_apis/distributedtask/{kind}", self.organization, text(&project["id"]));
        self.fixture.all(&path).await
    }

    pub(super) fn truths_of_project(&self, project: &Value) -> usize {
        let id = text(&project["id"]);
        let truths = self.fixture.simulator.truth();
        truths.iter().filter(|truth| truth.resource.project_id.to_string() == id).count()
    }

    pub(super) fn usable(&self) -> &Value {
        let is_usable = |one: &&Value| one["isDisabled"] == false && one.get("defaultBranch").is_some();
        self.repositories.iter().find(is_usable).unwrap()
    }
}

#[tokio::test]
async fn a_repository_can_be_renamed_disabled_deleted_and_brought_back() {
    let world = start().await;
    let repository = world.usable();
    let id = &repository["id"];
    world.change("renameRepository", json!({"repository": id, "name": "brand-new"})).await;
    assert_eq!(world.listed(id).await.unwrap()["name"], "brand-new");
    world.change_repository("disableRepository", repository).await;
    assert_eq!(world.listed(id).await.unwrap()["isDisabled"], true);
    assert_eq!(world.state(assessment::TWO_REVIEWERS, id), Some(TruthState::NotApplicable));
    world.change_repository("enableRepository", repository).await;
    assert_ne!(world.state(assessment::TWO_REVIEWERS, id), Some(TruthState::NotApplicable));
    world.change_repository("deleteRepository", repository).await;
    assert_eq!(world.listed(id).await, None);
    assert_eq!(world.state(assessment::TWO_REVIEWERS, id), None);
    let path = format!("/{}/_apis/git/repositories/{}", world.organization, text(id));
    assert_eq!(world.fixture.answer(&path).await.status(), StatusCode::NOT_FOUND);
    world.change_repository("restoreRepository", repository).await;
    assert_eq!(world.listed(id).await.unwrap()["name"], "brand-new");
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused() {
    let world = start().await;
    let repository = &world.repositories[0];
    let taken = world.repositories.iter().find(|other| {
        other["project"]["id"] == repository["project"]["id"] && other["id"] != repository["id"]
    });
    let body = json!({
        "change": "renameRepository", "organization": world.organization,
        "repository": repository["id"], "name": taken.unwrap()["name"]
    });
    let refused = world.fixture.post("/_sim/changes", body).await;
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["field"], "name");
}

#[tokio::test]
async fn a_hidden_repository_is_left_out_and_stays_true() {
    let world = start().await;
    let repository = world.usable();
    let before = world.truth(assessment::TWO_REVIEWERS, &repository["id"]);
    world.change_repository("hideRepository", repository).await;
    assert_eq!(world.listed(&repository["id"]).await, None);
    assert_eq!(world.truth(assessment::TWO_REVIEWERS, &repository["id"]), before);
}

#[tokio::test]
async fn the_reviewers_of_a_repository_can_be_set() {
    let world = start().await;
    let id = &world.usable()["id"];
    world.change("setReviewers", json!({"repository": id, "intent": "twoReviewers"})).await;
    assert_eq!(world.state(assessment::TWO_REVIEWERS, id), Some(TruthState::Healthy));
    assert_eq!(world.state(assessment::NO_SELF_APPROVAL, id), Some(TruthState::Healthy));
}

#[tokio::test]
async fn classic_pipelines_of_a_project_can_be_switched() {
    let world = start().await;
    for (_, project) in world.fixture.projects().await {
        let path = format!("/{}/{}/_apis/build/generalsettings", world.organization, text(&project["id"]));
        for (change, disabled, state) in [
            ("disableClassicPipelines", true, TruthState::Healthy),
            ("enableClassicPipelines", false, TruthState::Unhealthy),
        ] {
            world.change(change, json!({"project": project["name"]})).await;
            let settings = world.fixture.json(&path).await;
            assert_eq!(settings["disableClassicPipelineCreation"], disabled);
            assert_eq!(world.state(assessment::NO_CLASSIC_PIPELINES, &project["id"]), Some(state));
        }
    }
}

#[tokio::test]
async fn a_connection_can_be_opened_and_closed() {
    let world = start().await;
    for (_, project) in world.fixture.projects().await {
        let base = format!("/{}/{}/_apis", world.organization, text(&project["id"]));
        for connection in world.fixture.all(&format!("{base}/serviceendpoint/endpoints")).await {
            let id = text(&connection["id"]);
            for (change, open) in [("openConnection", true), ("closeConnection", false)] {
                world.change(change, json!({"project": project["id"], "connection": id})).await;
                let path =
                    format!("{base}/pipelines/pipelinepermissions/endpoint/{id}?api-version=7.1-preview.1");
                assert_eq!(world.fixture.json(&path).await.get("allPipelines").is_some(), open);
                let list = format!(
                    "{base}/build/authorizedresources?type=endpoint&id={id}&api-version=7.1-preview.1"
                );
                assert_eq!(world.fixture.all(&list).await.len(), usize::from(open));
            }
        }
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused_until_it_is_restored() {
    let world = start().await;
    let pat = json!({"pat": world.fixture.simulator.pat()});
    let path = format!("/{}/_apis/projects", world.organization);
    let status = || async { world.fixture.answer(&path).await.status() };
    world.change("revokePat", pat.clone()).await;
    assert_eq!(status().await, StatusCode::NON_AUTHORITATIVE_INFORMATION);
    world.change("restorePat", pat).await;
    assert_eq!(status().await, StatusCode::OK);
}

#[tokio::test]
async fn a_stopped_organization_answers_503_to_everything() {
    let world = start().await;
    let path = format!("/{}/_apis/connectionData", world.organization);
    world.change("stopOrganization", json!({})).await;
    let stopped = world.fixture.answer(&path).await;
    assert_eq!(stopped.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(stopped.headers()["x-tfs-serviceerror"].to_str().unwrap().starts_with("TF24668"));
    assert!(!stopped.headers().contains_key("retry-after"));
    assert!(stopped.bytes().await.unwrap().starts_with(b"\xef\xbb\xbf{"));
    world.change("startOrganization", json!({})).await;
    assert_eq!(world.fixture.answer(&path).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_organization_keeps_its_id_under_another_name_and_loses_it_when_it_is_deleted() {
    const CORE: &str = "/_apis/resourceAreas/79134c72-4a58-4b42-976c-04e7115f32bf?hostId=";
    let mut world = start().await;
    let id = |data: &Value| text(&data["instanceId"]).to_owned();
    let path = |organization: &str| format!("/{organization}/_apis/connectionData?api-version=7.1-preview.1");
    let before = id(&world.fixture.json(&path(&world.organization)).await);
    let old = world.organization.clone();
    world.change("renameOrganization", json!({"name": "renamed-by-hand"})).await;
    world.organization = "renamed-by-hand".to_owned();
    assert_eq!(world.fixture.answer(&path(&old)).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(id(&world.fixture.json(&path(&world.organization)).await), before);
    let place = world.fixture.json(&format!("{CORE}{before}")).await;
    assert!(text(&place["locationUrl"]).ends_with("/renamed-by-hand/"), "{place}");
    assert!(
        world.fixture.simulator.truth().iter().all(|truth| truth.resource.organization == "renamed-by-hand")
    );

    world.change("deleteOrganization", json!({})).await;
    for gone in [path(&world.organization), format!("{CORE}{before}")] {
        assert_eq!(world.fixture.answer(&gone).await.status(), StatusCode::NOT_FOUND, "{gone}");
    }
    assert!(world.fixture.simulator.truth().is_empty());
    world.change("restoreOrganization", json!({})).await;
    assert_eq!(id(&world.fixture.json(&path(&world.organization)).await), before);
}
