//! The total check: whatever went wrong meanwhile, in the end nothing is lost, nothing is doubled, nothing is half.

use crate::fleet::{Fleet, Judged};
use crate::subscriber::{Delivered, FactSubscriber};
use crate::waiting::{SOON, try_for, wait_until};
use muster_domain::ConnectorId;
use muster_messages::fact::{FactPayload, ResourceReference};
use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult, Statement};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// Examples that a report gives of each broken promise.
const EXAMPLES: usize = 5;
/// A job that is due may wait this long where nothing else is said: with nothing left to do, it should be none.
const OLDEST_DUE: Duration = Duration::from_secs(60);

/// What a fleet is checked for after faults.
pub struct TotalCheck<'a> {
    fleet: &'a Fleet,
    facts: Option<&'a FactSubscriber>,
    requests: Vec<(String, String)>,
    expected: Option<BTreeSet<Judged>>,
    oldest_due: Duration,
}

/// What the check found. The counts are for benchmarks, `broken` decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TotalReport {
    /// Jobs by state.
    pub jobs: BTreeMap<String, u64>,
    /// Requests that were accepted.
    pub requests: u64,
    /// Dead letters of every kind.
    pub dead_letters: u64,
    /// Verdicts in force.
    pub assessments: u64,
    /// Changes of verdicts, ever.
    pub changes: u64,
    /// Different facts that the subscriber was given.
    pub facts: u64,
    /// Deliveries beyond the first of each.
    pub facts_repeated: u64,
    /// Times that workers vanished, over all jobs that are kept.
    pub crashes: u64,
    /// What does not hold; empty when all does.
    pub broken: Vec<Broken>,
}

/// A promise that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// In how many places.
    pub count: usize,
    /// Some of them.
    pub examples: Vec<String>,
}

/// What holds of a fleet that has nothing left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// Every request that the broker or the API confirmed was accepted, or is a dead letter.
    RequestsTaken,
    /// Every job is in one final state, or waits for a time to come or for a person: none is in flight or overdue.
    JobsEnd,
    /// One live job per kind and subject; a lease where it runs and nowhere else.
    JobsAreOne,
    /// Every job that was given up has its letter.
    DeadJobsHaveLetters,
    /// No fact waits for its publication.
    OutboxIsEmpty,
    /// Every change of a verdict, and every resource, was told at least once.
    FactsAreDelivered,
    /// One id is one fact, however often it comes.
    FactsAreStable,
    /// Verdicts are those of a run without faults.
    AssessmentsAreTrue,
    /// Every verdict has as many rows of history as it had changes.
    HistoryIsExact,
    /// One row for one thing: resources, readings, verdicts.
    NothingIsDoubled,
}

impl<'a> TotalCheck<'a> {
    /// A check of a fleet against what its simulator planted.
    pub fn of(fleet: &'a Fleet) -> Self {
        Self { fleet, facts: None, requests: Vec::new(), expected: None, oldest_due: OLDEST_DUE }
    }

    /// Checks the facts too; the subscriber must have been there before the first of them.
    pub fn with_facts(self, facts: &'a FactSubscriber) -> Self {
        Self { facts: Some(facts), ..self }
    }

    /// Requests, by `source` and `id`, whose publication was confirmed.
    pub fn with_requests(self, requests: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { requests: requests.into_iter().collect(), ..self }
    }

    /// Other verdicts than those that the simulator planted, such as those of a run without faults.
    pub fn expecting(self, verdicts: BTreeSet<Judged>) -> Self {
        Self { expected: Some(verdicts), ..self }
    }

    /// How long a job may have been due.
    pub fn with_oldest_due(self, oldest_due: Duration) -> Self {
        Self { oldest_due, ..self }
    }

    /// Waits until the fleet has nothing left to do and the outbox is empty, then checks.
    pub async fn settle(self, deadline: Duration) -> TotalReport {
        self.fleet.wait_until_idle(deadline).await;
        let store = self.fleet.store().await;
        wait_until("every fact is published", deadline, async || {
            store.outbox().backlog().await.is_ok_and(|backlog| backlog.pending == 0)
        })
        .await;
        self.run().await
    }

