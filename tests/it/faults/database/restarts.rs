use muster_azdo_sim::SimulatorOptions;
use std::time::Duration;
use tests::broker::TestBroker;
use tests::chaos::crew::address;
use tests::database::TestDatabase;
use tests::failover::{DatabaseNode, Stop};
use tests::fleet::Fleet;
use tests::processes::Process;
use tests::subscriber::FactSubscriber;
use tests::total_check::TotalCheck;
use tests::waiting::{PATIENT, wait_until};

/// A pass on two busy cores, in a debug build, with a database that comes and goes.
pub(super) const PASS_DEADLINE: Duration = Duration::from_secs(180);

pub(super) fn world() -> SimulatorOptions {
    SimulatorOptions {
        organizations: 2,
        projects: 20,
        repositories: 200,
        seed: 9,
        tstu_limit: None,
        // Long enough that the fault comes in the middle of something.
        latency: Duration::from_millis(25),
        ..SimulatorOptions::default()
    }
}

/// Waits until so many projects were read.
pub(super) async fn wait_for_project_reads(fleet: &Fleet, count: u64) {
    wait_until("projects are being read", PATIENT, async || {
        let reads = fleet.simulator.stats().requests;
        reads.get("generalSettings").copied().unwrap_or_default() >= count
    })
    .await;
}

async fn is_alive(process: &Process) -> bool {
    let address = address(&process.stderr()).expect("it says where it listens");
    let answer = reqwest::get(format!("http://{address}/livez")).await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_restarts_under_load_costs_no_process_and_no_work() {
    let node = DatabaseNode::start().await;
    let place = TestDatabase::of_own_server(node.url());
    let fleet = Fleet::prepare_on(world(), place, TestBroker::vhost().await).await;
    let facts = FactSubscriber::start(&fleet.broker).await;
    let processes = fleet.start_all(1).await;
    fleet.create_connector().await;
    for reads in [3, 10] {
        wait_for_project_reads(&fleet, reads).await;
        node.stop(Stop::Immediate).await;
        for process in &processes {
            assert!(is_alive(process).await, "{}", process.stderr());
        }
        node.start_again().await;
    }
    let report = TotalCheck::of(&fleet).with_facts(&facts).settle(PASS_DEADLINE).await;
    report.assert_holds("after two restarts of the database");
    assert_eq!(report.jobs_in("dead"), 0, "{report}");
    for process in &processes {
        assert!(process.exit_status().is_none(), "{}", process.stderr());
    }
}
