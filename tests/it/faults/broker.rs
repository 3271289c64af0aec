//! A broker that stops, stalls, loses or refuses: whatever it does, work goes on afterwards and its end is the truth.
//!
//! What needs no fleet (confirms that never come, connections cut in the middle of a publish, a block in a batch) is
//! tested at the transport, in `muster-queue`.

/// Three brokers that are one cluster, of which one or two die.
mod cluster;
/// Work that moves to another broker.
mod moves;
/// Brokers that restart, die, lose their disk, block or freeze.
mod outages;
/// Brokers that refuse: logins, virtual hosts, queues with other arguments.
mod refusals;
/// Bindings, exchanges, queues and leaders that go missing, and queues that are full.
mod topology;

use muster_azdo_sim::SimulatorOptions;
use muster_domain::JobId;
use muster_domain::job::{JobKind, JobState, Role};
use muster_messages::Ticket;
use muster_messages::ticket::{TICKET_VERSION, TracedTicket};
use muster_store::Store;
use muster_store::ledger::{JobFilter, NewJob, REQUESTED_PRIORITY};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::broker::TestBroker;
use tests::database::TestDatabase;
use tests::fleet::Fleet;
use tests::processes::Process;
use tests::subscriber::FactSubscriber;
use tests::total_check::TotalCheck;
use tests::waiting::{PATIENT, SOON, wait_until};
use uuid::Uuid;

/// The longest that a fleet needs after a fault: lost tickets are made again after two minutes.
const SETTLED: Duration = Duration::from_secs(240);
/// More jobs than any filter here finds.
const ALL: u32 = 1_000;

fn world() -> SimulatorOptions {
    SimulatorOptions {
        organizations: 2,
        projects: 24,
        repositories: 72,
        seed: 11,
        tstu_limit: None,
        // Long enough that a wave of work is under way when the fault comes.
        latency: Duration::from_millis(25),
        ..SimulatorOptions::default()
    }
}

/// A fleet whose connector was read once, with a process of every role. A wave is work on every project.
struct Bench {
    fleet: Fleet,
    store: Store,
    facts: FactSubscriber,
    processes: BTreeMap<&'static str, Process>,
}

/// The processes of the fleet, by the name that tests use.
const PROCESSES: [(&str, &[&str]); 4] = [
    ("scheduler", &["scheduler"]),
    ("discovery", &["worker", "discovery"]),
    ("sync", &["worker", "sync"]),
    ("refresh", &["worker", "refresh"]),
];

impl Bench {
    async fn on(broker: TestBroker, amqp_url: Option<String>) -> Self {
        let mut fleet = Fleet::prepare_on(world(), TestDatabase::postgres().await, broker).await;
        if let Some(url) = amqp_url {
            fleet.set("MUSTER_AMQP_URL", &url);
        }
        let facts = FactSubscriber::start(&fleet.broker).await;
        let store = fleet.store().await;
        let mut bench = Self { fleet, store, facts, processes: BTreeMap::new() };
        bench.start_all().await;
        bench.fleet.create_connector().await;
        bench.settled("the first pass").await;
        bench
    }

    async fn start_all(&mut self) {
        for (name, _) in PROCESSES {
            self.start(name).await;
        }
    }

    async fn start(&mut self, name: &'static str) {
        let (_, arguments) =
            PROCESSES.iter().find(|(known, _)| *known == name).expect("a process by this name");
        let process = self.fleet.start(arguments).await;
        self.processes.insert(name, process);
    }

    /// Asks for work of one kind on every project.
    async fn wave(&self, kind: JobKind) {
        let known = JobFilter { kinds: vec![JobKind::ProjectSync], limit: ALL, ..JobFilter::default() };
        let known = self.store.ledger().list(&known).await.expect("list the jobs");
        let jobs: Vec<NewJob> = known
            .into_iter()
            .map(|job| NewJob {
                kind,
                subject: job.subject,
                credential_id: job.credential_id.filter(|_| kind == JobKind::ProjectSync),
                delay: Duration::ZERO,
                priority: REQUESTED_PRIORITY,
                cause: "test".to_owned(),
                trace: None,
            })
            .collect();
        assert!(jobs.len() >= world().projects, "every project was synchronized once");
        self.store.ledger().enqueue(&jobs).await.expect("enqueue the wave");
    }