    /// Checks now.
    pub async fn run(self) -> TotalReport {
        let tables = Tables { connection: self.fleet.database.connect().await };
        let mut report = TotalReport {
            jobs: tables.jobs().await,
            requests: tables.count("SELECT count(*) AS n FROM inbox").await,
            dead_letters: tables.count("SELECT count(*) AS n FROM dead_letter").await,
            assessments: tables.count("SELECT count(*) AS n FROM assessment").await,
            changes: tables.count("SELECT count(*) AS n FROM assessment_history").await,
            crashes: tables.count("SELECT CAST(COALESCE(sum(crash_count), 0) AS bigint) AS n FROM job").await,
            ..TotalReport::default()
        };
        for (promise, statement) in self.statements() {
            report.judge(promise, tables.complaints(&statement).await);
        }
        report.judge(Promise::RequestsTaken, self.lost_requests(&tables).await);
        self.judge_facts(&tables, &mut report).await;
        let found = self.fleet.assessments().await;
        let expected = self.expected.unwrap_or_else(|| self.fleet.truth());
        let different = found.symmetric_difference(&expected).map(|row| {
            let what = if expected.contains(row) { "not found" } else { "not expected" };
            format!("{what}: {row:?}")
        });
        report.judge(Promise::AssessmentsAreTrue, different.collect());
        report
    }

    fn statements(&self) -> Vec<(Promise, String)> {
        let due = self.oldest_due.as_millis();
        vec![
            (Promise::JobsEnd, in_flight_or_overdue(due)),
            (Promise::JobsAreOne, MORE_THAN_ONE_LIVE.to_owned()),
            (Promise::JobsAreOne, LEASE_WITHOUT_RUN.to_owned()),
            (Promise::DeadJobsHaveLetters, DEAD_WITHOUT_LETTER.to_owned()),
            (Promise::OutboxIsEmpty, UNPUBLISHED.to_owned()),
            (Promise::HistoryIsExact, INEXACT_HISTORY.to_owned()),
            (Promise::NothingIsDoubled, DOUBLED_RESOURCES.to_owned()),
            (Promise::NothingIsDoubled, DOUBLED_READINGS.to_owned()),
        ]
    }

    async fn lost_requests(&self, tables: &Tables) -> Vec<String> {
        let taken: BTreeSet<String> = tables
            .complaints("SELECT source || ' ' || message_id AS what FROM inbox")
            .await
            .into_iter()
            .collect();
        let mut lost = Vec::new();
        for (source, id) in &self.requests {
            if !taken.contains(&format!("{source} {id}")) && !tables.has_letter(id).await {
                lost.push(format!("{source} {id}"));
            }
        }
        lost
    }

    async fn judge_facts(&self, tables: &Tables, report: &mut TotalReport) {
        let Some(subscriber) = self.facts else { return };
        let expected = tables.expected_facts().await;
        // What was published may still be on its way to the subscriber.
        let arrived =
            try_for(SOON, async || expected.missing(&subscriber.facts()).is_empty().then_some(())).await;
        let facts = subscriber.facts();
        if arrived.is_none() {
            report.judge(Promise::FactsAreDelivered, expected.missing(&facts));
        }
        report.facts = u64::try_from(facts.len()).unwrap_or(u64::MAX);
        report.facts_repeated = facts.values().map(|fact| fact.times - 1).sum();
        let contradicted = facts.values().filter(|fact| fact.contradicted);
        let contradicted = contradicted.map(|fact| format!("{} came with two contents", fact.event.id));
        report.judge(Promise::FactsAreStable, contradicted.collect());
    }
}

impl TotalReport {
    /// Whether every promise holds.
    pub fn holds(&self) -> bool {
        self.broken.is_empty()
    }

    /// Jobs in a state.
    pub fn jobs_in(&self, state: &str) -> u64 {
        self.jobs.get(state).copied().unwrap_or_default()
    }

    /// Fails the test where a promise does not hold.
    pub fn assert_holds(&self, after: &str) {
        assert!(self.holds(), "{after}: {self}");
    }

    fn judge(&mut self, promise: Promise, complaints: Vec<String>) {
        if !complaints.is_empty() {
            let count = complaints.len();
            let examples = complaints.into_iter().take(EXAMPLES).collect();
            self.broken.push(Broken { promise, count, examples });
        }
    }
}

