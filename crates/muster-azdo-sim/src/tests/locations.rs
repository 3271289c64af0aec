//! Where clients look up what they call.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::support::{Fixture, header, text, unlimited};
use crate::{ResourceAreasMode, SimulatorOptions};

async fn options(fixture: &Fixture, path: &str) -> Vec<Value> {
    let answer = fixture.client.request(Method::OPTIONS, fixture.url(path)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let body: Value = answer.json().await.unwrap();
    let values = body["value"].as_array().unwrap().clone();
    assert_eq!(body["count"], values.len());
    values
}

#[tokio::test]
async fn options_names_every_location_of_an_organization_or_of_one_area() {
    let fixture = Fixture::of(1, 1, 1).await;
    let organization = fixture.simulator.organizations().remove(0);
    let all = options(&fixture, &format!("/{}/_APIS", organization.to_uppercase())).await;
    let git = options(&fixture, &format!("/{organization}/_apis/GIT")).await;
    assert!(all.len() > git.len() && !git.is_empty());
    assert!(git.iter().all(|location| location["area"] == "git" && all.contains(location)));
    for location in &all {
        assert!(text(&location["releasedVersion"]).parse::<f64>().is_ok(), "{location}");
        assert!(location["resourceVersion"].is_u64(), "{location}");
    }
    let deployment = options(&fixture, "/_apis").await;
    let areas: Vec<_> = deployment.iter().map(|location| text(&location["area"])).collect();
    assert_eq!(areas, ["Location", "Account", "Profile"]);
    assert_eq!(fixture.simulator.stats().requests["options"], 3);
    assert!(fixture.simulator.stats().spent_tstu.values().all(|spent| *spent == 0.0));
    let nobody = fixture.client.request(Method::OPTIONS, fixture.url("/nobody/_apis")).send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::NOT_FOUND);
}

/// The route of each location is one that is answered, so that no client finds a path that leads nowhere.
#[tokio::test]
async fn every_location_leads_to_a_route() {
    let fixture = Fixture::of(1, 1, 1).await;
    let (organization, project) = fixture.projects().await.remove(0);
    for location in options(&fixture, &format!("/{organization}/_apis")).await {
        let template = text(&location["routeTemplate"])
            .replace("{area}", text(&location["area"]))
            .replace("{resource}", text(&location["resourceName"]))
            .replace("{project}", text(&project["id"]));
        // What is left in braces is optional, but for what a path of one resource needs.
        let needs_more =
            ["{securityNamespaceId}", "{scopeId}", "{resourceType}", "{resourceId}", "{subjectDescriptor}"];
        let path: Vec<_> = template
            .split('/')
            .filter(|segment| !segment.starts_with('{') || needs_more.contains(segment))
            .map(|segment| if segment.starts_with('{') { "x" } else { segment })
            .collect();
        let url = format!("/{organization}/{}", path.join("/"));
        let answer = fixture.answer(&format!("{url}?api-version=7.1-preview.1")).await;
        let is_text = header(&answer, "content-type").is_some_and(|kind| kind.starts_with("text/plain"));
        assert!(!(answer.status() == StatusCode::NOT_FOUND && is_text), "{url}");
    }
}

#[tokio::test]
async fn no_area_is_named_unless_asked_for() {
    let fixture = Fixture::of(1, 1, 1).await;
    let organization = fixture.simulator.organizations().remove(0);
    let path = format!("/{organization}/_apis/ResourceAreas");
    let answer = fixture
        .client
        .get(fixture.url(&path))
        .header("Accept", "application/json;api-version=7.2-preview.1")
        .send()
        .await
        .unwrap();
    let kind = header(&answer, "content-type").unwrap();
    assert_eq!(kind, "application/json; charset=utf-8; api-version=7.2-preview.1");
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({"count": 0, "value": []}));
    let git = fixture.json(&format!("{path}/4E080C62-fa21-4fbc-8fef-2a10a2b38049")).await;
    assert_eq!(git["locationUrl"], fixture.url(&format!("/{organization}/")));
    let unknown = fixture.answer(&format!("{path}/{}", uuid::Uuid::nil())).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn listed_areas_lead_nowhere_else() {
    let options = SimulatorOptions { resource_areas: ResourceAreasMode::Listed, ..unlimited() };
    let fixture = Fixture::start(options).await;
    let organization = fixture.simulator.organizations().remove(0);
    let areas = fixture.all(&format!("/{organization}/_apis/ResourceAreas")).await;
    assert!(areas.len() > 30);
    let own = [fixture.url("/"), fixture.url(&format!("/{organization}/"))];
    assert!(areas.iter().all(|area| own.contains(&text(&area["locationUrl"]).to_owned())));
}
