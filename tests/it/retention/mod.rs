//! Nothing grows for ever: a fleet lives through ninety days of changes, and every table levels off.

mod life;

use life::{Life, Tally};
use muster_runtime::lifecycle::Shutdown;
use muster_runtime::metrics::Metrics;
use muster_runtime::retention::Retention;
use muster_store::Store;
use muster_store::retention::{DECISIONS, KeepFor};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::database::TestDatabase;

/// Days that are lived through.
const DAYS: u32 = 90;
/// Everything has levelled off by then: the longest that something is kept below, twice over, and a few days.
const LEVEL_BY: u32 = 60;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Small, so that a turn needs several of them.
const BATCH: u32 = 20;
/// Tables whose rows are a person's or a release's business.
const LEFT_ALONE: [&str; 2] = ["installation", "seaql_migrations"];

fn keep() -> KeepFor {
    KeepFor {
        done_jobs: DAY,
        dead_jobs: 10 * DAY,
        requests: 10 * DAY,
        unpublished_facts: 5 * DAY,
        assessment_history: 20 * DAY,
        audit: 20 * DAY,
        open_dead_letters: 20 * DAY,
        settled_dead_letters: 5 * DAY,
        gone_resources: 10 * DAY,
        silent_processes: DAY,
        unused_budgets: 10 * DAY,
        removed_connectors: 10 * DAY,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_levels_off_on_sqlite() {
    every_table_levels_off(&TestDatabase::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_levels_off_on_postgres() {
    every_table_levels_off(&TestDatabase::postgres().await).await;
}

async fn every_table_levels_off(database: &TestDatabase) {
    let mut life = Life::begin(database.url()).await;
    let connection = database.connect().await;
    let tables = tables(&connection).await;
    let decided: Vec<String> = DECISIONS.iter().map(|(table, _)| (*table).to_owned()).collect();
    assert_eq!(
        tables, decided,
        "every table of the schema has a decision in muster_store::retention::DECISIONS"
    );
    let retention = retention(&life.store, keep());
    let mut cleared = Tally::new();
    let mut level = Tally::new();
    for day in 0..DAYS {
        life.live_a_day(day, &connection).await;
        for (table, rows) in retention.turn().await.expect("clear away") {
            *cleared.entry(table.to_owned()).or_default() += i64::try_from(rows).expect("a count");
        }
        if day == LEVEL_BY {
            level = counts(&connection, &tables).await;
        }
    }
    let end = counts(&connection, &tables).await;
    for table in &tables {
        if LEFT_ALONE.contains(&table.as_str()) {
            assert_eq!(end[table], level[table], "{table} is written once");
            continue;
        }
        assert!(level[table] > 0, "nothing was ever written to {table}: this test says nothing about it");
        // What a day brings goes in other batches than it came: a day's worth of difference is no growth. A table that
        // was never cleared would have half as much again.
        let a_days_worth = end[table] / i64::from(LEVEL_BY / 6) + life.in_a_day(table);
        assert!(
            (end[table] - level[table]).abs() <= a_days_worth,
            "{table} had {} rows on day {LEVEL_BY} and {} on day {DAYS}",
            level[table],
            end[table]
        );
    }
    life.what_must_stay_is_there().await;
    for (table, _) in DECISIONS {
        let is_cleared_elsewhere = LEFT_ALONE.contains(&table)
            || ["credential", "organization_claim", "connector_organization", "relation", "assessment"]
                .contains(&table);
        assert!(is_cleared_elsewhere || cleared.contains_key(table), "nothing was ever cleared from {table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_broker_took_is_told_in_the_audit_when_it_is_forgotten() {
    let database = TestDatabase::sqlite();
    let mut life = Life::begin(database.url()).await;
    let connection = database.connect().await;
    life.live_a_day(0, &connection).await;
    let facts = count(&connection, "event_outbox").await;
    assert!(facts > 0);
    let retention = retention(&life.store, keep());
    life.pass(4 * DAY);
    retention.turn().await.expect("clear away");
    assert_eq!(count(&connection, "event_outbox").await, facts, "they still have a day");
    life.pass(2 * DAY);
    let forgotten = retention.turn().await.expect("clear away");
    assert_eq!(forgotten.get("event_outbox"), Some(&u64::try_from(facts).expect("a count")));
    let told = life.store.audit().list(100).await.expect("the audit");
    let told = told.iter().find(|record| record.entry.action == "fact.forget").expect("it is told");
    assert_eq!(told.entry.detail["facts"], facts);
    let metrics = retention.metrics.render().expect("metrics");
    let counted = metrics.lines().find(|line| {
        line.starts_with("muster_retention_deleted_total{") && line.contains("table=\"event_outbox\"")
    });
    assert!(counted.is_some_and(|line| line.ends_with(&format!(" {facts}"))), "{metrics}");
}

fn retention(store: &Store, keep: KeepFor) -> Retention {
    let metrics = Metrics::new().expect("fresh instruments");
    let mut retention = Retention::new(store.clone(), metrics, Shutdown::new(), keep);
    retention.batch = BATCH;
    retention
}

/// Every table of the schema, sorted.
async fn tables(connection: &DatabaseConnection) -> Vec<String> {
    let backend = connection.get_database_backend();
    let statement = match backend {
        DbBackend::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        }
        _ => "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = current_schema()",
    };
    let rows = connection.query_all_raw(Statement::from_string(backend, statement)).await.expect("ask");
    let mut tables: Vec<String> = rows.iter().map(|row| row.try_get("", "name").expect("a name")).collect();
    tables.sort();
    tables
}

async fn counts(connection: &DatabaseConnection, tables: &[String]) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for table in tables {
        counts.insert(table.clone(), count(connection, table).await);
    }
    counts
}

async fn count(connection: &DatabaseConnection, table: &str) -> i64 {
    let statement = format!("SELECT count(*) AS number FROM {table}");
    let statement = Statement::from_string(connection.get_database_backend(), statement);
    let row = connection.query_one_raw(statement).await.expect("count").expect("a row");
    row.try_get("", "number").expect("a number")
}
