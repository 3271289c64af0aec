//! The truth against a second opinion: policies, settings and permissions as the service tells them, evaluated
//! here from the ground up, without a look at what was planted.

use std::collections::BTreeMap;

use serde_json::Value;

use super::support::{Fixture, text};
use crate::{Truth, TruthState, assessment};

const MINIMUM_REVIEWERS: &str = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd";

/// Project, resource and assessment to state.
type Opinion = BTreeMap<(String, String, &'static str), TruthState>;

fn healthy_if(condition: bool) -> TruthState {
    if condition { TruthState::Healthy } else { TruthState::Unhealthy }
}

fn scope_applies(scope: &Value, repository: &Value) -> bool {
    let branch = text(&repository["defaultBranch"]);
    let scoped = |key: &str| scope.get(key).and_then(Value::as_str);
    if scoped("repositoryId").is_some_and(|id| repository["id"] != id) {
        return false;
    }
    match (scoped("matchKind").map(str::to_lowercase).as_deref(), scoped("refName")) {
        (Some("defaultbranch"), None) => true,
        (Some("exact"), Some(name)) => name == branch,
        (Some("prefix"), Some(name)) => branch.starts_with(name),
        other => panic!("{other:?}"),
    }
}

fn judge_repository(repository: &Value, policies: &[Value]) -> [TruthState; 2] {
    if repository["isDisabled"] == true || repository.get("defaultBranch").is_none() {
        return [TruthState::NotApplicable; 2];
    }
    let counts = |policy: &&Value| {
        policy["type"]["id"] == MINIMUM_REVIEWERS
            && policy["isEnabled"] == true
            && policy["isBlocking"] == true
            && policy.get("isDeleted") != Some(&Value::Bool(true))
            && policy["settings"]["scope"]
                .as_array()
                .unwrap()
                .iter()
                .any(|scope| scope_applies(scope, repository))
    };
    let settings: Vec<_> = policies.iter().filter(counts).map(|policy| &policy["settings"]).collect();
    let most = settings.iter().map(|one| one["minimumApproverCount"].as_u64().unwrap()).max();
    let author_never_counts = settings.iter().any(|one| one["creatorVoteCounts"] == false);
    [healthy_if(most >= Some(2)), healthy_if(author_never_counts)]
}

fn judge_settings(settings: &Value) -> TruthState {
    let is_on = |key: &str| settings.get(key) == Some(&Value::Bool(true));
    let is_newer = settings.get("disableClassicBuildPipelineCreation").is_some();
    healthy_if(if is_newer {
        is_on("disableClassicBuildPipelineCreation") && is_on("disableClassicReleasePipelineCreation")
    } else {
        is_on("disableClassicPipelineCreation")
    })
}

async fn second_opinion(fixture: &Fixture) -> Opinion {
    let mut opinion = Opinion::new();
    for (organization, project) in fixture.projects().await {
        let project = text(&project["id"]).to_owned();
        let base = format!("/{organization}/{project}/_apis");
        let policies = fixture.all(&format!("{base}/policy/configurations")).await;
        for repository in fixture.all(&format!("{base}/git/repositories")).await {
            let [two, own] = judge_repository(&repository, &policies);
            let id = text(&repository["id"]);
            opinion.insert((project.clone(), id.to_owned(), assessment::TWO_REVIEWERS), two);
            opinion.insert((project.clone(), id.to_owned(), assessment::NO_SELF_APPROVAL), own);
        }
        let settings = fixture.json(&format!("{base}/build/generalsettings")).await;
        let key = (project.clone(), project.clone(), assessment::NO_CLASSIC_PIPELINES);
        opinion.insert(key, judge_settings(&settings));
        for connection in fixture.all(&format!("{base}/serviceendpoint/endpoints")).await {
            let id = text(&connection["id"]).to_owned();
            let path =
                format!("{base}/pipelines/pipelinepermissions/endpoint/{id}?api-version=7.1-preview.1");
            let is_open = fixture.json(&path).await["allPipelines"]["authorized"] == true;
            opinion.insert((project.clone(), id, assessment::NO_OPEN_CONNECTION), healthy_if(!is_open));
        }
    }
    opinion
}

fn as_opinion(truths: Vec<Truth>) -> Opinion {
    let key_of = |truth: &Truth| {
        let keys = [
            assessment::TWO_REVIEWERS,
            assessment::NO_SELF_APPROVAL,
            assessment::NO_CLASSIC_PIPELINES,
            assessment::NO_OPEN_CONNECTION,
        ];
        keys.into_iter().find(|key| *key == truth.assessment_key).unwrap()
    };
    let entry = |truth: Truth| {
        let resource = &truth.resource;
        ((resource.project_id.to_string(), resource.id.to_string(), key_of(&truth)), truth.state)
    };
    let count = truths.len();
    let opinion: Opinion = truths.into_iter().map(entry).collect();
    assert_eq!(opinion.len(), count, "a truth is told twice");
    opinion
}

#[tokio::test]
async fn the_truth_stands_up_to_an_evaluation_of_the_answers() {
    for (organizations, projects, repositories) in [(3, 40, 1_000), (1, 1, 1), (2, 25, 3_000)] {
        let fixture = Fixture::of(organizations, projects, repositories).await;
        let truth = as_opinion(fixture.simulator.truth());
        let second = second_opinion(&fixture).await;
        assert_eq!(truth.len(), second.len());
        for (key, state) in &truth {
            assert_eq!(second.get(key), Some(state), "{key:?}");
        }
    }
}

#[tokio::test]
async fn the_truth_is_told_whole_or_by_organization() {
    let fixture = Fixture::of(3, 12, 300).await;
    let whole: Vec<Truth> = serde_json::from_value(fixture.json("/_sim/truth").await).unwrap();
    assert_eq!(whole, fixture.simulator.truth());
    let mut parts = Vec::new();
    for organization in fixture.simulator.organizations() {
        let part = fixture.json(&format!("/_sim/truth?organization={organization}")).await;
        let part: Vec<Truth> = serde_json::from_value(part).unwrap();
        assert!(part.iter().all(|truth| truth.resource.organization == organization));
        parts.extend(part);
    }
    assert_eq!(parts, whole);
}
