//! What a pass costs: five calls a project, three an organization, whatever the number of repositories; and a second
//! pass that finds nothing changed writes nothing.

use muster_azdo_sim::{SimulatorOptions, Stats};
use muster_domain::read::{Read, ReadScope};
use muster_store::ledger::JobFilter;
use sea_orm::{ConnectionTrait, Statement};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::fleet::{Fleet, assert_same};

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
        fleet.store_credential().await;
        let _processes = fleet.start_all(1).await;
        create_connector(&fleet).await;
        fleet.wait_until_idle(PASS_DEADLINE).await;
        assert_same("first pass", &fleet.assessments().await, &fleet.truth());

        let written_before = written(&fleet).await;
        fleet.simulator.reset_stats();
        discover(&fleet).await;
        assert_eq!(written(&fleet).await, written_before, "an unchanged pass wrote rows");
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

async fn create_connector(fleet: &Fleet) {
    let mut arguments = vec![
        "connector", "create", "contoso", "--credential", tests::fleet::CREDENTIAL, "--subscription-id",
        "11111111-2222-4333-8444-555555555555", "--resource-group", "devops", "--region", "westeurope",
    ];
    let organizations = fleet.simulator.organizations();
    for organization in &organizations {
        arguments.extend(["--organization", organization]);
    }
    fleet.run(&arguments).await;
}

/// Has everything discovered and read again, and waits for it.
async fn discover(fleet: &Fleet) {
    let store = fleet.store().await;
    let connector = store.connectors().list().await.unwrap().remove(0);
    let before = store.ledger().list(&JobFilter { limit: 10_000, ..JobFilter::default() }).await.unwrap().len();
    let data = format!("{{\"connectorId\":\"{}\"}}", connector.id);
    fleet.run(&["event", "publish", "muster.connector.discovery-requested.v1", "--data", &data]).await;
    tests::waiting::wait_until("the request became work", tests::waiting::SOON, async || {
        let jobs = store.ledger().list(&JobFilter { limit: 10_000, ..JobFilter::default() }).await.unwrap();
        jobs.len() > before
    })
    .await;
    fleet.wait_until_idle(PASS_DEADLINE).await;
}

fn calls(stats: &Stats) -> BTreeMap<String, u64> {
    stats.requests.clone().into_iter().filter(|(_, count)| *count > 0).collect()
}

/// Rows inserted, updated and deleted so far in the tables that only change when something did.
async fn written(fleet: &Fleet) -> Vec<(String, i64)> {
    let connection = fleet.database.connect().await;
    let backend = connection.get_database_backend();
    let flush = Statement::from_string(backend, "SELECT pg_stat_force_next_flush()");
    connection.query_one_raw(flush).await.unwrap();
    // Counters of other sessions arrive within a second of their last transaction.
    let statement = "SELECT relname::text AS name, n_tup_ins + n_tup_upd + n_tup_del AS written \
         FROM pg_stat_user_tables \
         WHERE relname IN ('resource', 'relation', 'assessment', 'assessment_history', 'event_outbox') ORDER BY relname";
    let mut last = Vec::new();
    tests::waiting::wait_until("the counters stand still", tests::waiting::PATIENT, async || {
        let rows = connection.query_all_raw(Statement::from_string(backend, statement)).await.unwrap();
        let counters: Vec<(String, i64)> = rows
            .iter()
            .map(|row| (row.try_get("", "name").unwrap(), row.try_get("", "written").unwrap()))
            .collect();
        let stands = settled(&mut last, &counters);
        stands
    })
    .await;
    last.pop().unwrap_or_default()
}

/// Looks that must agree before the counters are believed: more than the second after which idle sessions report.
const AGREEING_LOOKS: usize = 100;

fn settled(seen: &mut Vec<Vec<(String, i64)>>, now: &[(String, i64)]) -> bool {
    if seen.last().is_some_and(|last| last != now) {
        seen.clear();
    }
    seen.push(now.to_vec());
    seen.len() > AGREEING_LOOKS
}
