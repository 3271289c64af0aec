//! What is protected, and what pipelines do with it: the answers and the truth follow.

use serde_json::{Value, json};

use super::changes::start;
use super::support::text;
use crate::{Defect, TruthState, assessment};

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
