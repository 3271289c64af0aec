//! What a pass costs: the reads that rules and the inventory declare and nothing more, once per project or organization,
//! whatever the number of repositories; and a second pass that finds nothing changed writes nothing.

use muster_azdo_sim::{AuthorizedResourcesMode, SimulatorOptions, Stats};
use muster_domain::protected::ProtectedResource;
use muster_domain::read::{Read, ReadScope};
use muster_domain::snapshot::ListCheck;
use muster_store::changes::{ListCheckDocument, ReadingKind};
use muster_store::ledger::JobFilter;
use sea_orm::{ConnectionTrait, Statement};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tests::fleet::{Fleet, Judged, assert_same};
use tests::processes::Process;
use tests::waiting::{PATIENT, SOON, wait_until};

const PASS_DEADLINE: Duration = Duration::from_secs(240);
const PROJECTS: u64 = 20;
const ORGANIZATIONS: u64 = 2;
/// Calls of a pass: at most so many per project, and so many per organization, beside further pages.
const PER_PROJECT: u64 = 10;
const PER_ORGANIZATION: u64 = 12;
/// Calls per organization and day that only check the lists of open resources, counted apart.
const CROSS_CHECKS: u64 = 8;

fn world(repositories: usize, authorized_resources: AuthorizedResourcesMode) -> SimulatorOptions {
    SimulatorOptions {
        organizations: 2,
        projects: 20,
        repositories,
        seed: 11,
        authorized_resources,
        // What calls cost is another test's matter.
        tstu_limit: None,
        ..SimulatorOptions::default()
    }
}

/// What rules and the inventory declare, and what every discovery begins with.
fn declared() -> BTreeSet<Read> {
    let first = [Read::ConnectionData, Read::Projects, Read::Repositories];
    let inventory = muster_sync::INVENTORY_READS.into_iter().chain(muster_discovery::INVENTORY_READS);
    muster_rules::required_reads().into_iter().chain(inventory).chain(first).collect()
}

/// Listings that come in pages, of which every project or organization has one at least.
fn is_paged(read: Read) -> bool {
    matches!(
        read,
        Read::PolicyConfigurations
            | Read::BuildDefinitions
            | Read::VariableGroups
            | Read::Environments
            | Read::Projects
            | Read::UserEntitlements
            | Read::AdvancedSecurityEnablement
    )
}

/// What one world cost in two passes.
struct Cost {
    /// Calls of the first pass, by read.
    first: BTreeMap<String, u64>,
    /// Calls of the second pass, by read.
    second: BTreeMap<String, u64>,
    /// What the cross-checks came to, by organization.
    checks: Vec<ListCheckDocument>,
    /// Resources of the types that are checked.
    single: u64,
    /// Most of them in one project.
    most_in_a_project: u64,
}

/// Has a fleet pass the world twice; the second pass must find the same and write nothing.
async fn pass_twice(world: SimulatorOptions) -> Cost {
    let fleet = Fleet::prepare(world).await;
    let processes = fleet.start_all(1).await;
    fleet.create_connector().await;
    fleet.wait_until_idle(PASS_DEADLINE).await;
    let found = fleet.assessments().await;
    assert_same("first pass", &found, &fleet.truth());
    let first = calls(&fleet.simulator.stats());
    let written_before = written_when_stopped(&fleet, processes).await;
    assert!(written_before.iter().all(|(_, rows)| *rows > 0), "{written_before:?}");
    let readings_before = readings_by_change(&fleet).await;

    fleet.simulator.reset_stats();
    let processes = fleet.start_all(1).await;
    discover(&fleet).await;
    let written_after = written_when_stopped(&fleet, processes).await;
    assert_eq!(written_after, written_before, "an unchanged pass wrote rows");
    assert_eq!(readings_by_change(&fleet).await, readings_before, "an unchanged pass changed readings");
    assert_same("second pass", &fleet.assessments().await, &fleet.truth());
    let second = calls(&fleet.simulator.stats());
    let by_project = checked_resources(&found);
    let single = by_project.values().sum();
    let most_in_a_project = by_project.into_values().max().unwrap_or_default();
    Cost { first, second, checks: list_checks(&fleet).await, single, most_in_a_project }
}

