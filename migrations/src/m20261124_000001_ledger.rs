//! The job ledger.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261124_000001_ledger"
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

const STATEMENTS: [&str; 7] = [
    "CREATE TABLE job (
        id {uuid} NOT NULL PRIMARY KEY,
        role text NOT NULL,
        kind text NOT NULL,
        subject_key text NOT NULL,
        fairness_key text NOT NULL,
        connector_id {uuid} NOT NULL,
        organization text,
        project_id {uuid},
        credential_id {uuid},
        spends_budget boolean NOT NULL,
        needs_connector boolean NOT NULL,
        progress {json},
        state text NOT NULL
            CHECK (state IN ('pending', 'dispatched', 'running', 'done', 'dead', 'cancelled')),
        waiting_reason text
            CHECK (waiting_reason IN ('throttled', 'retry', 'needs_auth', 'unknown_version')),
        priority bigint NOT NULL,
        attempt bigint NOT NULL DEFAULT 0 CHECK (attempt >= 0),
        max_attempts bigint NOT NULL,
        wait_count bigint NOT NULL DEFAULT 0,
        waiting_since_ms bigint,
        crash_count bigint NOT NULL DEFAULT 0,
        due_at_ms bigint NOT NULL,
        dispatch_sequence bigint NOT NULL DEFAULT 0,
        dispatched_at_ms bigint,
        lease_token {uuid},
        lease_until_ms bigint,
        lease_owner text,
        finished_token {uuid},
        rerun boolean NOT NULL DEFAULT false,
        last_error_class text,
        last_error text,
        cause text NOT NULL,
        traceparent text,
        tracestate text,
        created_at_ms bigint NOT NULL,
        updated_at_ms bigint NOT NULL,
        finished_at_ms bigint,
        CHECK (waiting_reason IS NULL OR state = 'pending'),
        CHECK ((state = 'running') = (lease_token IS NOT NULL))
    )",
    // One live job per kind and subject: what wishes for the same work are joined by.
    "CREATE UNIQUE INDEX job_live_uq ON job (kind, subject_key) WHERE state IN ('pending', 'dispatched', 'running')",
    "CREATE INDEX job_due_ix ON job (role, due_at_ms, priority)
        WHERE state = 'pending' AND waiting_reason IS DISTINCT FROM 'needs_auth'",
    "CREATE INDEX job_lease_ix ON job (lease_until_ms) WHERE state = 'running'",
    "CREATE INDEX job_dispatched_ix ON job (role, dispatched_at_ms) WHERE state = 'dispatched'",
    "CREATE INDEX job_finished_ix ON job (state, finished_at_ms) WHERE state IN ('done', 'dead', 'cancelled')",
    "CREATE INDEX job_connector_ix ON job (connector_id) WHERE state IN ('pending', 'dispatched', 'running')",
];
