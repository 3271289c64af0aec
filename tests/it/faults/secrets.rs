//! Secrets are told to Muster by people and by Azure DevOps; it tells none of them on, whatever goes wrong.

use muster_azdo_sim::{Change, ChangeKind, Fault, FaultAction, FaultMatch, Route, SimulatorOptions};
use muster_domain::connector::ConnectorState;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::broker::TestBroker;
use tests::chaos::crew::address;
use tests::chaos::publisher::{event, publish};
use tests::collector::Collector;
use tests::credential_scan::CredentialScan;
use tests::database::TestDatabase;
use tests::fleet::{CREDENTIAL, Fleet};
use tests::processes::Process;
use tests::subscriber::FactSubscriber;
use tests::waiting::{PATIENT, wait_until};

const ONBOARD: &str = "muster.connector.onboarding-requested.v1";
const PASS_DEADLINE: Duration = Duration::from_secs(150);
/// What Azure DevOps answers with, and nobody may keep: distinctive, with signs that need escaping everywhere.
const VARIABLE: &str = "v4riable+of/somebody=\"s pipeline";
const TRUNCATED: &str = "trunc4ted+secret/of=somebody";
/// What a person puts into a request by mistake.
const MISPLACED: &str = "m3splacedtoken2inarequest4x5y6z7a2b3c4d5e6f7g2h3i4j5";

/// A fleet that was told secrets of every kind, and the scan that looks for them.
struct Told {
    fleet: Fleet,
    scan: CredentialScan,
    facts: FactSubscriber,
    collector: Collector,
    processes: Vec<Process>,
    past: Vec<String>,
}

impl Told {
    async fn prepare() -> Self {
        let mut vhost = TestBroker::vhost().await;
        let user = vhost.add_user("muster", ".*", ".*", ".*").await;
        let world = SimulatorOptions {
            organizations: 2,
            projects: 6,
            repositories: 40,
            seed: 3,
            tstu_limit: None,
            ..SimulatorOptions::default()
        };
        let mut fleet = Fleet::prepare_on(world, TestDatabase::postgres().await, vhost).await;
        let collector = Collector::start().await;
        fleet.set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint());
        fleet.set("OTEL_BSP_SCHEDULE_DELAY", &"200");
        fleet.set("MUSTER_AMQP_URL", &user.amqp_url);
        fleet.set("MUSTER_DATABASE_URL", &with_password(fleet.database.url()));
        fleet.set("MUSTER_ENTRA_URL", &fleet.simulator.base_url().to_owned());
        // Everything that Muster itself could say.
        let chatty = ["azdo", "queue", "store", "runtime", "discovery", "sync", "refresh", "api"];
        let filter = chatty.map(|name| format!("muster_{name}=trace")).join(",");
        fleet
            .set("RUST_LOG", &format!("debug,muster=trace,{filter},lapin=info,hyper=info,h2=info,sqlx=info"));
        let mut scan = CredentialScan::default();
        scan.plant("access token", fleet.simulator.pat());
        let client = fleet.simulator.application().client.clone().expect("an application has a secret");
        scan.plant("client secret", &client.client_secret);
        scan.plant("encryption key", &fleet.environment()["MUSTER_ENCRYPTION_KEY"]);
        scan.plant("password of the database", DATABASE_PASSWORD);
        scan.plant("password of the broker", user.amqp_url.split(['@', ':']).nth(2).expect("a password"));
        scan.plant("value of a variable", VARIABLE);
        scan.plant("truncated secret", TRUNCATED);
        scan.plant("misplaced token", MISPLACED);
        let facts = FactSubscriber::start(&fleet.broker).await;
        Self { fleet, scan, facts, collector, processes: Vec::new(), past: Vec::new() }
    }

    /// A credential of each kind, a connector on each.
    async fn connect_both(&mut self) {
        self.fleet.store_credential().await;
        let organizations = self.fleet.simulator.organizations();
        let client = self.fleet.simulator.application().client.clone().expect("an application has a secret");
        let folder = tempfile::tempdir().expect("make a folder");
        let file = folder.path().join("secret");
        std::fs::write(&file, &client.client_secret).expect("write the secret");
        let (file, tenant) = (file.display().to_string(), self.fleet.simulator.tenant_id().to_string());
        let set = ["credential", "set", "application", "--secret-file", &file, "--tenant-id", &tenant];
        let verified = ["--client-id", &client.client_id, "--verify", &organizations[1], "-o", "json"];
        self.command(&[&set[..], &verified].concat()).await;
        for (name, organization) in [CREDENTIAL, "application"].iter().zip(&organizations) {
            let id = format!("onboard-{name}");
            let data = json!({ "name": name, "subscriptionId": "11111111-2222-4333-8444-555555555555",
                "resourceGroup": "devops", "region": "westeurope", "credential": name,
                "autoDiscovery": "Disabled", "organizations": [organization] });
            publish(&self.fleet.broker, &event(&id, ONBOARD, &data)).await;
        }
        let misplaced = json!({ "name": "misplaced", "subscriptionId": "11111111-2222-4333-8444-555555555555",
            "resourceGroup": "devops", "region": "westeurope", "credential": MISPLACED,
            "autoDiscovery": "Disabled", "organizations": ["contoso"] });
        publish(&self.fleet.broker, &event("misplaced", ONBOARD, &misplaced)).await;
        let mut misplaced = misplaced;
        misplaced["credential"] = json!(CREDENTIAL);
        misplaced["token"] = json!(MISPLACED);
        publish(&self.fleet.broker, &event("misplaced-field", ONBOARD, &misplaced)).await;
    }

    /// Runs a command; what it says is looked at.
    async fn command(&mut self, arguments: &[&str]) -> String {
        let process = Process::muster(arguments, &self.fleet.environment());
        process.wait(PATIENT).await;
        let said = format!("{}{}", process.stdout(), process.stderr());
        self.scan.look_at("commands", said.as_bytes());
        said
    }

    /// Starts a process that cannot reach what its URL names, with a password in it.
    async fn start_in_vain(&mut self, variable: &str, url: &str) {
        let mut environment: BTreeMap<String, String> = self.fleet.environment();
        environment.insert(variable.to_owned(), url.to_owned());
        let process = Process::muster(&["worker", "sync"], &environment);
        wait_until("it says that it cannot", PATIENT, async || {
            process.exit_status().is_some() || process.stderr().to_lowercase().contains("broker")
        })
        .await;
        process.terminate();
        self.past.push(format!("{}{}", process.stdout(), process.stderr()));
    }

    async fn look_everywhere(&mut self) {
        for process in &self.processes {
            self.past.push(format!("{}{}", process.stdout(), process.stderr()));
            let address = address(&process.stderr()).expect("it says where it listens");
            for path in
                ["metrics", "readyz", "livez", "openapi.json", "api/v1/connectors", "api/v1/credentials"]
            {
                self.scan.look_at_answer(&format!("http://{address}/{path}")).await;
            }
        }
        for said in &self.past {
            self.scan.look_at("logs", said.as_bytes());
        }
        for command in ["job", "dead-letter", "credential", "connector", "recommendation", "repository"] {
            self.command(&[command, "list", "-o", "json"]).await;
        }
        self.scan.look_at_tables(&self.fleet.database.connect().await).await;
        self.scan.look_at_facts(&self.facts);
        self.scan.look_at_collected(&self.collector);
    }
}

