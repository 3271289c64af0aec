//! Projects that get another name, or are no longer there.

use reqwest::StatusCode;
use serde_json::json;

use super::changes::start;
use super::support::text;

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
