//! The schema: from nothing, once more, by many, and not a newer one.

use super::{Bench, on_both};
use crate::{Backend, Store, StoreError, StoreOptions};
use sea_orm::ConnectionTrait;

on_both!(
    migrating_again_changes_nothing,
    many_processes_migrate_at_once,
    an_empty_database_is_refused,
    a_schema_that_a_newer_release_added_to_is_worked_with_but_not_migrated,
    a_schema_that_a_newer_release_took_from_is_refused,
    the_installation_has_one_id,
    the_clock_is_the_databases,
    what_is_out_of_reach_is_unavailable,
    what_cannot_be_written_is_unavailable,
    another_database_is_no_database,
);

async fn migrating_again_changes_nothing(bench: Bench) {
    bench.store.migrate().await.expect("migrate");
    bench.store.check_schema().await.expect("the schema is known");
    bench.store.ping().await.expect("alive");
    assert_eq!(bench.store.backend(), bench.backend);
}

async fn many_processes_migrate_at_once(bench: Bench) {
    let connection = bench.connection().await;
    for table in ["installation", "audit", "heartbeat", "schedule", "budget"] {
        connection.execute_unprepared(&format!("DROP TABLE {table}")).await.expect("drop");
    }
    let undo = "DELETE FROM seaql_migrations WHERE version LIKE '%operations'";
    connection.execute_unprepared(undo).await.expect("undo the last migration");
    connection.close().await.expect("close");
    assert!(matches!(bench.store.check_schema().await, Err(StoreError::SchemaUnknown(_))));
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let store = bench.another(|options| options.max_connections = 2).await;
        tasks.push(tokio::spawn(async move { store.migrate().await }));
    }
    for task in tasks {
        task.await.expect("the task").expect("migrate");
    }
    bench.store.check_schema().await.expect("the schema is known");
    bench.store.installation_id().await.expect("its tables are there");
}

async fn an_empty_database_is_refused(bench: Bench) {
    let connection = bench.connection().await;
    connection.execute_unprepared("DROP TABLE seaql_migrations").await.expect("drop");
    let error = bench.store.check_schema().await.expect_err("refused");
    assert!(matches!(&error, StoreError::SchemaUnknown(text) if text.contains("muster migrate")), "{error}");
}

async fn a_schema_that_a_newer_release_added_to_is_worked_with_but_not_migrated(bench: Bench) {
    let connection = bench.connection().await;
    for statement in [
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20990101_000001_future', 0)",
        "ALTER TABLE job ADD COLUMN of_the_future text",
        "ALTER TABLE resource ADD COLUMN of_the_future bigint NOT NULL DEFAULT 0",
    ] {
        connection.execute_unprepared(statement).await.expect("a newer release");
    }
    bench.store.check_schema().await.expect("what was only added harms nobody");
    super::fixtures::claimed(&bench.store, super::fixtures::sync("a", 1)).await;
    let error = bench.store.migrate().await.expect_err("refused");
    let named = matches!(&error, StoreError::SchemaUnknown(text) if text.contains("m20990101_000001_future"));
    assert!(named, "{error}");
}

async fn a_schema_that_a_newer_release_took_from_is_refused(bench: Bench) {
    let connection = bench.connection().await;
    let newer =
        "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m20990101_000002_contract_less', 0)";
    connection.execute_unprepared(newer).await.expect("a newer release");
    let error = bench.store.check_schema().await.expect_err("refused");
    let named =
        matches!(&error, StoreError::SchemaUnknown(text) if text.contains("m20990101_000002_contract_less"));
    assert!(named, "{error}");
}

async fn the_installation_has_one_id(bench: Bench) {
    let first = bench.store.installation_id().await.expect("an id");
    let other = bench.another(|_| ()).await;
    assert_eq!(other.installation_id().await.expect("an id"), first);
}

async fn the_clock_is_the_databases(bench: Bench) {
    use muster_domain::{Clock as _, SystemClock};
    assert_eq!(bench.store.now().await.expect("now"), super::fixtures::start());
    let real = bench.racing(1).await;
    let (before, now) = (SystemClock.now(), real.now().await.expect("now"));
    assert!((now - before).abs() < chrono::Duration::minutes(5), "{before} and {now}");
    let later = real.now().await.expect("now");
    assert!(later >= now);
}

async fn what_is_out_of_reach_is_unavailable(bench: Bench) {
    let store = bench.another(|_| ()).await;
    store.close().await.expect("close");
    let errors =
        [store.ping().await.err(), store.ledger().enqueue(&[super::fixtures::sync("a", 1)]).await.err()];
    for error in errors {
        let error = error.expect("it is closed");
        assert!(matches!(error, StoreError::Unavailable(_)) && error.is_passing(), "{error:?}");
    }
}

async fn what_cannot_be_written_is_unavailable(bench: Bench) {
    let standby = bench
        .another(|options| {
            options.url = match bench.backend {
                Backend::Postgres => {
                    format!("{}?options=-c%20default_transaction_read_only%3Don", options.url)
                }
                Backend::Sqlite => options.url.replace("mode=rwc", "mode=ro"),
            };
        })
        .await;
    standby.check_schema().await.expect("reading goes on");
    let error = standby.ledger().enqueue(&[super::fixtures::sync("a", 1)]).await.expect_err("read-only");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

async fn another_database_is_no_database(_: Bench) {
    let refused = Store::connect(StoreOptions::new("mysql://localhost/muster")).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))));
}
