//! Policies that say nothing about the reviewers of a default branch. Whoever judges reviewers has to look past
//! them.

use serde_json::{Map, Value, json};

use crate::world::policy::{Force, Scope, configuration};
use crate::world::{Configuration, Draw, MINIMUM_REVIEWERS, Project, Repository, Topic, World};

const BUILD: (&str, &str) = ("0609b952-1397-4640-95ec-e00a01b2c241", "Build");
const COMMENTS: (&str, &str) = ("c6a1889d-b943-4856-b76f-9e46bb6b0df2", "Comment requirements");
const WORK_ITEMS: (&str, &str) = ("40e92b44-2fe1-4dd6-b3d8-74a9c21d0c6e", "Work item linking");
const REQUIRED_REVIEWERS: (&str, &str) = ("fd2167ab-b0be-447a-8ec8-39368250530e", "Required reviewers");
const FILE_SIZE: (&str, &str) = ("2e26e725-8201-4edd-8bf5-978563c34a80", "File size restriction");
const PATH_LENGTH: (&str, &str) = ("001a79cf-fda1-4c4e-9e7c-bac40ee5ead8", "Path Length restriction");
const REVIEWERS: (&str, &str) = (MINIMUM_REVIEWERS, "Minimum number of reviewers");

pub(super) fn for_project(world: &World, project: &Project, first_id: u64, list: &mut Vec<Configuration>) {
    let mut draw = Draw::new(world.seed, Topic::PolicyNoise, &[project.index.0]);
    let everywhere = Scope::Repository { repository: None };
    if draw.percent(60) {
        let bytes = 10_485_760_u64 << draw.below(5);
        let settings = object(&json!({"MaximumGitBlobSizeInBytes": bytes, "useUncompressedSize": false}));
        list.push(configuration(world, first_id, FILE_SIZE, Force::Blocking, settings, &[everywhere]));
    }
    if draw.percent(25) {
        let settings = object(&json!({"maxPathLength": 248}));
        list.push(configuration(world, first_id + 1, PATH_LENGTH, Force::Blocking, settings, &[everywhere]));
    }
    if draw.percent(25) {
        let settings = object(&json!({
            "requiredReviewerIds": [draw.uuid(), draw.uuid()],
            "filenamePatterns": ["/deploy/*"],
            "addedFilesOnly": false,
            "message": null,
            "minimumApproverCount": 2,
            "creatorVoteCounts": false
        }));
        let scopes = [Scope::Exact { repository: None, branch: "refs/heads/main" }];
        list.push(configuration(world, first_id + 2, REQUIRED_REVIEWERS, Force::Blocking, settings, &scopes));
    }
    for (slot, chance, force) in [(3, 12, Force::Disabled), (4, 8, Force::Deleted)] {
        if draw.percent(chance) {
            let settings = object(&json!({"minimumApproverCount": 2, "creatorVoteCounts": false}));
            list.push(configuration(
                world,
                first_id + slot,
                REVIEWERS,
                force,
                settings,
                &[Scope::DefaultBranch],
            ));
        }
    }
}

pub(super) fn for_repository(
    world: &World,
    repository: &Repository,
    first_id: u64,
    list: &mut Vec<Configuration>,
) {
    let key = [repository.index.project.0, repository.index.position];
    let mut draw = Draw::new(world.seed, Topic::PolicyNoise, &key);
    let here = Scope::Exact { repository: Some(repository.id), branch: repository.policy_branch };
    if draw.percent(25) {
        let settings = object(&json!({
            "buildDefinitionId": 1 + draw.below(500),
            "displayName": format!("{} pull request", repository.name),
            "manualQueueOnly": false,
            "queueOnSourceUpdateOnly": true,
            "validDuration": 720.0
        }));
        let force = if draw.percent(80) { Force::Blocking } else { Force::Advisory };
        list.push(configuration(world, first_id, BUILD, force, settings, &[here]));
    }
    for (slot, chance, kind) in [(1, 30, COMMENTS), (2, 15, WORK_ITEMS)] {
        if draw.percent(chance) {
            list.push(configuration(world, first_id + slot, kind, Force::Blocking, Map::new(), &[here]));
        }
    }
    if draw.percent(8) {
        let settings = object(&json!({"minimumApproverCount": 2, "creatorVoteCounts": false}));
        let scope = Scope::Exact { repository: Some(repository.id), branch: "refs/heads/hotfix" };
        list.push(configuration(world, first_id + 3, REVIEWERS, Force::Blocking, settings, &[scope]));
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
