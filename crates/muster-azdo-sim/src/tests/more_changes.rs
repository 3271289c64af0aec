//! Changes of projects, of where things are, and of what is protected: the answers and the truth follow.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::changes::{World, start};
use super::support::text;
use crate::{Defect, TruthState, assessment};

impl World {
    async fn names_of_projects(&self, state: &str) -> Vec<String> {
        let path = format!("/{}/_apis/projects?stateFilter={state}", self.organization);
        self.fixture.all(&path).await.iter().map(|project| text(&project["name"]).to_owned()).collect()
    }

    async fn recycle_bin(&self, project: &Value) -> Vec<Value> {
        let base = format!("/{}/{}/_apis/git", self.organization, text(&project["id"]));
        let bin = self.fixture.all(&format!("{base}/recycleBin/repositories")).await;
        assert_eq!(self.fixture.all(&format!("{base}/deletedrepositories")).await, bin);
        bin
    }

    async fn status(&self, path: &str) -> StatusCode {
        self.fixture.answer(&format!("/{}/{path}", self.organization)).await.status()
    }

    async fn refused(&self, change: &str, mut fields: Value) -> String {
        fields["change"] = json!(change);
        fields["organization"] = json!(self.organization);
        let answer = self.fixture.post("/_sim/changes", fields).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        text(&answer.json::<Value>().await.unwrap()["error"]["field"]).to_owned()
    }

    async fn library(&self, project: &Value, kind: &str) -> Vec<Value> {
        let path = format!("/{}/{}/_apis/distributedtask/{kind}", self.organization, text(&project["id"]));
        self.fixture.all(&path).await
    }

    fn truths_of_project(&self, project: &Value) -> usize {
        let id = text(&project["id"]);
        let truths = self.fixture.simulator.truth();
        truths.iter().filter(|truth| truth.resource.project_id.to_string() == id).count()
    }
}

#[tokio::test]
async fn a_project_can_be_renamed_and_is_found_by_its_new_name_alone() {
    let world = start().await;
    let (_, project) = world.fixture.projects().await.remove(0);
    let before = world.truths_of_project(&project);
    world.change("renameProject", json!({"project": project["id"], "name": "Fresh Start"})).await;
    assert!(world.names_of_projects("wellFormed").await.contains(&"Fresh Start".to_owned()));
    assert_eq!(world.status("Fresh%20Start/_apis/build/generalsettings").await, StatusCode::OK);
    let old = text(&project["name"]).replace(' ', "%20");
    assert_eq!(world.status(&format!("{old}/_apis/build/generalsettings")).await, StatusCode::NOT_FOUND);
    let repositories = world.fixture.all(&format!("/{}/_apis/git/repositories", world.organization)).await;
    let own = repositories.iter().find(|one| one["project"]["id"] == project["id"]).unwrap();
    assert_eq!(own["project"]["name"], "Fresh Start");
    assert_eq!(world.truths_of_project(&project), before);
    let (_, other) = world.fixture.projects().await.remove(1);
    let fields = json!({"project": other["id"], "name": "fresh start"});
    assert_eq!(world.refused("renameProject", fields).await, "name");
}

#[tokio::test]
async fn a_hidden_project_is_left_out_with_all_that_is_in_it_and_stays_true() {
    let world = start().await;
    let (_, project) = world.fixture.projects().await.remove(0);
    let before = world.truths_of_project(&project);
    world.change("hideProject", json!({"project": project["id"]})).await;
    let name = text(&project["name"]).to_owned();
    for state in ["wellFormed", "deleted", "all"] {
        assert!(!world.names_of_projects(state).await.contains(&name), "{state}");
    }
    let path = format!("{}/_apis/policy/configurations", text(&project["id"]));
    assert_eq!(world.status(&path).await, StatusCode::NOT_FOUND);
    let repositories = world.fixture.all(&format!("/{}/_apis/git/repositories", world.organization)).await;
    assert!(repositories.iter().all(|one| one["project"]["id"] != project["id"]));
    assert_eq!(world.truths_of_project(&project), before);
    world.change("restoreProject", json!({"project": project["id"]})).await;
    assert!(world.names_of_projects("wellFormed").await.contains(&name));
    assert_eq!(world.status(&path).await, StatusCode::OK);
}

