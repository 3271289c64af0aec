//! The numbers are exact, paging loses nothing, one seed gives one world.

use std::collections::BTreeSet;

use serde_json::Value;

use super::support::{Fixture, text, unlimited};
use crate::SimulatorOptions;

async fn repositories(fixture: &Fixture) -> Vec<Value> {
    let mut found = Vec::new();
    for organization in fixture.simulator.organizations() {
        found.extend(fixture.all(&format!("/{organization}/_apis/git/repositories?api-version=7.1")).await);
    }
    found
}

fn ids(items: &[Value]) -> BTreeSet<String> {
    items.iter().map(|item| item["id"].to_string()).collect()
}

#[tokio::test]
async fn totals_are_exact() {
    for (organizations, projects, total) in [(1, 1, 1), (3, 40, 1_000), (3, 40, 10_000)] {
        let fixture = Fixture::of(organizations, projects, total).await;
        assert_eq!(fixture.simulator.organizations().len(), organizations);
        assert_eq!(fixture.projects().await.len(), projects);
        let all = repositories(&fixture).await;
        assert_eq!((all.len(), ids(&all).len()), (total, total));
    }
}

#[tokio::test]
async fn the_repositories_of_the_projects_are_those_of_the_organization() {
    let fixture = Fixture::of(3, 40, 1_000).await;
    let mut by_project = Vec::new();
    for (organization, project) in fixture.projects().await {
        let path = format!("/{organization}/{}/_apis/git/repositories", text(&project["id"]));
        let own = fixture.all(&path).await;
        let names: BTreeSet<_> = own.iter().map(|one| text(&one["name"]).to_lowercase()).collect();
        assert_eq!(names.len(), own.len());
        by_project.extend(own);
    }
    assert_eq!(ids(&by_project), ids(&repositories(&fixture).await));
    let absent = by_project.iter().filter(|one| one.get("defaultBranch").is_none()).count();
    let disabled = by_project.iter().filter(|one| one["isDisabled"] == true).count();
    assert!((10..60).contains(&absent) && (10..60).contains(&disabled), "{absent} {disabled}");
}

#[tokio::test]
async fn pages_of_any_size_give_the_same_list() {
    let fixture = Fixture::of(1, 6, 1_500).await;
    for (organization, project) in fixture.projects().await {
        let base = format!("/{organization}/{}/_apis", text(&project["id"]));
        for path in [
            "policy/configurations?api-version=7.1",
            "build/definitions?includeAllProperties=true&queryOrder=definitionNameAscending",
        ] {
            let whole = fixture.all(&format!("{base}/{path}&$top=1000")).await;
            assert_eq!(ids(&whole).len(), whole.len());
            assert_eq!(fixture.all(&format!("{base}/{path}&%24top=37")).await, whole);
            assert_eq!(fixture.all(&format!("{base}/{path}")).await, whole);
        }
    }
    let organization = fixture.simulator.organizations().remove(0);
    let whole = fixture.all(&format!("/{organization}/_apis/projects?$top=1000")).await;
    assert_eq!(fixture.all(&format!("/{organization}/_apis/projects?$top=4")).await, whole);
    assert_eq!(fixture.all(&format!("/{organization}/_apis/projects?$skip=2")).await, whole[2..]);
}

#[tokio::test]
async fn ids_of_policies_and_definitions_are_unique_in_an_organization() {
    let fixture = Fixture::of(1, 20, 800).await;
    for list in ["policy/configurations?$top=1000", "build/definitions?queryOrder=lastModifiedAscending"] {
        let mut all = Vec::new();
        for (organization, project) in fixture.projects().await {
            all.extend(fixture.all(&format!("/{organization}/{}/_apis/{list}", text(&project["id"]))).await);
        }
        assert!(all.len() > 300, "{list}: {}", all.len());
        assert_eq!(ids(&all).len(), all.len(), "{list}");
    }
}

#[tokio::test]
async fn the_policies_of_one_type_can_be_asked_for() {
    let fixture = Fixture::of(1, 1, 60).await;
    let (organization, project) = fixture.projects().await.remove(0);
    let reviewers = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd";
    let base = format!("/{organization}/{}/_apis/policy/configurations", text(&project["id"]));
    let all = fixture.all(&base).await;
    let own: Vec<_> = all.iter().filter(|policy| policy["type"]["id"] == reviewers).cloned().collect();
    assert_eq!(fixture.all(&format!("{base}?policyType={reviewers}&$top=7")).await, own);
    assert!(!own.is_empty() && own.len() < all.len());
}

#[tokio::test]
async fn one_seed_gives_one_world() {
    let options =
        |seed| SimulatorOptions { organizations: 2, projects: 9, repositories: 200, seed, ..unlimited() };
    let [one, same, other] = [
        Fixture::start(options(5)).await,
        Fixture::start(options(5)).await,
        Fixture::start(options(6)).await,
    ];
    assert_eq!(one.simulator.truth(), same.simulator.truth());
    assert_ne!(one.simulator.truth(), other.simulator.truth());
    assert_eq!(one.simulator.pat(), same.simulator.pat());
    for organization in one.simulator.organizations() {
        let path = format!("/{organization}/_apis/git/repositories");
        let [left, right] = [one.json(&path).await.to_string(), same.json(&path).await.to_string()];
        assert_eq!(left.replace(one.simulator.base_url(), ""), right.replace(same.simulator.base_url(), ""));
    }
}
