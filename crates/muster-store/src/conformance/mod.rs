//! One suite that both databases must pass.

mod assessments;
mod browse;
mod budget;
mod claims;
mod clock_steps;
mod connectors;
mod consumption;
mod database;
mod dead_letters;
mod events;
mod finishes;
mod fixtures;
mod inventory;
mod job_control;
mod jobs;
mod lost_answers;
mod model;
mod organizations;
mod races;
mod schema;
mod secrets;
mod snapshots;
mod told;

use crate::{Backend, DatabaseClock, KeyRing, Store, StoreOptions};
use database::TestDatabase;
use muster_domain::clock::TestClock;
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use std::sync::Arc;

/// Runs each case on both databases, as `{case}::sqlite` and `{case}::postgres`.
macro_rules! on_both {
    ($($case:ident),* $(,)?) => { $(
        mod $case {
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn sqlite() {
                crate::conformance::run(crate::Backend::Sqlite, super::$case).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn postgres() {
                crate::conformance::run(crate::Backend::Postgres, super::$case).await;
            }
        }
    )* };
}
pub(crate) use on_both;

/// What a case works with: a migrated store on a database of its own, and the clock that the store goes by.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) clock: TestClock,
    pub(crate) url: String,
    pub(crate) backend: Backend,
}

impl Bench {
    /// Another store on the same database: another process.
    pub(crate) async fn another(&self, change: impl FnOnce(&mut StoreOptions)) -> Store {
        let mut options = self.options();
        change(&mut options);
        Store::connect(options).await.expect("connect")
    }

    /// A store that goes by the database's own clock, with a connection for each of `tasks`.
    pub(crate) async fn racing(&self, tasks: u32) -> Store {
        self.another(|options| {
            options.clock = DatabaseClock::Database;
            options.max_connections = tasks;
        })
        .await
    }

    /// A connection for looking at tables directly.
    pub(crate) async fn connection(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(&self.url);
        options.max_connections(1).sqlx_logging(false);
        Database::connect(options).await.expect("connect")
    }

    fn options(&self) -> StoreOptions {
        options(&self.url, &self.clock)
    }
}

fn options(url: &str, clock: &TestClock) -> StoreOptions {
    StoreOptions {
        clock: DatabaseClock::Virtual(Arc::new(clock.clone())),
        encryption: Some(KeyRing::new(&KeyRing::generate_key(), &[]).expect("a key")),
        max_connections: 4,
        ..StoreOptions::new(url)
    }
}

/// Runs a case on a fresh database, which is dropped also when the case fails.
pub(crate) async fn run<F, R>(backend: Backend, case: F)
where
    F: FnOnce(Bench) -> R + Send + 'static,
    R: Future<Output = ()> + Send + 'static,
{
    let database = TestDatabase::create(backend).await;
    let url = database.url().to_owned();
    let result = tokio::spawn(async move {
        let clock = TestClock::at(fixtures::start());
        let store = Store::connect(options(&url, &clock)).await.expect("connect");
        store.migrate().await.expect("migrate");
        case(Bench { store, clock, url, backend }).await;
    })
    .await;
    database.drop().await;
    if let Err(failure) = result {
        std::panic::resume_unwind(failure.into_panic());
    }
}
