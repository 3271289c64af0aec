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

/// What a secret needs to stay with the pipeline: the project keeps it there, or no trigger lets it go.
fn judge_pipeline(definition: &Value, settings: &Value) -> TruthState {
    if definition["queueStatus"] == "disabled" {
        return TruthState::NotApplicable;
    }
    let switch = |key: &str| settings.get(key).and_then(Value::as_bool);
    let protection = switch("forkProtectionEnabled");
    let is_protected = (protection == Some(true) && switch("buildsEnabledForForks") == Some(false))
        || (switch("enforceNoAccessToSecretsFromForks") == Some(true) && protection != Some(false));
    let is_private = definition["repository"]["properties"]["IsPrivate"] == "True";
    let lets_secrets_go = |trigger: &Value| {
        trigger["triggerType"] == "pullRequest"
            && trigger["forks"]["enabled"] == true
            && trigger["forks"]["allowSecrets"] == true
    };
    let is_exposed = definition["triggers"].as_array().unwrap().iter().any(lets_secrets_go);
    healthy_if(!is_exposed || is_private || is_protected)
}

fn judge_connection_kind(connection: &Value) -> TruthState {
    match text(&connection["type"]) {
        "azure" => TruthState::Unhealthy,
        "azurerm" => TruthState::Healthy,
        _ => TruthState::NotApplicable,
    }
}

fn judge_group(group: &Value, is_open: bool) -> TruthState {
    let variables = group["variables"].as_object().unwrap();
    let has_secret = variables.values().any(|variable| variable["isSecret"] == true);
    if group["type"] == "AzureKeyVault" || has_secret {
        healthy_if(!is_open)
    } else {
        TruthState::NotApplicable
    }
}

/// Whether both products are on, by repository.
async fn advanced_security(fixture: &Fixture, organization: &str) -> BTreeMap<String, bool> {
    let path = format!("/advsec/{organization}/_apis/management/enablement?api-version=7.2-preview.3");
    let answer = fixture.json(&path).await;
    let is_on = |one: &Value| {
        one["codeSecurityFeatures"]["codeSecurityEnabled"] == true
            && one["secretProtectionFeatures"]["secretProtectionEnabled"] == true
    };
    let list = answer["reposEnablementStatus"].as_array().unwrap();
    list.iter().map(|one| (text(&one["repositoryId"]).to_owned(), is_on(one))).collect()
}

/// One project, looked at from outside.
struct Place<'test> {
    fixture: &'test Fixture,
    project: String,
    base: String,
    opinion: &'test mut Opinion,
}

impl Place<'_> {
    fn say(&mut self, id: &str, key: &'static str, state: TruthState) {
        self.opinion.insert((self.project.clone(), id.to_owned(), key), state);
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        self.fixture.all(&format!("{}/{path}", self.base)).await
    }

    async fn is_open(&self, kind: &str, id: &str) -> bool {
        let path =
            format!("{}/pipelines/pipelinepermissions/{kind}/{id}?api-version=7.1-preview.1", self.base);
        self.fixture.json(&path).await["allPipelines"]["authorized"] == true
    }

    async fn judge_repositories(&mut self, security: &BTreeMap<String, bool>) {
        let policies = self.list("policy/configurations").await;
        for repository in self.list("git/repositories").await {
            let [two, own] = judge_repository(&repository, &policies);
            let id = text(&repository["id"]);
            self.say(id, assessment::TWO_REVIEWERS, two);
            self.say(id, assessment::NO_SELF_APPROVAL, own);
            let is_secured = match repository["isDisabled"] == true {
                true => TruthState::NotApplicable,
                false => healthy_if(security[id]),
            };
            self.say(id, assessment::ADVANCED_SECURITY, is_secured);
        }
    }

    async fn judge_pipelines(&mut self) {
        let settings = self.fixture.json(&format!("{}/build/generalsettings", self.base)).await;
        let project = self.project.clone();
        self.say(&project, assessment::NO_CLASSIC_PIPELINES, judge_settings(&settings));
        let path = "build/definitions?includeAllProperties=true&queryOrder=definitionNameAscending";
        for definition in self.list(path).await {
            let state = judge_pipeline(&definition, &settings);
            self.say(&definition["id"].to_string(), assessment::NO_SECRETS_FOR_FORKS, state);
        }
    }

    async fn judge_connections(&mut self) {
        for connection in self.list("serviceendpoint/endpoints").await {
            let id = text(&connection["id"]);
            let is_open = self.is_open("endpoint", id).await;
            self.say(id, assessment::NO_OPEN_CONNECTION, healthy_if(!is_open));
            self.say(id, assessment::NO_CLASSIC_CONNECTION, judge_connection_kind(&connection));
        }
    }

    async fn judge_library(&mut self) {
        for group in self.list("distributedtask/variablegroups").await {
            let id = group["id"].to_string();
            let is_open = self.is_open("variablegroup", &id).await;
            self.say(&id, assessment::NO_OPEN_VARIABLE_GROUP, judge_group(&group, is_open));
        }
        for file in self.list("distributedtask/securefiles").await {
            let id = text(&file["id"]);
            let is_open = self.is_open("securefile", id).await;
            self.say(id, assessment::NO_OPEN_SECURE_FILE, healthy_if(!is_open));
        }
    }
}

async fn second_opinion(fixture: &Fixture) -> Opinion {
    let mut opinion = Opinion::new();
    let mut security = BTreeMap::new();
    for organization in fixture.simulator.organizations() {
        security.extend(advanced_security(fixture, &organization).await);
    }
    for (organization, project) in fixture.projects().await {
        let project = text(&project["id"]).to_owned();
        let base = format!("/{organization}/{project}/_apis");
        let mut place = Place { fixture, project, base, opinion: &mut opinion };
        place.judge_repositories(&security).await;
        place.judge_pipelines().await;
        place.judge_connections().await;
        place.judge_library().await;
    }
    opinion
}

const KEYS: [&str; 9] = [
    assessment::TWO_REVIEWERS,
    assessment::NO_SELF_APPROVAL,
    assessment::NO_CLASSIC_PIPELINES,
    assessment::NO_OPEN_CONNECTION,
    assessment::ADVANCED_SECURITY,
    assessment::NO_SECRETS_FOR_FORKS,
    assessment::NO_OPEN_SECURE_FILE,
    assessment::NO_OPEN_VARIABLE_GROUP,
    assessment::NO_CLASSIC_CONNECTION,
];

fn as_opinion(truths: Vec<Truth>) -> Opinion {
    let key_of = |truth: &Truth| KEYS.into_iter().find(|key| *key == truth.assessment_key).unwrap();
    let entry = |truth: Truth| {
        let key = key_of(&truth);
        ((truth.resource.project_id.to_string(), truth.resource.id, key), truth.state)
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
