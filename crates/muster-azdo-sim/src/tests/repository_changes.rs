//! Repositories that move, are deleted, or stand on another branch: the answers and the truth follow.

use serde_json::{Value, json};

use super::changes::start;
use super::support::text;
use crate::{TruthState, assessment};

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
