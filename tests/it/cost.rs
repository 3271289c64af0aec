//! What a pass costs: five calls a project, three an organization, whatever the number of repositories; and a second
//! pass that finds nothing changed writes nothing.

use muster_azdo_sim::{SimulatorOptions, Stats};
use muster_domain::read::{Read, ReadScope};
use muster_store::ledger::JobFilter;
use sea_orm::{ConnectionTrait, Statement};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::fleet::{Fleet, assert_same};
use tests::processes::Process;

const PASS_DEADLINE: Duration = Duration::from_secs(240);
const PROJECTS: u64 = 20;
const ORGANIZATIONS: u64 = 2;

fn world(repositories: usize) -> SimulatorOptions {
    SimulatorOptions {
        organizations: 2,
        projects: 20,
        repositories,
        seed: 11,
        // What calls cost is another test's matter.
        tstu_limit: None,
        ..SimulatorOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_do_not_grow_with_repositories_and_an_unchanged_pass_writes_nothing() {
    let mut of_projects = Vec::new();
    for repositories in [100, 10_000] {
        let fleet = Fleet::prepare(world(repositories)).await;
        let processes = fleet.start_all(1).await;
        fleet.create_connector().await;
        fleet.wait_until_idle(PASS_DEADLINE).await;
        assert_same("first pass", &fleet.assessments().await, &fleet.truth());

        let written_before = written_when_stopped(&fleet, processes).await;
        assert!(written_before.iter().all(|(_, rows)| *rows > 0), "{written_before:?}");
        fleet.simulator.reset_stats();
        let processes = fleet.start_all(1).await;
        discover(&fleet).await;
        let written_after = written_when_stopped(&fleet, processes).await;
        assert_eq!(written_after, written_before, "an unchanged pass wrote rows");
        assert_same("second pass", &fleet.assessments().await, &fleet.truth());
        of_projects.push(calls(&fleet.simulator.stats()));
    }
    let (small, large) = (&of_projects[0], &of_projects[1]);
    for counted in [small, large] {
        let per_project = Read::ALL.into_iter().filter(|read| read.scope() == ReadScope::Project);
        for read in per_project {
            let pages = counted[read.as_str()];
            let paged = matches!(read, Read::PolicyConfigurations | Read::BuildDefinitions);
            assert!(
                if paged { pages >= PROJECTS } else { pages == PROJECTS },
                "{read}: {pages} calls for {PROJECTS} projects"
            );
        }
        for read in [Read::ConnectionData, Read::Projects, Read::Repositories] {
            assert_eq!(counted[read.as_str()], ORGANIZATIONS, "{read}");
        }
        // The cross-check was done in the first pass of the day.
        assert_eq!(counted.get(Read::PipelinePermissions.as_str()), None);
    }
    let pages = |counted: &BTreeMap<String, u64>, read: Read| counted[read.as_str()] - PROJECTS;
    for (counted, name) in [(small, "100"), (large, "10,000")] {
        let total: u64 = counted.values().sum();
        let extra_pages = pages(counted, Read::PolicyConfigurations) + pages(counted, Read::BuildDefinitions);
        assert_eq!(total, 5 * PROJECTS + 3 * ORGANIZATIONS + extra_pages, "{name} repositories: {counted:?}");
        assert!(total <= 5 * PROJECTS + 12 * ORGANIZATIONS + extra_pages);
    }
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
    tests::waiting::wait_until("the request became work", tests::waiting::SOON, async || {
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
/// something did. A session reports its last counters when it ends, an idle one up to ten seconds later.
async fn written_when_stopped(fleet: &Fleet, processes: Vec<Process>) -> Vec<(String, i64)> {
    let store = fleet.store().await;
    tests::waiting::wait_until("every fact is published", tests::waiting::PATIENT, async || {
        store.outbox().backlog().await.expect("ask the outbox").pending == 0
    })
    .await;
    for process in &processes {
        process.terminate();
    }
    for process in &processes {
        assert!(process.wait(tests::waiting::PATIENT).await.success(), "{}", process.stderr());
    }
    let connection = fleet.database.connect().await;
    let backend = connection.get_database_backend();
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