/// Service connections, variable groups with secrets, and secure files by project: each is judged once by whether it is
/// open.
fn checked_resources(found: &BTreeSet<Judged>) -> BTreeMap<String, u64> {
    let keys: BTreeSet<String> = muster_rules::rules_reading(Read::PipelinePermissions)
        .into_iter()
        .map(|recommendation| recommendation.key.to_string())
        .collect();
    let asks = |row: &&Judged| keys.contains(&row.4) && row.5 != "notapplicable";
    let mut by_project = BTreeMap::new();
    for row in found.iter().filter(asks) {
        *by_project.entry(row.2.clone()).or_default() += 1;
    }
    by_project
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_do_not_grow_with_repositories_and_an_unchanged_pass_writes_nothing() {
    for repositories in [100, 10_000] {
        let cost = pass_twice(world(repositories, AuthorizedResourcesMode::ListsAll)).await;
        assert_within_the_formula(&cost);
        let (asked, agrees) = (permissions(&cost.second), |check: &ListCheck| *check == ListCheck::Agrees);
        if cost.checks.iter().all(|document| document.checks().values().all(agrees)) {
            assert_eq!(asked, 0, "the lists were checked in the first pass of the day");
        }
        assert!(asked < cost.single, "{asked} of {}: lists are believed where they agree", cost.single);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_list_does_not_list_every_protected_resource_is_asked_for_once() {
    let cost = pass_twice(world(100, AuthorizedResourcesMode::NeedsTypeAndId)).await;
    assert_within_the_formula(&cost);
    for document in &cost.checks {
        for resource in
            [ProtectedResource::Endpoint, ProtectedResource::VariableGroup, ProtectedResource::SecureFile]
        {
            assert!(document.checks()[&resource].reads_one_by_one(), "{resource}: {document:?}");
        }
    }
    assert_eq!(permissions(&cost.second), cost.single);
}

fn permissions(counted: &BTreeMap<String, u64>) -> u64 {
    counted.get(Read::PipelinePermissions.as_str()).copied().unwrap_or_default()
}

/// The second pass made exactly the declared reads, once each and page by page; the first one as many, and again only
/// where a project was read before a list was out of use.
fn assert_within_the_formula(cost: &Cost) {
    let declared = declared();
    for (counted, is_first) in [(&cost.first, true), (&cost.second, false)] {
        // Found out once, when a connector is made.
        let of_passes =
            |name: &&String| Read::parse(name).is_some_and(|read| read.scope() != ReadScope::Credential);
        let made: BTreeSet<&str> = counted.keys().filter(of_passes).map(String::as_str).collect();
        let wanted = declared.iter().map(|read| read.as_str());
        // Asked only of a repository that is missing, or of a single resource.
        let now_and_then = [Read::DeletedRepositories, Read::PipelinePermissions].map(Read::as_str);
        let made: BTreeSet<&str> = made.into_iter().filter(|name| !now_and_then.contains(name)).collect();
        let wanted: BTreeSet<&str> = wanted.filter(|name| !now_and_then.contains(name)).collect();
        assert_eq!(made, wanted, "the reads that were made, and those that are declared");
        assert_eq!(counted.get(Read::DeletedRepositories.as_str()), None, "nothing is missing");
        if !is_first {
            assert_once_each(counted, &wanted);
        }
    }
    let total: u64 = cost.second.values().sum();
    let pages: u64 = declared
        .iter()
        .filter(|read| is_paged(**read))
        .map(|read| cost.second[read.as_str()] - subjects_of(*read))
        .sum();
    let bound = PER_PROJECT * PROJECTS + PER_ORGANIZATION * ORGANIZATIONS + pages;
    let checks = permissions(&cost.second);
    assert!(total - checks <= bound, "{total} calls, {checks} of them checks; {bound}: {:?}", cost.second);
    for counted in [&cost.first, &cost.second] {
        // Projects that were read before a list was out of use are read once more, in the first pass only.
        let read_again = counted[Read::ServiceEndpoints.as_str()] - PROJECTS;
        let most = CROSS_CHECKS * ORGANIZATIONS + cost.single + read_again * cost.most_in_a_project;
        assert!(permissions(counted) <= most, "{} of at most {most}", permissions(counted));
    }
    for document in &cost.checks {
        let asked: u32 = document.types.values().map(|check| check.calls_today).sum();
        assert!(u64::from(asked) <= CROSS_CHECKS, "{document:?}");
    }
}

fn subjects_of(read: Read) -> u64 {
    if read.scope() == ReadScope::Project { PROJECTS } else { ORGANIZATIONS }
}

fn assert_once_each(counted: &BTreeMap<String, u64>, wanted: &BTreeSet<&str>) {
    for name in wanted {
        let read = Read::parse(name).expect("a read");
        let (calls, subjects) = (counted[*name], subjects_of(read));
        // Permissions are asked for once per namespace.
        let is_bounded_apart = read == Read::AccessControlLists;
        let is_right = if is_paged(read) || is_bounded_apart { calls >= subjects } else { calls == subjects };
        assert!(is_right, "{read}: {calls} calls for {subjects}");
    }
}

async fn list_checks(fleet: &Fleet) -> Vec<ListCheckDocument> {
    let store = fleet.store().await;
    let connector = store.connectors().list().await.expect("list the connectors").remove(0).id;
    let mut found = Vec::new();
    for organization in store.inventory().organizations(connector).await.expect("list") {
        let readings = store.inventory().readings(connector, organization.id, None).await.expect("read");
        let (_, check) =
            readings.into_iter().find(|(key, _)| key.kind == ReadingKind::ListCheck).expect("a cross-check");
        let document = check.outcome.expect("a document").document;
        found.push(serde_json::from_value(document).expect("a cross-check"));
    }
    found
}

/// How many readings there are, and when one of them changed last.
async fn readings_by_change(fleet: &Fleet) -> (i64, i64) {
    let connection = fleet.database.connect().await;
    let backend = connection.get_database_backend();
    let statement = "SELECT count(*) AS readings, max(changed_at_ms) AS last FROM reading";
    let row = connection.query_one_raw(Statement::from_string(backend, statement)).await.expect("ask");
    let row = row.expect("a row");
    (row.try_get("", "readings").expect("a number"), row.try_get("", "last").expect("a time"))
}

/// Has everything discovered and read again, and waits for it.
async fn discover(fleet: &Fleet) {
    let store = fleet.store().await;
    let connector = store.connectors().list().await.expect("list the connectors").remove(0);
    let before = store
        .ledger()
        .list(&JobFilter { limit: 10_000, ..JobFilter::default() })
        .await
        .expect("list the jobs")
        .len();
    let data = format!("{{\"connectorId\":\"{}\"}}", connector.id);
    fleet.run(&["event", "publish", "muster.connector.discovery-requested.v1", "--data", &data]).await;
    wait_until("the request became work", SOON, async || {
        let jobs = store
            .ledger()
            .list(&JobFilter { limit: 10_000, ..JobFilter::default() })
            .await
            .expect("list the jobs");
        jobs.len() > before
    })
    .await;
    fleet.wait_until_idle(PASS_DEADLINE).await;
}

fn calls(stats: &Stats) -> BTreeMap<String, u64> {
    stats.requests.clone().into_iter().filter(|(_, count)| *count > 0).collect()
}

/// Stops the fleet and counts the rows inserted, updated and deleted so far in the tables that only change when
/// something did. A session reports its last counters when it ends, which is after its client went: every session has
/// to be gone.
async fn written_when_stopped(fleet: &Fleet, processes: Vec<Process>) -> Vec<(String, i64)> {
    {
        let store = fleet.store().await;
        // Some ten thousand facts, one confirm each, on a machine that does other things too.
        wait_until("every fact is published", PASS_DEADLINE, async || {
            store.outbox().backlog().await.expect("ask the outbox").pending == 0
        })
        .await;
    }
    for process in &processes {
        process.terminate();
    }
    for process in &processes {
        assert!(process.wait(PATIENT).await.success(), "{}", process.stderr());
    }
    let connection = fleet.database.connect().await;
    let backend = connection.get_database_backend();
    wait_until("no other session is left", PATIENT, async || {
        let statement = "SELECT count(*) AS sessions FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
        let row = connection.query_one_raw(Statement::from_string(backend, statement)).await.expect("ask");
        row.expect("a row").try_get::<i64>("", "sessions").expect("a number") == 0
    })
    .await;
    let statement = "SELECT relname::text AS name, n_tup_ins + n_tup_upd + n_tup_del AS written \
         FROM pg_stat_user_tables \
         WHERE relname IN ('resource', 'relation', 'assessment', 'assessment_history', 'event_outbox') ORDER BY relname";
    let rows = connection
        .query_all_raw(Statement::from_string(backend, statement))
        .await
        .expect("ask for the counters");
    rows.iter()
        .map(|row| (row.try_get("", "name").expect("a name"), row.try_get("", "written").expect("a number")))
        .collect()
}