impl fmt::Display for TotalReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "jobs {:?}, {} requests, {} dead letters, {} verdicts with {} changes, {} facts and {} repetitions, \
             {} crashes",
            self.jobs,
            self.requests,
            self.dead_letters,
            self.assessments,
            self.changes,
            self.facts,
            self.facts_repeated,
            self.crashes
        )?;
        for broken in &self.broken {
            writeln!(formatter, "{:?} does not hold in {} places:", broken.promise, broken.count)?;
            for example in &broken.examples {
                writeln!(formatter, "  {example}")?;
            }
        }
        Ok(())
    }
}

/// Waiting for credentials, for a paused connector or for a time to come is no fault; the rest of what lives is.
fn in_flight_or_overdue(oldest_due_ms: u128) -> String {
    format!(
        "SELECT j.id || ' ' || j.kind || ' ' || j.subject_key || ' is ' || j.state AS what FROM job j
         LEFT JOIN connector c ON c.id = j.connector_id
         WHERE j.state IN ('dispatched', 'running') OR (
            j.state = 'pending' AND j.waiting_reason IS DISTINCT FROM 'needs_auth'
            AND (NOT j.needs_connector OR c.state IS NULL OR c.state = 'active')
            AND j.due_at_ms < (extract(epoch from clock_timestamp()) * 1000)::bigint - {oldest_due_ms})"
    )
}

const MORE_THAN_ONE_LIVE: &str = "
    SELECT kind || ' ' || subject_key || ' lives more than once' AS what FROM job
    WHERE state IN ('pending', 'dispatched', 'running') GROUP BY kind, subject_key HAVING count(*) > 1";

const LEASE_WITHOUT_RUN: &str = "
    SELECT id || ' is ' || state || ' with or without a lease' AS what FROM job
    WHERE (state = 'running') <> (lease_token IS NOT NULL) OR (state = 'running') <> (lease_until_ms IS NOT NULL)
        OR attempt < 0 OR crash_count < 0 OR attempt > max_attempts";

const DEAD_WITHOUT_LETTER: &str = "
    SELECT j.id || ' ' || j.kind || ' ' || COALESCE(j.last_error_class, '') AS what FROM job j
    WHERE j.state = 'dead' AND NOT EXISTS (SELECT 1 FROM dead_letter d WHERE d.job_id = j.id)";

const UNPUBLISHED: &str = "SELECT routing_key || ' ' || id AS what FROM event_outbox";

const INEXACT_HISTORY: &str = "
    SELECT a.resource_id || ' ' || a.recommendation || ' has ' || a.change_sequence || ' changes' AS what
    FROM assessment a WHERE a.change_sequence <> (
        SELECT count(*) FROM assessment_history h
        WHERE h.resource_id = a.resource_id AND h.recommendation = a.recommendation)";

const DOUBLED_RESOURCES: &str = "
    SELECT kind || ' ' || external_id || ' has ' || count(*) || ' rows' AS what FROM resource
    GROUP BY connector_id, kind, organization_id, project_id, external_id HAVING count(*) > 1";

const DOUBLED_READINGS: &str = "
    SELECT kind || ' ' || subject || ' has ' || count(*) || ' rows' AS what FROM reading
    GROUP BY connector_id, organization_id, project_id, kind, subject HAVING count(*) > 1";

/// The tables of a fleet, read past the store: what the store would hide is to be seen.
struct Tables {
    connection: DatabaseConnection,
}

/// What subscribers must have been told: how many facts of which verdict, and which resources.
#[derive(Debug, Default)]
struct ExpectedFacts {
    verdicts: BTreeMap<(ResourceName, Uuid), u64>,
    resources: BTreeSet<ResourceName>,
}

/// Connector, kind, project and Azure DevOps' id of a resource.
type ResourceName = (Uuid, String, Option<Uuid>, String);

fn resource_name(row: &QueryResult) -> ResourceName {
    (
        row.try_get("", "connector_id").expect("an id"),
        row.try_get("", "kind").expect("text"),
        row.try_get("", "project_id").expect("an id or nothing"),
        row.try_get("", "external_id").expect("text"),
    )
}