    /// Asks for synchronizations and waits until some are under way.
    async fn wave_under_way(&self) {
        self.wave(JobKind::ProjectSync).await;
        wait_until("a job of the wave runs", SOON, async || {
            self.count(Role::Sync, &[JobState::Running]).await > 0
        })
        .await;
    }

    /// Jobs of a role in any of the states, at one moment.
    async fn count(&self, role: Role, states: &[JobState]) -> usize {
        let filter = JobFilter { states: states.to_vec(), limit: ALL, ..JobFilter::default() };
        let jobs = self.store.ledger().list(&filter).await.expect("list the jobs");
        jobs.iter().filter(|job| job.kind.role() == role).count()
    }

    /// Waits until all work ended, then checks everything.
    async fn settled(&self, after: &str) {
        TotalCheck::of(&self.fleet).with_facts(&self.facts).settle(SETTLED).await.assert_holds(after);
    }

    /// The same where the broker took facts with it that it had confirmed.
    async fn settled_without_facts(&self, after: &str) {
        TotalCheck::of(&self.fleet).settle(SETTLED).await.assert_holds(after);
    }

    fn process(&self, name: &str) -> &Process {
        &self.processes[name]
    }

    async fn is_ready(&self, name: &str) -> bool {
        probe(self.process(name), "readyz").await.0
    }

    async fn all_are_ready(&self) {
        for name in self.processes.keys() {
            wait_until(&format!("{name} is ready"), PATIENT, async || self.is_ready(name).await).await;
        }
    }

    /// No outage of the broker is a reason to be restarted.
    async fn all_are_alive(&self) {
        for (name, process) in &self.processes {
            assert_eq!(process.exit_status(), None, "{name} runs: {}", process.stderr());
            assert!(probe(process, "livez").await.0, "{name} is alive");
        }
    }

    /// How many tickets the scheduler published with a result, such as `unroutable`.
    async fn tickets(&self, result: &str) -> u64 {
        let (_, metrics) = probe(self.process("scheduler"), "metrics").await;
        let of_result = |line: &&str| {
            line.starts_with("muster_ticket_published") && line.contains(&format!("\"{result}\""))
        };
        let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok());
        metrics.lines().filter(of_result).filter_map(value).map(|value| value as u64).sum()
    }

    /// Stops every process, as a supervisor does, and waits for their ends.
    async fn stop_all(&mut self) {
        self.processes.values().for_each(Process::terminate);
        for (name, process) in std::mem::take(&mut self.processes) {
            let status = process.wait(PATIENT).await;
            assert!(status.success(), "{name} ended with {status}: {}", process.stderr());
        }
    }
}

/// A ticket of a job that is nowhere: whoever takes it acknowledges it as stale.
fn ticket() -> TracedTicket {
    let (subject, cause) = ("subject".to_owned(), "test".to_owned());
    let job = JobId(Uuid::from_u128(1));
    let ticket =
        Ticket { v: TICKET_VERSION, job, seq: 1, kind: JobKind::ProjectSync, subject, cause, urgent: false };
    TracedTicket { ticket, trace: None }
}

/// Whether a probe is green, and what it says.
async fn probe(process: &Process, path: &str) -> (bool, String) {
    let line =
        process.wait_for_line(SOON, |line| line.contains("listening") && line.contains("probes")).await;
    let line: serde_json::Value = serde_json::from_str(&line).expect("log lines are JSON");
    let address = line["address"].as_str().expect("a listener says where");
    let answer = reqwest::get(format!("http://{address}/{path}")).await.expect("a probe answers");
    (answer.status().is_success(), answer.text().await.expect("a probe's answer ends"))
}
