//! Repositories that are renamed, moved, hidden, deleted, purged, restored.

use super::{Case, closed, named, told, world};
use muster_domain::resource::{Presence, ResourceKind};
use muster_runtime::HandlerError;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_repository_is_the_same_one() {
    let case = Case::begin(world()).await;
    let repository = case.repository().await;
    let mut change = named(&repository);
    change["name"] = json!("renamed-by-hand");
    case.change("renameRepository", change);
    case.discover().await;
    let after = case.get(repository.id).await;
    assert_eq!((after.resource.name.as_str(), after.presence), ("renamed-by-hand", Presence::Present));
    let line = format!("name: {} -> renamed-by-hand", repository.resource.name);
    assert_eq!(told(&case.facts().await, &repository), [line]);
    case.assert_judged_truly("renamed").await;
    assert_eq!(case.calls("deletedRepositories"), 0, "nothing was missing, no bin is asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_default_branch_is_judged_anew() {
    let case = Case::begin(world()).await;
    let before = case.bench.truth();
    // One whose verdict changes with the branch.
    for repository in case.all(ResourceKind::Repository).await {
        for branch in ["refs/heads/develop", "refs/heads/trunk"] {
            let mut change = named(&repository);
            change["branch"] = json!(branch);
            let change = serde_json::json!({ "change": "setDefaultBranch", "organization": case.organization,
                "project": change["project"], "repository": change["repository"], "branch": branch });
            // A repository without a commit has none.
            let _ = case.bench.simulator.change(&serde_json::from_value(change).unwrap());
        }
    }
    assert_ne!(case.bench.truth(), before, "the change of a default branch changes a verdict");
    case.discover().await;
    case.assert_judged_truly("with other default branches").await;
    let facts = case.facts().await;
    let repositories = case.all(ResourceKind::Repository).await;
    let moved = repositories
        .iter()
        .filter(|one| told(&facts, one).iter().any(|line| line.starts_with("defaultBranch")));
    assert!(moved.count() > 1, "{facts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_repository_is_gone_where_it_was() {
    let case = Case::begin(world()).await;
    let repository = case.repository().await;
    let projects = case.all(ResourceKind::Project).await;
    let here = repository.resource.key.project_id;
    let target =
        projects.iter().find(|project| project.resource.key.project_id != here).expect("another project");
    let mut change = named(&repository);
    change["target"] = json!(target.resource.key.external_id);
    case.change("moveRepository", change);
    case.discover().await;
    assert_eq!(case.presence(repository.id).await, Presence::Gone);
    let repositories = case.all(ResourceKind::Repository).await;
    let there = repositories
        .iter()
        .find(|one| {
            one.resource.key.external_id == repository.resource.key.external_id && one.id != repository.id
        })
        .expect("a row in the other project");
    assert_eq!(
        (there.presence, there.resource.key.project_id),
        (Presence::Present, target.resource.key.project_id)
    );
    let facts = case.facts().await;
    assert_eq!(told(&facts, &repository), ["removed"]);
    assert_eq!(told(&facts, there), ["discovered"]);
    case.assert_judged_truly("moved").await;
    assert_eq!(case.calls("deletedRepositories"), 0, "its new place says enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_repository_is_missing_and_not_removed() {
    let case = Case::begin(world()).await;
    let repository = case.repository().await;
    case.change("hideRepository", named(&repository));
    case.discover().await;
    assert_eq!(case.presence(repository.id).await, Presence::Missing);
    let facts = case.facts().await;
    assert_eq!(told(&facts, &repository), ["presence: present -> missing"]);
    assert_eq!(closed(&facts, &repository), 0, "what was known of it stays");
    assert_eq!(case.calls("deletedRepositories"), 1, "one project, one bin");

    case.change("restoreRepository", named(&repository));
    case.discover().await;
    assert_eq!(case.presence(repository.id).await, Presence::Present);
    assert_eq!(told(&case.facts().await, &repository), ["presence: missing -> present"]);
    case.assert_judged_truly("shown again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_repository_is_gone_and_comes_back() {
    let case = Case::begin(world()).await;
    let repository = case.repository().await;
    case.change("deleteRepository", named(&repository));
    case.discover().await;
    assert_eq!(case.presence(repository.id).await, Presence::Gone);
    let facts = case.facts().await;
    assert_eq!(told(&facts, &repository), ["removed"]);
    assert!(closed(&facts, &repository) > 0, "its assessments are told to be over");
    case.assert_judged_truly("deleted").await;
    assert_eq!(case.calls("deletedRepositories"), 1);

    case.change("restoreRepository", named(&repository));
    case.discover().await;
    assert_eq!(case.presence(repository.id).await, Presence::Present);
    assert_eq!(told(&case.facts().await, &repository), ["discovered"]);
    case.assert_judged_truly("restored").await;
    assert_eq!(case.calls("deletedRepositories"), 1, "what is gone is asked for no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_was_purged_unseen_is_missing() {
    let case = Case::begin(world()).await;
    let repository = case.repository().await;
    case.change("deleteRepository", named(&repository));
    case.change("purgeRepository", named(&repository));
    case.discover().await;
    assert_eq!(case.presence(repository.id).await, Presence::Missing, "nothing confirms that it is gone");
    assert!(!told(&case.facts().await, &repository).contains(&"removed".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_hidden_first_and_deleted_later_is_confirmed_later() {
    let case = Case::begin(world()).await;
    let repository = case.repository().await;
    case.change("hideRepository", named(&repository));
    case.discover().await;
    case.facts().await;
    case.change("deleteRepository", named(&repository));
    case.discover().await;
    assert_eq!(case.presence(repository.id).await, Presence::Gone);
    assert_eq!(told(&case.facts().await, &repository), ["removed"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bin_that_may_not_be_read_confirms_nothing() {
    let case = Case::begin(world()).await;
    let repository = case.repository().await;
    case.change("deleteRepository", named(&repository));
    case.break_route("deletedRepositories", 1, &json!({ "status": 403, "body": "no" }));
    case.discover().await;
    assert_eq!(case.presence(repository.id).await, Presence::Missing);
    case.discover().await;
    assert_eq!(case.presence(repository.id).await, Presence::Gone, "the next look confirms it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bin_that_fails_in_passing_is_asked_again_and_the_list_is_not() {
    let case = Case::begin(world()).await;
    let repository = case.repository().await;
    case.change("deleteRepository", named(&repository));
    case.break_route("deletedRepositories", 1, &json!({ "status": 502, "body": "bad gateway" }));
    let error = case.discover_failing().await;
    assert!(matches!(error, HandlerError::Retry { .. }), "{error}");
    assert_eq!(case.presence(repository.id).await, Presence::Missing, "not confirmed yet");
    case.bench.run_all().await;
    assert_eq!(case.presence(repository.id).await, Presence::Gone);
    let calls =
        ["connectionData", "projects", "repositories", "deletedRepositories"].map(|route| case.calls(route));
    assert_eq!(calls, [1, 1, 1, 2], "what was paid for is not read twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_lost_more_than_half_is_read_again_before_anything_is_missing() {
    let case = Case::begin(world()).await;
    let empty = json!({ "status": 200, "body": { "count": 0, "value": [] } });
    case.break_route("repositories", 1, &empty);
    case.discover().await;
    assert_eq!(case.calls("repositories"), 2);
    assert_eq!(case.presences(ResourceKind::Repository).await.get("missing"), None);

    let all = case.all(ResourceKind::Repository).await.len();
    case.break_route("repositories", 2, &empty);
    case.discover().await;
    assert_eq!(case.presences(ResourceKind::Repository).await.get("missing"), Some(&all), "it said so twice");
    case.discover().await;
    assert_eq!(case.presences(ResourceKind::Repository).await.get("present"), Some(&all));
    case.assert_judged_truly("listed again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_that_may_not_be_listed_are_not_missing() {
    let case = Case::begin(world()).await;
    case.break_route("repositories", 1, &json!({ "status": 403, "body": "no" }));
    case.discover().await;
    assert_eq!(case.presences(ResourceKind::Repository).await.get("missing"), None);
    let repositories = |state: &str| {
        let state = state.to_owned();
        move |row: &&tests::fleet::Judged| row.0 == "repository" && row.5 == state
    };
    let assessments = case.bench.assessments().await;
    assert_eq!(assessments.iter().filter(repositories("healthy")).count(), 0, "unknown is never healthy");
    assert!(assessments.iter().filter(repositories("unknown")).count() > 0);
    case.discover().await;
    case.assert_judged_truly("listed again").await;
}
