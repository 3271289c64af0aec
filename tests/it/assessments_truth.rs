//! Whatever world was drawn, and whatever the list of open resources does: what is found is what was planted, for every
//! recommendation, in no direction different, and nothing stays Unknown.

use muster_azdo_sim::{AuthorizedResourcesMode, SimulatorOptions};
use std::collections::BTreeSet;
use std::time::Duration;
use tests::fleet::{Fleet, Judged, assert_same};
use tests::workbench::Workbench;

const SEEDS: [u64; 5] = [1, 22, 333, 4_444, 55_555];
/// Jobs of each role at a time: enough that projects are read in no order.
const SLOTS: usize = 4;
/// A whole pass over 12 projects on two busy cores, in a debug build.
const PASS_DEADLINE: Duration = Duration::from_secs(240);

fn world(seed: u64, authorized_resources: AuthorizedResourcesMode) -> SimulatorOptions {
    SimulatorOptions {
        organizations: 2,
        projects: 12,
        repositories: 120,
        seed,
        authorized_resources,
        // What calls cost is another test's matter.
        tstu_limit: None,
        ..SimulatorOptions::default()
    }
}

/// Everything that a recommendation of the catalogue can be true of occurs, so that equality means something.
fn assert_is_telling(seed: u64, truth: &BTreeSet<Judged>) {
    let planted: BTreeSet<&str> = truth.iter().map(|row| row.4.as_str()).collect();
    let catalogue: BTreeSet<String> =
        muster_rules::catalogue().iter().map(|rule| rule.recommendation().key.to_string()).collect();
    assert_eq!(planted, catalogue.iter().map(String::as_str).collect(), "seed {seed}");
}

async fn workers_find_what_was_planted(mode: AuthorizedResourcesMode) {
    for seed in SEEDS {
        let bench = Workbench::prepare(world(seed, mode)).await;
        bench.run_workers(SLOTS, PASS_DEADLINE).await;
        let truth = bench.truth();
        assert_is_telling(seed, &truth);
        assert_same(&format!("seed {seed}, {mode:?}"), &bench.assessments().await, &truth);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_planted_is_found_where_the_list_lists() {
    workers_find_what_was_planted(AuthorizedResourcesMode::ListsAll).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_planted_is_found_where_the_list_does_not_list() {
    workers_find_what_was_planted(AuthorizedResourcesMode::NeedsTypeAndId).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_finds_it_too_where_the_list_does_not_list() {
    let fleet = Fleet::prepare(world(SEEDS[0], AuthorizedResourcesMode::NeedsTypeAndId)).await;
    let _processes = fleet.start_all(2).await;
    fleet.create_connector().await;
    fleet.wait_until_idle(PASS_DEADLINE).await;
    assert_same("the fleet", &fleet.assessments().await, &fleet.truth());
    assert_eq!(fleet.store().await.dead_letters().count().await.expect("count"), 0);
}
