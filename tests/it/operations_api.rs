//! Operations over HTTP: the real binary on an embedded database, against a simulated Azure DevOps.

use muster_azdo_sim::{RunningSimulator, Simulator, SimulatorOptions};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tempfile::TempDir;
use tests::processes::Process;
use tests::services::install_tls_provider;
use tests::waiting::{PATIENT, wait_until};

/// A pass over a small world on a busy machine in a debug build.
const DEADLINE: Duration = Duration::from_secs(240);

struct Machine {
    simulator: RunningSimulator,
    environment: BTreeMap<String, String>,
    http: Client,
    _folder: TempDir,
}

impl Machine {
    async fn new() -> Self {
        install_tls_provider();
        let world = SimulatorOptions {
            organizations: 1,
            projects: 2,
            repositories: 6,
            ..SimulatorOptions::default()
        };
        let simulator = Simulator::start(world).await.expect("start the simulator");
        let folder = tempfile::tempdir().expect("make a folder");
        let environment = BTreeMap::from([
            ("MUSTER_AZURE_DEVOPS_URL".to_owned(), simulator.base_url().to_owned()),
            ("MUSTER_ENTRA_URL".to_owned(), simulator.base_url().to_owned()),
            ("MUSTER_DATA_DIR".to_owned(), folder.path().join("data").display().to_string()),
            ("MUSTER_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("RUST_LOG".to_owned(), "info".to_owned()),
        ]);
        let token = folder.path().join("token");
        std::fs::write(&token, simulator.pat()).expect("write the token");
        let machine = Self { simulator, environment, http: Client::new(), _folder: folder };
        machine.run(&["credential", "set", "reader", "--pat-file", &token.display().to_string()]).await;
        machine
    }

    async fn run(&self, arguments: &[&str]) -> String {
        let process = Process::muster(arguments, &self.environment);
        let status = process.wait(DEADLINE).await;
        assert!(status.success(), "{arguments:?}: {}", process.stderr());
        process.stdout()
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let printed = self.run(&[arguments, &["-o", "json"]].concat()).await;
        serde_json::from_str(&printed).expect("a command prints JSON")
    }

    async fn create(&self) {
        let organization = self.simulator.organizations().remove(0);
        let mut arguments = vec!["connector", "create", "contoso", "--credential", "reader"];
        arguments.extend(["--subscription-id", "11111111-2222-4333-8444-555555555555"]);
        arguments.extend(["--resource-group", "devops", "--region", "westeurope"]);
        arguments.extend(["--organization", &organization]);
        self.run(&arguments).await;
    }

    async fn ask(&self, base: &str, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let path = path.strip_prefix(base).unwrap_or(path);
        let mut request = self.http.request(method, format!("{base}{path}"));
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("an answer");
        assert!(answer.headers().contains_key("x-ms-request-id"), "{path}");
        let status = answer.status();
        let text = answer.text().await.expect("read the answer");
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn get(&self, base: &str, path: &str) -> Value {
        let (status, answer) = self.ask(base, Method::GET, path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    }
}

/// Starts a role that serves HTTP; the process and its address.
async fn serve(machine: &Machine, role: &str) -> (Process, String) {
    let process = Process::muster(&[role], &machine.environment);
    let line = process.wait_for_line(PATIENT, |line| line.contains("listening")).await;
    let (_, address) = line.split_once("127.0.0.1:").expect("the line has the address");
    let port: String = address.chars().take_while(char::is_ascii_digit).collect();
    (process, format!("http://127.0.0.1:{port}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_is_paused_looked_at_and_let_go_over_http() {
    let machine = Machine::new().await;
    machine.create().await;
    let id = machine.json(&["connector", "list"]).await[0]["id"].as_str().expect("an id").to_owned();
    let pause = ["budget", "pause", "contoso", "--reason", "release"];
    machine.run(&pause).await;
    machine.simulator.reset_stats();
    let (up, base) = serve(&machine, "up").await;
    let consumption = format!("/api/v1/connectors/{id}/consumption");
    let seen = machine.get(&base, &consumption).await;
    assert_eq!((&seen["paused"], &seen["reason"]), (&json!(true), &json!("release")));
    assert_eq!(machine.json(&["budget", "controls"]).await, json!([seen]), "the same on both ways");
    wait_until("the workers are there", PATIENT, async || {
        machine.get(&base, "/api/v1/workers").await["value"].as_array().is_some_and(|list| list.len() >= 3)
    })
    .await;
    let jobs = machine.get(&base, "/api/v1/jobs?state=pending&role=discovery").await;
    assert_eq!(jobs["value"][0]["heldBy"], "consumption_paused", "{jobs}");
    assert_eq!(machine.json(&["job", "list"]).await, jobs["value"], "the same on both ways");
    let queues = machine.get(&base, "/api/v1/queues").await;
    let discovery = queues["value"].as_array().unwrap().iter().find(|queue| queue["role"] == "discovery");
    assert_eq!(discovery.unwrap()["parked"], 1, "{queues}");
    assert!(machine.simulator.stats().requests.is_empty(), "nothing of a paused connector calls");

    let (status, resumed) = machine.ask(&base, Method::PUT, &consumption, json!({ "paused": false })).await;
    assert_eq!((status, &resumed["paused"]), (StatusCode::OK, &json!(false)), "{resumed}");
    wait_until("projects are judged", DEADLINE, async || {
        let done = machine.get(&base, "/api/v1/jobs?state=done&kind=project.refresh&limit=1").await;
        done["value"].as_array().is_some_and(|list| !list.is_empty())
    })
    .await;
    let budget = machine.get(&base, "/api/v1/budget").await["value"][0].clone();
    assert_eq!(
        (&budget["credentials"], &budget["standing"]),
        (&json!(["reader"]), &json!("open")),
        "{budget}"
    );
    assert!(budget["costs"]["projects"].is_number() && budget["spent"][0]["tstu"].is_number(), "{budget}");
    let shown = machine.json(&["budget", "show", "reader"]).await;
    assert_eq!(shown["identity"], budget["identity"]);
    let first = machine.get(&base, "/api/v1/jobs?limit=1").await;
    let next = first["nextLink"].as_str().expect("there are more");
    let second = machine.get(&base, next).await;
    assert_ne!(first["value"][0]["id"], second["value"][0]["id"]);

    let (status, error) = machine.ask(&base, Method::GET, "/api/v1/nothing", Value::Null).await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::NOT_FOUND, &json!("RouteNotFound")));
    up.terminate();
    assert!(up.wait(DEADLINE).await.success(), "{}", up.stderr());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_looked_at_and_decided_over_http() {
    let machine = Machine::new().await;
    let (api, base) = serve(&machine, "api").await;
    for id in ["one", "two", "three"] {
        let event = json!({
            "specversion": "1.0", "id": id, "source": "urn:example:portal",
            "type": "muster.connector.discovery-requested.v1",
            "data": { "connectorId": "0190b2c0-0000-7000-8000-000000000000" },
        });
        let request = machine.http.post(format!("{base}/events"));
        let request = request.header("content-type", "application/cloudevents+json").body(event.to_string());
        assert!(request.send().await.unwrap().status().is_client_error(), "there is no such connector");
    }
    let letters = machine.get(&base, "/api/v1/dead-letters?status=open").await;
    assert_eq!(letters["value"].as_array().unwrap().len(), 3, "{letters}");
    let id = letters["value"][0]["id"].as_str().unwrap();
    let letter = machine.get(&base, &format!("/api/v1/dead-letters/{id}")).await;
    assert!(letter["body"].as_str().unwrap().contains("discovery-requested"), "{letter}");
    let listed = machine.json(&["dead-letter", "list"]).await;
    assert_eq!(listed, letters["value"], "the same on both ways");
    let shown = machine.json(&["dead-letter", "show", id]).await;
    assert_eq!(shown, letter, "the same on both ways");

    let replay = format!("/api/v1/dead-letters/{id}/replay");
    let (status, refused) = machine.ask(&base, Method::POST, &replay, Value::Null).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("ReplayRefused"))
    );
    let discard = format!("/api/v1/dead-letters/{id}/discard");
    let (status, outcome) = machine.ask(&base, Method::POST, &discard, json!({ "reason": "noise" })).await;
    assert_eq!((status, &outcome["status"]), (StatusCode::OK, &json!("discarded")), "{outcome}");
    let group = json!({ "filter": { "origin": "POST /events" }, "reason": "noise" });
    let (status, outcome) = machine.ask(&base, Method::POST, "/api/v1/dead-letters/discard", group).await;
    assert_eq!((status, outcome), (StatusCode::OK, json!({ "discarded": 2 })));
    assert_eq!(machine.get(&base, "/api/v1/dead-letters?status=open").await, json!({ "value": [] }));
    api.terminate();
    assert!(api.wait(DEADLINE).await.success(), "{}", api.stderr());
}
