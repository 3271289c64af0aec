//! One organization at 1,000, 10,000 and 100,000 repositories (200 in each project), embedded and on a fleet:
//! calls, time, peak resident memory of every process, size of the database.
//!
//! Passes where time grows no worse than linearly, every process stays under 300 MB, a second pass writes nothing, and
//! judging everything anew makes no call.
//!
//! `tests/run --services-only` gives the services; `cargo bench --workspace --bench scale -- [REPOSITORIES…]` runs it.

use muster_domain::connector::Connector;
use muster_messages::request::RefreshRequested;
use muster_store::inbox::RequestEffects;
use muster_store::requests::Asked;
use muster_store::{Store, StoreOptions};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;
use tempfile::TempDir;
use tests::broker::TestBroker;
use tests::database::TestDatabase;
use tests::processes::Process;
use tests::waiting::{PATIENT, wait_until};
use tokio::time::Instant;

/// Repositories where no others are given.
const SIZES: [usize; 3] = [1_000, 10_000, 100_000];
/// Repositories of a project, on the average.
const REPOSITORIES_PER_PROJECT: usize = 200;
/// Longest time of one pass.
const PASS_DEADLINE: Duration = Duration::from_secs(1_800);
/// A command is done by then.
const COMMAND_DEADLINE: Duration = Duration::from_secs(60);
/// Most that a process may hold, in MB.
const MOST_RESIDENT_MB: f64 = 300.0;
/// Ten times the repositories may take so many times the time: linear, and what a busy machine adds.
const MOST_GROWTH_OF_TEN: f64 = 11.5;
/// Below this, starting up is most of the time, and growth says nothing.
const LEAST_SECONDS: f64 = 5.0;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Profile {
    Embedded,
    Fleet,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Fleet => "fleet",
        }
    }
}

