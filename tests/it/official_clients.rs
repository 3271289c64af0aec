//! The official clients of Azure DevOps, as they are published, walk the simulator: what they count is what is there, and
//! nothing that they send leaves the machine.

use muster_azdo_sim::{Change, ChangeKind, ResourceAreasMode, RunningSimulator, Simulator, SimulatorOptions};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tests::processes::Process;
use tests::services;

/// A walk takes seconds; a machine that builds beside it takes its time to start an interpreter.
const WALK_DEADLINE: Duration = Duration::from_secs(180);
const PROJECTS: usize = 14;
const REPOSITORIES: usize = 90;
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/official-clients");
/// Repositories in the security namespaces of the service.
const GIT_NAMESPACE: &str = "2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87";

async fn start(resource_areas: ResourceAreasMode) -> RunningSimulator {
    let options = SimulatorOptions {
        organizations: 1,
        projects: PROJECTS,
        repositories: REPOSITORIES,
        // This one has more people than a page of the directory holds.
        seed: 2,
        tstu_limit: None,
        // Neither client can page policies: all have to come at once.
        policy_page_size: 1_000,
        resource_areas,
        ..SimulatorOptions::default()
    };
    services::install_tls_provider();
    let simulator = Simulator::start(options).await.expect("start the simulator");
    delete_some(&simulator).await;
    simulator
}