const DATABASE_PASSWORD: &str = "d4tabase-p4ssword-of-the-fleet";

/// The server trusts whoever comes; what is in the URL must be kept for oneself all the same.
fn with_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (login, server) = rest.split_once('@').expect("a user");
    let user = login.split(':').next().expect("a name");
    format!("{scheme}://{user}:{DATABASE_PASSWORD}@{server}")
}

fn answers(route: Route, nth: u64, body: Value) -> Fault {
    let matching = FaultMatch { route: Some(route), nth: Some(nth), ..FaultMatch::default() };
    Fault { matching, action: FaultAction { body: Some(body), ..FaultAction::default() }, times: 1 }
}

/// Answers with secrets in them: whole ones, such as the service gives to some callers, and broken ones, whose
/// complaints could repeat what is wrong.
fn answers_with_secrets() -> Vec<Fault> {
    let variables =
        json!({ "PASSWORD": { "value": VARIABLE, "isSecret": true }, "PLAIN": { "value": VARIABLE } });
    let group = json!({ "id": 77, "name": "planted", "type": "Vsts", "variables": variables });
    let connection = json!({ "id": "0191d6a0-1111-7000-8000-000000000077", "name": "planted", "type": "azurerm",
        "url": "https://management.azure.com/", "isShared": false, "isReady": true, "owner": "library",
        "data": { "truncatedSecret": TRUNCATED, "accessToken": VARIABLE },
        "authorization": { "scheme": "ServicePrincipal", "parameters": { "serviceprincipalkey": TRUNCATED,
            "truncatedSecret": TRUNCATED, "tenantid": "0191d6a0-1111-7000-8000-000000000078" } } });
    let list = |item: Value| json!({ "count": 1, "value": [item] });
    vec![
        answers(Route::VariableGroups, 1, list(group)),
        answers(Route::ServiceEndpoints, 1, list(connection)),
        answers(Route::VariableGroups, 2, list(json!({ "id": VARIABLE, "name": 7, "variables": VARIABLE }))),
        answers(Route::ServiceEndpoints, 2, list(json!({ "id": [TRUNCATED], "data": TRUNCATED }))),
        answers(Route::GeneralSettings, 2, json!(format!("{{\"broken\": \"{TRUNCATED}\" "))),
        answers(Route::PolicyConfigurations, 2, json!({ "message": TRUNCATED, "value": TRUNCATED })),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_on_whatever_goes_wrong() {
    let mut told = Told::prepare().await;
    for fault in answers_with_secrets() {
        told.fleet.simulator.install_fault(fault).expect("the fault can happen");
    }
    let roles =
        [&["scheduler"][..], &["worker", "discovery"], &["worker", "sync"], &["worker", "refresh"], &["api"]];
    for role in roles {
        told.processes.push(told.fleet.start(role).await);
    }
    told.connect_both().await;
    told.fleet.wait_until_idle(PASS_DEADLINE).await;

    // The token is refused from now on, and everything that is asked for with it fails.
    let pat = Some(told.fleet.simulator.pat().to_owned());
    let revoke = Change { change: ChangeKind::RevokePat, pat, ..Change::default() };
    told.fleet.simulator.change(&revoke).expect("revoke");
    told.command(&["connector", "pause", CREDENTIAL]).await;
    told.command(&["connector", "resume", CREDENTIAL]).await;
    let store = told.fleet.store().await;
    wait_until("the refused token is noticed", PATIENT, async || {
        let connectors = store.connectors().list().await.expect("list");
        connectors.iter().any(|connector| connector.state == ConnectorState::NeedsAuth)
    })
    .await;
    told.command(&["connector", "show", CREDENTIAL, "-o", "json"]).await;
    told.command(&["doctor"]).await;
    let nowhere = format!("amqp://muster:{MISPLACED}@127.0.0.1:9/none");
    told.start_in_vain("MUSTER_AMQP_URL", &nowhere).await;
    let nowhere = format!("postgres://muster:{MISPLACED}@127.0.0.1:9/none");
    told.start_in_vain("MUSTER_DATABASE_URL", &nowhere).await;
    told.start_in_vain("MUSTER_ENCRYPTION_KEY", MISPLACED).await;
    wait_until("spans are exported", PATIENT, async || !told.collector.received().is_empty()).await;
    told.look_everywhere().await;
    told.scan.assert_clean(&[
        "logs",
        "commands",
        "answers of /metrics",
        "table dead_letter",
        "facts",
        "exported to",
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_told_is_found_wherever_it_stands() {
    use sea_orm::ConnectionTrait as _;
    const SECRET: &str = "pl4nted-where-it-does-not-belong";
    let database = TestDatabase::postgres().await;
    let connection = database.connect().await;
    let mut scan = CredentialScan::default();
    scan.plant("planted", SECRET);
    let found =
        |scan: &CredentialScan| scan.leaks().iter().map(|leak| leak.place.clone()).collect::<Vec<_>>();
    let bytes = "CREATE TABLE letters (number integer, raw bytea, headers jsonb)";
    connection.execute_unprepared(bytes).await.expect("a table");
    scan.look_at_tables(&connection).await;
    assert!(found(&scan).is_empty());
    let row = format!("INSERT INTO letters VALUES (1, convert_to('x{SECRET}', 'UTF8'), NULL)");
    connection.execute_unprepared(&row).await.expect("a row");
    scan.look_at_tables(&connection).await;
    assert_eq!(found(&scan), ["table letters"], "in bytes");
    let row = format!("UPDATE letters SET raw = '', headers = '{{\"token\": \"{SECRET}\"}}'");
    connection.execute_unprepared(&row).await.expect("a row");
    scan.look_at_tables(&connection).await;
    assert_eq!(found(&scan).len(), 2, "in JSON");

    let collector = Collector::start().await;
    let sent = reqwest::Client::new().post(format!("{}/v1/traces", collector.endpoint()));
    let sent = sent.body(format!("\u{a}{SECRET}")).send().await.expect("send");
    assert!(sent.status().is_success());
    scan.look_at_collected(&collector);
    assert_eq!(found(&scan).last().map(String::as_str), Some("exported to /v1/traces"));
}
