//! Protected resources of projects: their pages, shapes, checks and roles.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::support::{Fixture, text};

#[tokio::test]
async fn groups_and_environments_come_in_odd_pages_and_nothing_is_lost() {
    let fixture = Fixture::of(1, 12, 100).await;
    let mut most_pages = 0;
    for (organization, project) in fixture.projects().await {
        let base = format!("/{organization}/{}/_apis", text(&project["id"]));
        for (path, size) in [("distributedtask/variablegroups", 7), ("pipelines/environments", 5)] {
            let whole = fixture.all(&format!("{base}/{path}?$top=100")).await;
            assert_eq!(fixture.all(&format!("{base}/{path}")).await, whole);
            assert_eq!(fixture.all(&format!("{base}/{path}?$top=3")).await, whole);
            let first = fixture.json(&format!("{base}/{path}")).await["count"].as_u64().unwrap();
            assert_eq!(first, size.min(whole.len() as u64));
            most_pages = most_pages.max(whole.len() as u64 / size);
        }
        assert_eq!(
            fixture.all(&format!("{base}/distributedtask/environments")).await,
            fixture.all(&format!("{base}/pipelines/environments")).await
        );
    }
    assert!(most_pages > 1);
}

#[tokio::test]
async fn groups_have_every_kind_of_secret_and_queues_the_pools_of_the_organization() {
    let fixture = Fixture::of(1, 20, 40).await;
    let organization = fixture.simulator.organizations().remove(0);
    let pools = fixture.all(&format!("/{organization}/_apis/distributedtask/pools")).await;
    let pools: BTreeSet<_> = pools.iter().map(|pool| pool["id"].as_u64().unwrap()).collect();
    let mut kinds = BTreeSet::new();
    for (organization, project) in fixture.projects().await {
        let base = format!("/{organization}/{}/_apis/distributedtask", text(&project["id"]));
        for group in fixture.all(&format!("{base}/variablegroups")).await {
            let has_secret =
                group["variables"].as_object().unwrap().values().any(|variable| variable["isSecret"] == true);
            let has_vault = group["providerData"]["vault"].is_string();
            assert_eq!(has_vault, group["type"] == "AzureKeyVault");
            kinds.insert((text(&group["type"]).to_owned(), has_secret));
        }
        for queue in fixture.all(&format!("{base}/queues")).await {
            assert!(pools.contains(&queue["pool"]["id"].as_u64().unwrap()));
        }
    }
    let expected = [("AzureKeyVault", true), ("Vsts", false), ("Vsts", true)];
    assert_eq!(kinds, expected.map(|(kind, secret)| (kind.to_owned(), secret)).into());
}

/// Of each type that an organization has, something is open: an empty list of open resources proves nothing.
#[tokio::test]
async fn every_organization_has_something_open_of_every_type_that_it_has() {
    let fixture = Fixture::of(12, 36, 60).await;
    for organization in fixture.simulator.organizations() {
        let (mut there, mut open) = (BTreeSet::new(), BTreeSet::new());
        for project in fixture.all(&format!("/{organization}/_apis/projects")).await {
            let base = format!("/{organization}/{}/_apis", text(&project["id"]));
            for (path, kind) in [
                ("distributedtask/variablegroups", "variablegroup"),
                ("distributedtask/securefiles", "securefile"),
                ("distributedtask/queues", "queue"),
                ("serviceendpoint/endpoints", "endpoint"),
            ] {
                if !fixture.all(&format!("{base}/{path}")).await.is_empty() {
                    there.insert(kind.to_owned());
                }
            }
            let path = format!("{base}/build/authorizedresources?api-version=7.1-preview.1");
            open.extend(fixture.all(&path).await.iter().map(|one| text(&one["type"]).to_owned()));
        }
        assert_eq!(there, open, "{organization}");
    }
}

#[tokio::test]
async fn definitions_have_every_status_host_and_answer_about_privacy() {
    let fixture = Fixture::of(1, 6, 400).await;
    let (mut statuses, mut hosts) = (BTreeSet::new(), BTreeSet::new());
    for (organization, project) in fixture.projects().await {
        let path = format!("/{organization}/{}/_apis/build/definitions", text(&project["id"]));
        for definition in fixture.all(&format!("{path}?includeAllProperties=true")).await {
            statuses.insert(text(&definition["queueStatus"]).to_owned());
            let repository = &definition["repository"];
            let privacy = repository["properties"]["IsPrivate"].as_str().map(str::to_owned);
            hosts.insert((text(&repository["type"]).to_owned(), privacy));
        }
    }
    assert_eq!(statuses, ["disabled", "enabled", "paused"].map(str::to_owned).into());
    for host in ["GitHub", "TfsGit"] {
        for privacy in ["True", "False"] {
            assert!(hosts.contains(&(host.to_owned(), Some(privacy.to_owned()))), "{host} {privacy}");
        }
    }
    assert!(hosts.contains(&("TfsGit".to_owned(), None)), "not every answer tells");
}

#[tokio::test]
async fn checks_of_many_resources_come_in_one_answer() {
    let fixture = Fixture::of(1, 12, 10).await;
    let mut types = BTreeSet::new();
    for (organization, project) in fixture.projects().await {
        let base = format!("/{organization}/{}/_apis", text(&project["id"]));
        let environments = fixture.all(&format!("{base}/pipelines/environments")).await;
        let asked: Vec<Value> = environments
            .iter()
            .map(|one| json!({"type": "environment", "id": one["id"].to_string(), "name": one["name"]}))
            .collect();
        let path =
            format!("{base}/pipelines/checks/queryconfigurations?$expand=settings&api-version=7.1-preview.1");
        let post = |body: Value| {
            let request =
                fixture.client.post(fixture.url(&path)).basic_auth("", Some(fixture.simulator.pat()));
            request.json(&body).send()
        };
        let answer: Value = post(json!(asked)).await.unwrap().json().await.unwrap();
        let checks = answer["value"].as_array().unwrap();
        assert_eq!(answer["count"], checks.len());
        for check in checks {
            assert!(asked.iter().any(|one| one["id"] == check["resource"]["id"]));
            assert!(check["settings"].is_object());
            types.insert(text(&check["type"]["name"]).to_owned());
        }
        assert!(checks.len() < 5 * asked.len().max(1), "some have none");
        let refused = post(json!([{"type": "nothing", "id": "1"}])).await.unwrap();
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    }
    assert_eq!(types, ["Approval", "ExclusiveLock", "ExtendsCheck", "Task Check"].map(str::to_owned).into());
}

#[tokio::test]
async fn roles_are_those_of_the_project_and_sometimes_of_a_person() {
    let fixture = Fixture::of(1, 3, 10).await;
    let (organization, project) = fixture.projects().await.remove(0);
    let base = format!("/{organization}/_apis/securityroles/scopes");
    let project = text(&project["id"]);
    let mut lengths = BTreeSet::new();
    for number in 1..20 {
        let scope = "distributedtask.variablegroup/roleassignments/resources";
        let path = format!("{base}/{scope}/{project}%24{number}?api-version=7.1-preview.1");
        let roles = fixture.all(&path).await;
        assert_eq!(
            (&roles[0]["role"]["name"], &roles[0]["access"]),
            (&json!("Administrator"), &json!("inherited"))
        );
        lengths.insert(roles.len());
    }
    assert_eq!(lengths, BTreeSet::from([3, 4]));
    let unknown = format!("{base}/nothing/roleassignments/resources/1?api-version=7.1-preview.1");
    assert_eq!(fixture.answer(&unknown).await.status(), StatusCode::NOT_FOUND);
}