impl Tables {
    async fn rows(&self, statement: &str) -> Vec<QueryResult> {
        let statement = Statement::from_string(self.connection.get_database_backend(), statement);
        self.connection.query_all_raw(statement).await.expect("read a table")
    }

    async fn complaints(&self, statement: &str) -> Vec<String> {
        self.rows(statement).await.iter().map(|row| row.try_get("", "what").expect("text")).collect()
    }

    async fn count(&self, statement: &str) -> u64 {
        let row = self.rows(statement).await;
        let count: i64 = row[0].try_get("", "n").expect("a number");
        u64::try_from(count).expect("no negative count")
    }

    async fn jobs(&self) -> BTreeMap<String, u64> {
        let rows = self.rows("SELECT state, count(*) AS n FROM job GROUP BY state").await;
        let of_row = |row: &QueryResult| {
            let count: i64 = row.try_get("", "n").expect("a number");
            (row.try_get("", "state").expect("text"), u64::try_from(count).expect("no negative count"))
        };
        rows.iter().map(of_row).collect()
    }

    /// Whether some dead letter holds the id of a request.
    async fn has_letter(&self, id: &str) -> bool {
        let id = id.replace('\'', "''");
        let statement = format!(
            "SELECT count(*) AS n FROM dead_letter WHERE position(convert_to('{id}', 'UTF8') IN raw) > 0"
        );
        self.count(&statement).await > 0
    }

    /// What is told of connectors that are not there any more cannot be named, and is left out.
    async fn expected_facts(&self) -> ExpectedFacts {
        let verdicts = self.rows(
            "SELECT h.connector_id, r.kind, r.project_id, r.external_id, h.recommendation, count(*) AS n
             FROM assessment_history h JOIN resource r ON r.id = h.resource_id
             JOIN connector c ON c.id = h.connector_id
             GROUP BY h.connector_id, r.kind, r.project_id, r.external_id, h.recommendation",
        );
        let of_row = |row: &QueryResult| {
            let count: i64 = row.try_get("", "n").expect("a number");
            let key = (resource_name(row), row.try_get("", "recommendation").expect("an id"));
            (key, u64::try_from(count).expect("no negative count"))
        };
        let verdicts = verdicts.await.iter().map(of_row).collect();
        let resources = self.rows(
            "SELECT DISTINCT r.connector_id, r.kind, r.project_id, r.external_id FROM resource r JOIN connector c ON c.id = r.connector_id",
        );
        ExpectedFacts { verdicts, resources: resources.await.iter().map(resource_name).collect() }
    }
}

impl ExpectedFacts {
    /// What of it the facts do not tell, and what they tell too often.
    fn missing(&self, facts: &BTreeMap<String, Delivered>) -> Vec<String> {
        let mut told: BTreeMap<(ResourceName, Uuid), u64> = BTreeMap::new();
        let mut seen: BTreeSet<ResourceName> = BTreeSet::new();
        let name = |connector: ConnectorId, resource: ResourceReference| {
            let project = resource.project_id.map(|id| id.0);
            (connector.0, resource.kind.as_str().to_owned(), project, resource.id)
        };
        for fact in facts.values() {
            match FactPayload::from_event(&fact.event) {
                Ok(FactPayload::AssessmentChanged(told_of)) => {
                    let key = (name(told_of.connector_id, told_of.resource), told_of.assessment_key.0);
                    *told.entry(key).or_default() += 1;
                }
                Ok(FactPayload::ResourceDiscovered(told_of)) => {
                    seen.insert(name(told_of.connector_id, told_of.resource));
                }
                Ok(_) => (),
                Err(error) => return vec![format!("{}: {error}", fact.event.id)],
            }
        }
        let verdicts = self.verdicts.iter().filter_map(|(key, changes)| {
            let facts = told.get(key).copied().unwrap_or_default();
            (facts != *changes).then(|| format!("{key:?}: {changes} changes, {facts} facts"))
        });
        let resources =
            self.resources.difference(&seen).map(|resource| format!("{resource:?} was never told"));
        verdicts.chain(resources).collect()
    }
}
