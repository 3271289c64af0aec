//! The ledger against a model of it: random interleavings of everything that happens to jobs, and after each step
//! the same rows on both sides.
//!
//! A failure names its seed; `MUSTER_TEST_SEED=…` repeats it, on either database.

mod ledger;
mod rows;
mod step;
mod world;

use super::database::TestDatabase;
use super::fixtures;
use crate::{Backend, DatabaseClock, Durability, Store, StoreOptions};
use muster_domain::clock::TestClock;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::sync::Arc;
use step::Step;
use world::World;

/// Steps of one case at most.
const MOST_STEPS: usize = 60;
/// Cases on the embedded database, which takes a millisecond for a step.
const SQLITE_CASES: u32 = 60;
/// Cases on PostgreSQL, where every step travels.
const POSTGRES_CASES: u32 = 16;
/// Attempts at making a failing case smaller.
const MOST_SHRINKS: u32 = 400;
/// Repeats the cases of a seed.
const SEED: &str = "MUSTER_TEST_SEED";

#[test]
fn the_ledger_does_what_the_model_says_on_sqlite() {
    compare(Backend::Sqlite, SQLITE_CASES);
}

#[test]
fn the_ledger_does_what_the_model_says_on_postgres() {
    compare(Backend::Postgres, POSTGRES_CASES);
}

fn compare(backend: Backend, cases: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let database = runtime.block_on(TestDatabase::create(backend));
    let clock = TestClock::at(fixtures::start());
    let store = runtime.block_on(open(database.url(), &clock));
    let seed = seed();
    let outcome = runner(seed, cases).run(&proptest::collection::vec(Step::any(), 1..MOST_STEPS), |steps| {
        clock.set(fixtures::start());
        runtime.block_on(async {
            let mut world = World::empty(&store, &clock).await;
            for step in steps {
                world.take(step).await?;
            }
            Ok(())
        })
    });
    runtime.block_on(async {
        store.close().await.expect("close");
        database.drop().await;
    });
    if let Err(failure) = outcome {
        panic!("{SEED}={seed}: {failure}");
    }
}

async fn open(url: &str, clock: &TestClock) -> Store {
    let options = StoreOptions {
        clock: DatabaseClock::Virtual(Arc::new(clock.clone())),
        max_connections: 2,
        durability: Durability::Relaxed,
        max_attempts: ledger::MAX_ATTEMPTS,
        crash_limit: ledger::CRASH_LIMIT,
        ..StoreOptions::new(url)
    };
    let store = Store::connect(options).await.expect("connect");
    store.migrate().await.expect("migrate");
    store
}

fn seed() -> u64 {
    match std::env::var(SEED) {
        Ok(seed) => seed.parse().expect("a seed is a number"),
        Err(_) => rand::random(),
    }
}

fn runner(seed: u64, cases: u32) -> TestRunner {
    const SEED_BYTES: usize = 32;
    let mut bytes = [0; SEED_BYTES];
    bytes[..size_of::<u64>()].copy_from_slice(&seed.to_le_bytes());
    let config =
        Config { cases, max_shrink_iters: MOST_SHRINKS, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}