/// Deletes a repository and another project, so that there is something deleted to be listed.
async fn delete_some(simulator: &RunningSimulator) {
    let reader = Reader::new(simulator);
    let repositories = reader.all("_apis/git/repositories", "value").await;
    let text = |value: &Value| value.as_str().expect("an id").to_owned();
    let (first, last) = (&repositories[0], &repositories[repositories.len() - 1]);
    assert_ne!(first["project"]["id"], last["project"]["id"]);
    let change = |change| Change {
        change,
        organization: Some(simulator.organizations().remove(0)),
        ..Change::default()
    };
    let repository = Change { repository: Some(text(&first["id"])), ..change(ChangeKind::DeleteRepository) };
    let project = Change { project: Some(text(&last["project"]["id"])), ..change(ChangeKind::DeleteProject) };
    for change in [repository, project] {
        simulator.change(&change).expect("delete what was listed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_counts_what_is_there() {
    for areas in [ResourceAreasMode::Empty, ResourceAreasMode::Listed] {
        let simulator = start(areas).await;
        let expected = Expected::of(&simulator).await;
        let walked = walk(&simulator, &services::python(), "walk.py", None).await;
        expected.assert_counted(&walked, &PYTHON_CANNOT);
        let person = &simulator.identities()[0];
        assert_eq!(walked["identity"]["profile"], person.id.to_string());
        assert_eq!(walked["counts"]["accounts"], 1);
        assert_called(
            &simulator,
            &["options", "resourceAreas", "accounts", "profile", "pipelinePermissions"],
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_client_counts_what_is_there() {
    for areas in [ResourceAreasMode::Empty, ResourceAreasMode::Listed] {
        let simulator = start(areas).await;
        let expected = Expected::of(&simulator).await;
        let walked = walk(&simulator, Path::new("node"), "walk.js", Some(services::node_modules())).await;
        expected.assert_counted(&walked, &NODE_CANNOT);
        assert_called(&simulator, &["options", "resourceAreas", "secureFiles", "roleAssignments"]);
    }
}

/// What the Python package 7.1.0b4 has no method for.
const PYTHON_CANNOT: [&str; 3] = ["secureFiles", "advancedSecurityEnablement", "roleAssignments"];
/// What the Node package 17 has no method for.
const NODE_CANNOT: [&str; 9] = [
    "securityNamespaces",
    "graphUsers",
    "graphGroups",
    "firstUserEntitlements",
    "auditStreams",
    "accessControlLists",
    "pipelinePermissions",
    "checkConfigurations",
    "accounts",
];

/// Runs a walk to its end. Every proxy is a closed port, so that a request to anywhere else fails, and the guard in the
/// walk names it.
async fn walk(simulator: &RunningSimulator, program: &Path, script: &str, modules: Option<PathBuf>) -> Value {
    simulator.reset_stats();
    let cache = TempDir::new().expect("create a folder for the client's cache");
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let nowhere = format!("http://{}", closed.expect("find a port that nobody listens on"));
    let mut environment = BTreeMap::from([
        ("AZURE_DEVOPS_EXT_PAT".to_owned(), simulator.pat().to_owned()),
        ("AZURE_DEVOPS_CACHE_DIR".to_owned(), cache.path().display().to_string()),
    ]);
    environment.extend(modules.map(|folder| ("NODE_PATH".to_owned(), folder.display().to_string())));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        environment.insert(name.to_owned(), nowhere.clone());
        environment.insert(name.to_lowercase(), nowhere.clone());
    }
    for name in ["NO_PROXY", "no_proxy"] {
        environment.insert(name.to_owned(), "127.0.0.1".to_owned());
    }
    let script = format!("{FOLDER}/{script}");
    let organization = simulator.organizations().remove(0);
    let arguments = [script.as_str(), simulator.base_url(), &organization];
    let process = Process::start(program, &arguments, &environment);
    let status = process.wait(WALK_DEADLINE).await;
    assert!(status.success(), "{script}: {}", process.stderr());
    let walked: Value = serde_json::from_str(&process.stdout()).expect("one line of JSON");
    assert_eq!(walked["outside"], json!([]), "{script} would have left the machine");
    let arrived: u64 = simulator.stats().requests.values().sum();
    assert_eq!(walked["requests"], arrived, "{script} called what the simulator does not know");
    let data = &walked["identity"];
    assert_eq!(data["subject"], simulator.identities()[0].subject_descriptor);
    walked
}

/// The routes were called, and no call failed: a client that guesses sees refusals.
fn assert_called(simulator: &RunningSimulator, routes: &[&str]) {
    let stats = simulator.stats();
    for route in routes {
        assert!(stats.requests.get(*route).is_some_and(|calls| *calls > 0), "{route}: {:?}", stats.requests);
    }
    assert_eq!(stats.failures, BTreeMap::new());
}

/// What there is, read without a client of Azure DevOps: by name of the count.
struct Expected(BTreeMap<&'static str, usize>);

impl Expected {
    async fn of(simulator: &RunningSimulator) -> Self {
        let reader = Reader::new(simulator);
        let projects = reader.all("_apis/projects?stateFilter=wellFormed", "value").await;
        assert_eq!(projects.len(), PROJECTS - 1);
        let repositories = reader.all("_apis/git/repositories", "value").await.len();
        assert!(repositories < REPOSITORIES, "{repositories}");
        let lists = format!("_apis/accesscontrollists/{GIT_NAMESPACE}");
        let enablement = "_apis/management/enablement?includeAllProperties=true&api-version=7.2-preview.3";
        let graph_users = reader.all("_apis/graph/users", "value").await;
        let first_page = reader.read(Method::GET, "_apis/graph/users", None).await.1;
        assert!(first_page.is_some(), "all people fit into one page");
        let mut counts = BTreeMap::from([
            ("projects", projects.len()),
            ("repositories", repositories),
            ("repositoriesOfProjects", repositories),
            ("generalSettings", projects.len()),
            ("accounts", simulator.organizations().len()),
            ("deletedProjects", reader.count("_apis/projects?stateFilter=deleted").await),
            ("agentPools", reader.count("_apis/distributedtask/pools").await),
            ("extensions", reader.count("_apis/extensionmanagement/installedextensions").await),
            ("auditStreams", reader.count("_apis/audit/streams").await),
            ("accessControlLists", reader.count(&lists).await),
            ("securityNamespaces", reader.count("_apis/securitynamespaces").await),
            ("graphUsers", graph_users.len()),
            ("graphGroups", reader.count("_apis/graph/groups").await),
            ("firstUserEntitlements", reader.first_entitlements().await),
            ("advancedSecurityEnablement", reader.all(enablement, "reposEnablementStatus").await.len()),
        ]);
        for project in &projects {
            let id = project["id"].as_str().expect("a project has an id");
            for (name, number) in reader.project(id).await {
                *counts.entry(name).or_default() += number;
            }
        }
        Self(counts)
    }

    /// Everything was counted that is not excepted, and nothing else; and there was something to count.
    fn assert_counted(&self, walked: &Value, except: &[&str]) {
        let counted: BTreeMap<&str, usize> = walked["counts"]
            .as_object()
            .expect("counts")
            .iter()
            .map(|(name, number)| {
                (name.as_str(), usize::try_from(number.as_u64().expect("a number")).expect("a count"))
            })
            .collect();
        let mut expected = self.0.clone();
        expected.retain(|name, _| !except.contains(name));
        assert_eq!(counted, expected);
        let nothing: Vec<_> = counted.iter().filter(|(_, number)| **number == 0).collect();
        assert!(nothing.is_empty(), "nothing to count: {nothing:?}");
    }
}

/// Reads the only organization page by page.
struct Reader<'simulator> {
    simulator: &'simulator RunningSimulator,
    client: Client,
    base: String,
}

impl<'simulator> Reader<'simulator> {
    fn new(simulator: &'simulator RunningSimulator) -> Self {
        let client = Client::builder().no_proxy().build().expect("build a client");
        let base = format!("{}/{}", simulator.base_url(), simulator.organizations()[0]);
        Self { simulator, client, base }
    }

    async fn project(&self, id: &str) -> Vec<(&'static str, usize)> {
        let endpoints = self.all(&format!("{id}/_apis/serviceendpoint/endpoints"), "value").await;
        let environments = self.all(&format!("{id}/_apis/distributedtask/environments"), "value").await;
        let asked = endpoints.iter().map(|one| json!({"type": "endpoint", "id": one["id"]}));
        let asked = asked.chain(
            environments.iter().map(|one| json!({"type": "environment", "id": one["id"].to_string()})),
        );
        let checks = format!("{id}/_apis/pipelines/checks/queryconfigurations?$expand=settings");
        let checks = self.read(Method::POST, &checks, Some(asked.collect())).await.0;
        let mut assignments = 0;
        for environment in &environments {
            let scope = "distributedtask.environmentreferencerole";
            let resource = format!("{id}_{}", environment["id"]);
            let path = format!("_apis/securityroles/scopes/{scope}/roleassignments/resources/{resource}");
            assignments += self.count(&path).await;
        }
        vec![
            ("serviceEndpoints", endpoints.len()),
            ("pipelinePermissions", endpoints.len()),
            ("environments", environments.len()),
            ("roleAssignments", assignments),
            ("checkConfigurations", checks["value"].as_array().expect("checks").len()),
            ("deletedRepositories", self.count(&format!("{id}/_apis/git/recycleBin/repositories")).await),
            ("policyConfigurations", self.count(&format!("{id}/_apis/policy/configurations")).await),
            ("buildDefinitions", self.count(&format!("{id}/_apis/build/definitions")).await),
            ("variableGroups", self.count(&format!("{id}/_apis/distributedtask/variablegroups")).await),
            ("secureFiles", self.count(&format!("{id}/_apis/distributedtask/securefiles")).await),
            ("queues", self.count(&format!("{id}/_apis/distributedtask/queues")).await),
            ("authorizedResources", self.count(&format!("{id}/_apis/build/authorizedresources")).await),
        ]
    }

    /// How many people the first page holds, when there are more of them.
    async fn first_entitlements(&self) -> usize {
        let path = "_apis/userentitlements";
        let page = self.read(Method::GET, path, None).await.0;
        let first = page["members"].as_array().expect("people").len();
        assert!(self.all(path, "members").await.len() > first);
        first
    }

    async fn count(&self, path: &str) -> usize {
        self.all(path, "value").await.len()
    }

    /// All items, by the continuation token in the header or in the body.
    async fn all(&self, path: &str, key: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut page = path.to_owned();
        loop {
            let (body, token) = self.read(Method::GET, &page, None).await;
            items.extend(body[key].as_array().unwrap_or_else(|| panic!("{page}: {body}")).iter().cloned());
            let token = token.or_else(|| body["continuationToken"].as_str().map(str::to_owned));
            let Some(token) = token.filter(|token| !token.is_empty()) else { return items };
            let separator = if path.contains('?') { '&' } else { '?' };
            page = format!("{path}{separator}continuationToken={token}");
        }
    }

    async fn read(&self, method: Method, path: &str, body: Option<Value>) -> (Value, Option<String>) {
        let mut request = self.client.request(method, format!("{}/{path}", self.base));
        request = request.basic_auth("", Some(self.simulator.pat()));
        request = request.header("Accept", "application/json;api-version=7.1-preview");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("the simulator answers");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let token = answer
            .headers()
            .get("x-ms-continuationtoken")
            .map(|token| token.to_str().expect("a token is text").to_owned());
        (answer.json().await.expect("JSON"), token)
    }
}
