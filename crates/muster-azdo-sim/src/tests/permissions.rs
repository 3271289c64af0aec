//! Open connections: told by the list, in both of its modes, and by each resource.

use reqwest::StatusCode;
use serde_json::Value;

use super::support::{Fixture, text, unlimited};
use crate::{AuthorizedResourcesMode, SimulatorOptions};

async fn start(authorized_resources: AuthorizedResourcesMode) -> Fixture {
    let options = SimulatorOptions { organizations: 3, projects: 30, repositories: 60, ..unlimited() };
    Fixture::start(SimulatorOptions { authorized_resources, ..options }).await
}

/// Each connection of each project: the project's path, the id, and whether the resource itself says it is open.
async fn connections(fixture: &Fixture) -> Vec<(String, String, bool)> {
    let mut found = Vec::new();
    for (organization, project) in fixture.projects().await {
        let base = format!("/{organization}/{}/_apis", text(&project["id"]));
        for connection in fixture.all(&format!("{base}/serviceendpoint/endpoints?api-version=7.1")).await {
            let id = text(&connection["id"]).to_owned();
            let path =
                format!("{base}/pipelines/pipelinePermissions/endpoint/{id}?api-version=7.1-preview.1");
            let permissions = fixture.json(&path).await;
            let is_open = permissions["allPipelines"]["authorized"] == true;
            assert_eq!(permissions.get("allPipelines").is_some(), is_open);
            found.push((base.clone(), id, is_open));
        }
    }
    found
}

fn has(list: &[Value], kind: &str, id: &str) -> bool {
    list.iter().any(|item| item["type"] == kind && item["id"] == id && item["authorized"] == true)
}

#[tokio::test]
async fn the_list_holds_exactly_the_open_resources() {
    let fixture = start(AuthorizedResourcesMode::ListsAll).await;
    let connections = connections(&fixture).await;
    assert!(connections.iter().any(|(.., open)| *open) && connections.iter().any(|(.., open)| !*open));
    for (base, id, is_open) in connections {
        let list = fixture.all(&format!("{base}/build/authorizedresources?api-version=7.1-preview.1")).await;
        assert_eq!(has(&list, "endpoint", &id), is_open);
    }
    for organization in fixture.simulator.organizations() {
        let mut open = 0;
        for project in fixture.all(&format!("/{organization}/_apis/projects")).await {
            let path = format!("/{organization}/{}/_apis/build/authorizedresources", text(&project["id"]));
            open += fixture.all(&format!("{path}?type=endpoint&api-version=7.1-preview.1")).await.len();
        }
        assert!(open > 0, "{organization}");
    }
}

#[tokio::test]
async fn a_list_that_needs_type_and_id_is_empty_without_them() {
    let fixture = start(AuthorizedResourcesMode::NeedsTypeAndId).await;
    for (base, id, is_open) in connections(&fixture).await {
        let path = format!("{base}/build/authorizedresources?api-version=7.1-preview.1");
        assert!(fixture.all(&path).await.is_empty());
        assert!(fixture.all(&format!("{path}&type=endpoint")).await.is_empty());
        let single = fixture.all(&format!("{path}&type=endpoint&id={id}")).await;
        assert_eq!(has(&single, "endpoint", &id), is_open);
        assert_eq!(single.len(), usize::from(is_open));
    }
}

#[tokio::test]
async fn library_resources_agree_in_all_three_places() {
    let fixture = start(AuthorizedResourcesMode::ListsAll).await;
    let mut seen = 0;
    for (organization, project) in fixture.projects().await {
        let base = format!("/{organization}/{}/_apis", text(&project["id"]));
        let list = fixture.all(&format!("{base}/build/authorizedresources?api-version=7.1-preview.1")).await;
        for (route, kind) in
            [("queues", "queue"), ("variablegroups", "variablegroup"), ("securefiles", "securefile")]
        {
            for resource in fixture.all(&format!("{base}/distributedtask/{route}")).await {
                let id = resource["id"].to_string().replace('"', "");
                let path =
                    format!("{base}/pipelines/pipelinepermissions/{kind}/{id}?api-version=7.1-preview.1");
                let permissions = fixture.json(&path).await;
                assert_eq!(permissions["allPipelines"]["authorized"] == true, has(&list, kind, &id));
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "{seen}");
    let (organization, project) = fixture.projects().await.remove(0);
    let path =
        format!("/{organization}/{}/_apis/pipelines/pipelinepermissions/endpoint/none", text(&project["id"]));
    let answer = fixture.answer(&format!("{path}?api-version=7.1-preview.1")).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}