#[tokio::test]
async fn a_deleted_project_is_listed_as_deleted_and_nothing_of_it_is_anywhere() {
    let world = start().await;
    let (_, project) = world.fixture.projects().await.remove(0);
    let name = text(&project["name"]).to_owned();
    world.change("deleteProject", json!({"project": project["id"]})).await;
    assert!(!world.names_of_projects("wellFormed").await.contains(&name));
    assert_eq!(world.names_of_projects("deleted").await, [name]);
    assert_eq!(world.names_of_projects("all").await.len(), 3);
    assert!(world.names_of_projects("deleting").await.is_empty());
    let path = format!("/{}/_apis/projects?stateFilter=deleted", world.organization);
    assert_eq!(world.fixture.all(&path).await[0]["state"], "deleted");
    assert_eq!(world.truths_of_project(&project), 0);
    let gone = world.repositories.iter().find(|one| one["project"]["id"] == project["id"]).unwrap();
    assert_eq!(world.listed(&gone["id"]).await, None);
    let security =
        format!("/advsec/{}/_apis/management/enablement?api-version=7.2-preview.3", world.organization);
    let security = world.fixture.json(&security).await;
    let security = security["reposEnablementStatus"].as_array().unwrap();
    assert!(security.iter().all(|one| one["projectId"] != project["id"]));
    world.change("restoreProject", json!({"project": project["id"]})).await;
    assert!(world.listed(&gone["id"]).await.is_some());
    assert_eq!(world.status("_apis/projects?stateFilter=odd").await, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_deleted_repository_is_in_the_recycle_bin_until_it_is_restored_or_purged() {
    let world = start().await;
    let repository = world.usable();
    let (id, project) = (&repository["id"], &repository["project"]);
    assert!(world.recycle_bin(project).await.is_empty());
    assert_eq!(world.refused("purgeRepository", json!({"repository": id})).await, "repository");
    world.change_repository("deleteRepository", repository).await;
    let bin = world.recycle_bin(project).await;
    assert_eq!((bin.len(), &bin[0]["id"], &bin[0]["name"]), (1, id, &repository["name"]));
    assert!(text(&bin[0]["deletedDate"]).ends_with('Z'));
    world.change_repository("restoreRepository", repository).await;
    assert!(world.recycle_bin(project).await.is_empty());
    assert!(world.listed(id).await.is_some());
    world.change_repository("deleteRepository", repository).await;
    world.change_repository("purgeRepository", repository).await;
    assert!(world.recycle_bin(project).await.is_empty());
    assert_eq!(world.listed(id).await, None);
    assert_eq!(world.refused("restoreRepository", json!({"repository": id})).await, "repository");
    // A hidden one was not deleted: that is what the bin is asked for.
    let other = world.repositories.iter().find(|one| one["id"] != *id && one["project"] == *project).unwrap();
    world.change_repository("hideRepository", other).await;
    assert!(world.recycle_bin(project).await.is_empty());
}

#[tokio::test]
async fn a_moved_repository_keeps_its_id_and_takes_its_policies_along() {
    let world = start().await;
    let repository = world.usable();
    let (id, from) = (&repository["id"], &repository["project"]["id"]);
    world.change("setReviewers", json!({"repository": id, "intent": "twoReviewers"})).await;
    let projects = world.fixture.projects().await;
    for (_, target) in projects.iter().filter(|(_, project)| project["id"] != *from) {
        world.change("moveRepository", json!({"repository": id, "target": target["name"]})).await;
        let moved = world.listed(id).await.unwrap();
        assert_eq!((&moved["project"]["id"], &moved["name"]), (&target["id"], &repository["name"]));
        assert_eq!(world.state(assessment::TWO_REVIEWERS, id), Some(TruthState::Healthy));
        let truth = world.truth(assessment::TWO_REVIEWERS, id).unwrap();
        assert_eq!(truth.resource.project_id.to_string(), text(&target["id"]));
        for (_, project) in &projects {
            let base = format!("/{}/{}/_apis", world.organization, text(&project["id"]));
            let policies = world.fixture.all(&format!("{base}/policy/configurations?$top=9")).await;
            let ids: Vec<_> = policies.iter().map(|policy| policy["id"].as_u64().unwrap()).collect();
            assert!(ids.is_sorted_by(|left, right| left < right), "pages follow the ids");
            let names = |policy: &&Value| {
                policy["settings"]["scope"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|scope| scope["repositoryId"] == *id)
            };
            assert_eq!(policies.iter().any(|policy| names(&policy)), project["id"] == target["id"]);
            let own = world.fixture.all(&format!("{base}/git/repositories")).await;
            assert_eq!(own.iter().any(|one| one["id"] == *id), project["id"] == target["id"]);
        }
    }
    world.change("moveRepository", json!({"repository": id, "target": from})).await;
    assert_eq!(world.listed(id).await.unwrap()["project"]["id"], *from);
    let all = world.fixture.all(&format!("/{}/_apis/git/repositories", world.organization)).await;
    assert_eq!(all.len(), world.repositories.len());
}

#[tokio::test]
async fn policies_stay_with_the_branch_that_they_were_written_for() {
    let world = start().await;
    let repository = world.usable();
    let id = &repository["id"];
    for intent in ["twoReviewers", "everyBranch"] {
        world.change("setReviewers", json!({"repository": id, "intent": intent})).await;
        assert_eq!(world.state(assessment::TWO_REVIEWERS, id), Some(TruthState::Healthy));
    }
    world.change("setDefaultBranch", json!({"repository": id, "branch": "refs/heads/trunk"})).await;
    assert_eq!(world.listed(id).await.unwrap()["defaultBranch"], "refs/heads/trunk");
    assert_eq!(
        world.state(assessment::TWO_REVIEWERS, id),
        Some(TruthState::Healthy),
        "every branch is covered"
    );
    world.change("setReviewers", json!({"repository": id, "intent": "twoReviewers"})).await;
    assert_eq!(world.state(assessment::TWO_REVIEWERS, id), Some(TruthState::Healthy), "written for trunk");
    let fields = json!({"repository": id, "branch": "refs/heads/hotfix"});
    assert_eq!(world.refused("setDefaultBranch", fields).await, "branch");
}

#[tokio::test]
async fn advanced_security_of_a_repository_can_be_switched() {
    let world = start().await;
    let id = &world.usable()["id"];
    let path =
        format!("/advsec/{}/_apis/management/enablement?api-version=7.2-preview.3", world.organization);
    for (change, is_on, state) in [
        ("enableAdvancedSecurity", true, TruthState::Healthy),
        ("disableAdvancedSecurity", false, TruthState::Unhealthy),
    ] {
        world.change(change, json!({"repository": id})).await;
        let answer = world.fixture.json(&path).await;
        let list = answer["reposEnablementStatus"].as_array().unwrap();
        let own = list.iter().find(|one| one["repositoryId"] == *id).unwrap();
        assert_eq!(own["codeSecurityFeatures"]["codeSecurityEnabled"], is_on);
        assert_eq!(own["secretProtectionFeatures"]["secretProtectionEnabled"], is_on);
        assert_eq!(world.state(assessment::ADVANCED_SECURITY, id), Some(state));
    }
}

#[tokio::test]
async fn files_and_groups_can_be_added_opened_and_closed() {
    let world = start().await;
    let (_, project) = world.fixture.projects().await.remove(0);
    let id = &project["id"];
    world.change("addSecureFile", json!({"project": id, "name": "new.pfx"})).await;
    world.change("addVariableGroup", json!({"project": id, "name": "plain"})).await;
    world.change("addVariableGroup", json!({"project": id, "name": "secret", "hasSecrets": true})).await;
    let fields = json!({"project": id, "name": "Secret"});
    assert_eq!(world.refused("addVariableGroup", fields).await, "name");
    let find = |list: Vec<Value>, name: &str| list.into_iter().find(|one| one["name"] == name).unwrap();
    let file = find(world.library(&project, "securefiles").await, "new.pfx");
    let plain = find(world.library(&project, "variablegroups").await, "plain");
    let group = find(world.library(&project, "variablegroups").await, "secret");
    let base = format!("/{}/{}/_apis", world.organization, text(id));
    for (word, state) in [("open", TruthState::Unhealthy), ("close", TruthState::Healthy)] {
        world.change(&format!("{word}SecureFile"), json!({"project": id, "secureFile": file["id"]})).await;
        world
            .change(&format!("{word}VariableGroup"), json!({"project": id, "variableGroup": "secret"}))
            .await;
        world.change(&format!("{word}VariableGroup"), json!({"project": id, "variableGroup": "plain"})).await;
        assert_eq!(world.state(assessment::NO_OPEN_SECURE_FILE, &file["id"]), Some(state));
        assert_eq!(world.state(assessment::NO_OPEN_VARIABLE_GROUP, &group["id"]), Some(state));
        let not_applicable = Some(TruthState::NotApplicable);
        assert_eq!(world.state(assessment::NO_OPEN_VARIABLE_GROUP, &plain["id"]), not_applicable);
        let open =
            world.fixture.all(&format!("{base}/build/authorizedresources?api-version=7.1-preview.1")).await;
        for (kind, resource) in [("securefile", &file), ("variablegroup", &group)] {
            let own = resource["id"].to_string().replace('"', "");
            let is_listed = open.iter().any(|one| one["type"] == kind && one["id"] == own.as_str());
            assert_eq!(is_listed, word == "open", "{kind}");
        }
    }
    assert_eq!(
        world.refused("openSecureFile", json!({"project": id, "secureFile": "none"})).await,
        "secureFile"
    );
}

#[tokio::test]
async fn what_a_pipeline_does_with_forks_counts_as_far_as_its_project_lets_it() {
    let world = start().await;
    let mut states = Vec::new();
    for (_, project) in world.fixture.projects().await {
        let base = format!("/{}/{}/_apis/build", world.organization, text(&project["id"]));
        let path = format!("{base}/definitions?includeAllProperties=true");
        let definitions = world.fixture.all(&path).await;
        let Some(definition) = definitions.iter().find(|one| one["queueStatus"] == "enabled") else {
            continue;
        };
        let id = &definition["id"];
        let number = id.to_string();
        for forks in ["withoutSecrets", "withSecrets"] {
            let fields = json!({"project": project["id"], "pipeline": number, "forks": forks});
            world.change("setForks", fields).await;
            let changed = world.fixture.all(&path).await.into_iter().find(|one| one["id"] == *id).unwrap();
            let triggers = changed["triggers"].as_array().unwrap();
            let lets_go = triggers.iter().any(|one| one["forks"]["allowSecrets"] == true);
            assert_eq!(lets_go, forks == "withSecrets");
            assert!(changed["revision"].as_u64() > definition["revision"].as_u64());
            let truth = world.truth(assessment::NO_SECRETS_FOR_FORKS, id).unwrap();
            if forks == "withoutSecrets" {
                assert_eq!(truth.state, TruthState::Healthy);
            } else {
                assert_eq!(truth.defect.is_some(), truth.state == TruthState::Unhealthy);
                assert!(truth.defect.is_none_or(|defect| defect == Defect::SecretsForForks));
                states.push(truth.state);
            }
        }
    }
    assert!(states.contains(&TruthState::Unhealthy), "{states:?}");
}
