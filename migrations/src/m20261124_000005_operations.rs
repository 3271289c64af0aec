//! The consumption budget, periodic work, who is alive, and who changed what.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261124_000005_operations"
    }
}

#[expect(elided_lifetimes_in_paths, reason = "sea-orm-migration leaves the lifetime out of the trait, too")]
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::dialect::run(manager, &STATEMENTS).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

const STATEMENTS: [&str; 6] = [
    "CREATE TABLE budget (
        identity_key text NOT NULL PRIMARY KEY,
        state {json} NOT NULL,
        blocked_until_ms bigint NOT NULL DEFAULT 0,
        change_sequence bigint NOT NULL DEFAULT 0,
        updated_at_ms bigint NOT NULL
    )",
    "CREATE TABLE schedule (
        name text NOT NULL,
        scope text NOT NULL,
        every_ms bigint NOT NULL CHECK (every_ms > 0),
        jitter_ms bigint NOT NULL,
        next_run_at_ms bigint NOT NULL,
        PRIMARY KEY (name, scope)
    )",
    "CREATE TABLE heartbeat (
        instance text NOT NULL PRIMARY KEY,
        role text NOT NULL,
        version text NOT NULL,
        slots bigint NOT NULL,
        busy bigint NOT NULL,
        started_at_ms bigint NOT NULL,
        beat_at_ms bigint NOT NULL
    )",
    "CREATE TABLE audit (
        id {uuid} NOT NULL PRIMARY KEY,
        at_ms bigint NOT NULL,
        actor text NOT NULL,
        action text NOT NULL,
        target text NOT NULL,
        detail {json}
    )",
    "CREATE INDEX audit_at_ix ON audit (at_ms)",
    // One row: the key can only be 1.
    "CREATE TABLE installation (
        only_row bigint NOT NULL PRIMARY KEY CHECK (only_row = 1),
        id {uuid} NOT NULL,
        created_at_ms bigint NOT NULL
    )",
];