#[tokio::main(flavor = "multi_thread")]
async fn main() {
    tests::services::install_tls_provider();
    let mut sizes: Vec<usize> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = SIZES.to_vec();
    }
    let mut failures = Vec::new();
    for profile in [Profile::Embedded, Profile::Fleet] {
        let mut before: Option<(usize, f64)> = None;
        for &repositories in &sizes {
            let seconds = Run::prepare(profile, repositories).await.measure(&mut failures).await;
            if let Some((smaller, earlier)) = before
                && earlier >= LEAST_SECONDS
            {
                let times = to_f64(repositories) / to_f64(smaller);
                let growth = seconds / earlier;
                say(&format!(
                    "{}: {times:.0} times the repositories, {growth:.1} times the time",
                    profile.name()
                ));
                if growth > times * MOST_GROWTH_OF_TEN / 10.0 {
                    failures.push(format!("{}: time grew {growth:.1} times", profile.name()));
                }
            }
            before = Some((repositories, seconds));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

struct Run {
    profile: Profile,
    repositories: usize,
    simulator: Process,
    base_url: String,
    processes: Vec<Process>,
    environment: BTreeMap<String, String>,
    database_url: String,
    _database: Option<TestDatabase>,
    _broker: Option<TestBroker>,
    folder: TempDir,
}

impl Run {
    async fn prepare(profile: Profile, repositories: usize) -> Self {
        let folder = tempfile::tempdir().expect("make a folder");
        let projects = (repositories / REPOSITORIES_PER_PROJECT).max(1).to_string();
        let count = repositories.to_string();
        let arguments = ["sim", "--organizations", "1", "--projects", &projects, "--repositories", &count];
        let arguments = [&arguments[..], &["--tstu-limit", "off"]].concat();
        let simulator = Process::muster(&arguments, &BTreeMap::new());
        let banner = simulator.wait_for_line(PATIENT, |line| line.starts_with('{')).await;
        let banner: Value = serde_json::from_str(&banner).expect("a JSON line");
        let base_url = banner["baseUrl"].as_str().expect("a base URL").to_owned();
        let (database, broker) = match profile {
            Profile::Embedded => (None, None),
            Profile::Fleet => (Some(TestDatabase::postgres().await), Some(TestBroker::vhost().await)),
        };
        let database_url = match &database {
            Some(database) => database.url().to_owned(),
            None => format!("sqlite://{}?mode=rwc", folder.path().join("muster.db").display()),
        };
        let mut environment = BTreeMap::from([
            ("MUSTER_DATABASE_URL".to_owned(), database_url.clone()),
            ("MUSTER_AZURE_DEVOPS_URL".to_owned(), base_url.clone()),
            ("MUSTER_DATA_DIR".to_owned(), folder.path().display().to_string()),
            ("MUSTER_HEALTH_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("MUSTER_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            // Nothing is throttled here: what is measured is our own work.
            ("MUSTER_CONSUMPTION__GUESS_TSTU".to_owned(), "0.0001".to_owned()),
            ("RUST_LOG".to_owned(), "warn,muster_runtime::serving=info".to_owned()),
        ]);
        if let Some(broker) = &broker {
            environment.insert("MUSTER_AMQP_URL".to_owned(), broker.amqp_url());
            let key = muster_store::KeyRing::generate_key();
            let key = secrecy::ExposeSecret::expose_secret(&key).to_owned();
            environment.insert("MUSTER_ENCRYPTION_KEY".to_owned(), key);
        }
        let mut run = Self {
            profile,
            repositories,
            simulator,
            base_url,
            processes: Vec::new(),
            environment,
            database_url,
            _database: database,
            _broker: broker,
            folder,
        };
        run.command(&["migrate"]).await;
        run.start().await;
        run.connect(&banner).await;
        run
    }

    async fn start(&mut self) {
        let roles: &[&[&str]] = match self.profile {
            Profile::Embedded => &[&["up"]],
            Profile::Fleet => {
                &[&["scheduler"], &["worker", "discovery"], &["worker", "sync"], &["worker", "refresh"]]
            }
        };
        for role in roles {
            let process = Process::muster(role, &self.environment);
            process.wait_for_line(PATIENT, |line| line.contains("listening")).await;
            self.processes.push(process);
        }
    }

    async fn connect(&self, banner: &Value) {
        let token = self.folder.path().join("token");
        std::fs::write(&token, banner["pat"].as_str().expect("a token")).expect("write the token");
        self.command(&["credential", "set", "simulated", "--pat-file", &token.display().to_string()]).await;
        let organization = banner["organizations"][0].as_str().expect("an organization");
        let create = ["connector", "create", "contoso", "--credential", "simulated", "--organization"];
        let place =
            ["--subscription-id", "11111111-2222-4333-8444-555555555555", "--resource-group", "devops"];
        self.command(&[&create[..], &[organization], &place[..], &["--region", "westeurope"]].concat()).await;
    }

    async fn command(&self, arguments: &[&str]) {
        let process = Process::muster(arguments, &self.environment);
        let status = process.wait(COMMAND_DEADLINE).await;
        assert!(status.success(), "muster {}: {}", arguments.join(" "), process.stderr());
    }

    /// Measures the three passes; seconds of the first.
    async fn measure(self, failures: &mut Vec<String>) -> f64 {
        let store = Store::connect(StoreOptions::new(&self.database_url)).await.expect("connect");
        let tables = Tables::connect(&self.database_url).await;
        let what = format!("{} {}", self.profile.name(), self.repositories);
        let first = self.pass(&store).await;
        let calls = self.calls().await;
        let written = tables.written().await;
        say(&format!(
            "{what}: first pass {first:.1} s, {} calls, {} resources, {} assessments, database {:.1} MB",
            calls.values().sum::<u64>(),
            written.resources,
            written.assessments,
            tables.megabytes().await
        ));
        let connector = store.connectors().list().await.expect("list").remove(0);
        let asked = Asked { cause: "bench".to_owned(), trace: None };
        store.inbox().perform(&RequestEffects::discover(&connector, &asked)).await.expect("ask");
        let second = self.pass(&store).await;
        let unchanged = tables.written().await == written;
        let calls_of_second = total(&self.calls().await) - total(&calls);
        say(&format!(
            "{what}: second pass {second:.1} s, {calls_of_second} calls, wrote nothing: {unchanged}"
        ));
        let before = total(&self.calls().await);
        let third = self.judge_anew(&store, &connector, &asked).await;
        let calls_of_third = total(&self.calls().await) - before;
        let judged_alike = tables.written().await == written;
        say(&format!(
            "{what}: judged anew in {third:.1} s with {calls_of_third} calls, all alike: {judged_alike}"
        ));
        for (process, megabytes) in self.resident() {
            say(&format!("{what}: {process} held {megabytes:.0} MB at most"));
            if megabytes > MOST_RESIDENT_MB {
                failures.push(format!("{what}: {process} held {megabytes:.0} MB"));
            }
        }
        if !unchanged || !judged_alike {
            failures.push(format!("{what}: a pass without changes wrote something"));
        }
        if calls_of_third != 0 {
            failures.push(format!("{what}: judging made {calls_of_third} calls"));
        }
        first
    }

    async fn judge_anew(&self, store: &Store, connector: &Connector, asked: &Asked) -> f64 {
        let request = RefreshRequested { connector_id: connector.id, organization: None, project: None };
        let known = store.inventory().organizations(connector.id).await.expect("list");
        let organizations: Vec<_> = known.into_iter().map(|known| known.name).collect();
        let effects = RequestEffects::refresh(&request, &organizations, &[], asked);
        store.inbox().perform(&effects).await.expect("ask");
        self.pass(store).await
    }

    /// Waits until nothing is left to do; the seconds.
    async fn pass(&self, store: &Store) -> f64 {
        let began = Instant::now();
        wait_until("a pass", PASS_DEADLINE, async || {
            if let Some(ended) = self.processes.iter().find(|process| process.exit_status().is_some()) {
                panic!("a process ended: {}", ended.stderr());
            }
            let connectors = store.connectors().list().await.expect("list the connectors");
            let active = connectors.iter().any(|connector| connector.state.as_str() == "active");
            active && store.ledger().is_idle().await.expect("ask the ledger")
        })
        .await;
        began.elapsed().as_secs_f64()
    }

    async fn calls(&self) -> BTreeMap<String, u64> {
        let url = format!("{}/_sim/stats", self.base_url);
        let stats: Value = reqwest::get(url).await.expect("ask").json().await.expect("JSON");
        serde_json::from_value(stats["requests"].clone()).expect("counts by route")
    }

    /// Peak resident memory by process, in MB.
    fn resident(&self) -> Vec<(String, f64)> {
        let mut roles: Vec<(String, u32)> = match self.profile {
            Profile::Embedded => vec![("up".to_owned(), self.processes[0].id())],
            Profile::Fleet => ["scheduler", "worker discovery", "worker sync", "worker refresh"]
                .iter()
                .zip(&self.processes)
                .map(|(role, process)| ((*role).to_owned(), process.id()))
                .collect(),
        };
        roles.push(("sim".to_owned(), self.simulator.id()));
        roles.into_iter().map(|(role, id)| (role, peak_resident_megabytes(id))).collect()
    }
}

fn total(calls: &BTreeMap<String, u64>) -> u64 {
    calls.values().sum()
}

/// `VmHWM` of the kernel's view of a process.
fn peak_resident_megabytes(id: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("read the process");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    let kibibytes: f64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).expect("a number");
    kibibytes * 1_024.0 / 1e6
}

/// Sums over the tables: equal sums mean that no row was written.
#[derive(Debug, PartialEq, Eq)]
struct Written {
    resources: i64,
    resource_changes: i64,
    assessments: i64,
    assessment_changes: i64,
    reading_changes: i64,
}

struct Tables(DatabaseConnection, String);

impl Tables {
    async fn connect(url: &str) -> Self {
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        Self(Database::connect(options).await.expect("connect"), url.to_owned())
    }

    async fn number(&self, query: &str) -> i64 {
        let statement = sea_orm::Statement::from_string(self.0.get_database_backend(), query);
        let row = self.0.query_one_raw(statement).await.expect("ask").expect("a row");
        row.try_get_by_index(0).expect("a number")
    }

    async fn written(&self) -> Written {
        Written {
            resources: self.number("SELECT count(*) FROM resource").await,
            resource_changes: self
                .number("SELECT CAST(COALESCE(sum(change_sequence), 0) AS bigint) FROM resource")
                .await,
            assessments: self.number("SELECT count(*) FROM assessment").await,
            assessment_changes: self
                .number("SELECT CAST(COALESCE(sum(change_sequence), 0) AS bigint) FROM assessment")
                .await,
            // The cross-check of a new day is no change of what was read.
            reading_changes: self
                .number(
                    "SELECT CAST(COALESCE(max(changed_at_ms), 0) AS bigint) FROM reading WHERE kind <> 'listCheck'",
                )
                .await,
        }
    }

    async fn megabytes(&self) -> f64 {
        let bytes = if self.1.starts_with("postgres") {
            self.number("SELECT pg_database_size(current_database())").await
        } else {
            self.number("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()").await
        };
        #[expect(clippy::cast_precision_loss, reason = "megabytes of a report")]
        let bytes = bytes as f64;
        bytes / 1e6
    }
}

#[expect(clippy::cast_precision_loss, reason = "repositories are far below 2^52")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").expect("print");
}
