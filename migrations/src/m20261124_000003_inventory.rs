//! The inventory, what was read of it, and how it was judged.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261124_000003_inventory"
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

const STATEMENTS: [&str; 11] = [
    "CREATE TABLE resource (
        id {uuid} NOT NULL PRIMARY KEY,
        connector_id {uuid} NOT NULL,
        kind text NOT NULL,
        organization_id {uuid} NOT NULL,
        project_id {uuid},
        external_id text NOT NULL,
        name text NOT NULL,
        properties {json} NOT NULL,
        content_hash {bytes} NOT NULL,
        presence text NOT NULL CHECK (presence IN ('present', 'missing', 'gone')),
        change_sequence bigint NOT NULL,
        first_seen_ms bigint NOT NULL,
        changed_at_ms bigint NOT NULL
    )",
    "CREATE INDEX resource_scope_ix ON resource (connector_id, organization_id, kind, project_id)",
    "CREATE TABLE relation (
        from_id {uuid} NOT NULL,
        kind text NOT NULL,
        to_id {uuid} NOT NULL,
        connector_id {uuid} NOT NULL,
        PRIMARY KEY (from_id, kind, to_id)
    )",
    "CREATE INDEX relation_to_ix ON relation (to_id)",
    "CREATE TABLE reading (
        id {uuid} NOT NULL PRIMARY KEY,
        connector_id {uuid} NOT NULL,
        organization_id {uuid} NOT NULL,
        project_id {uuid},
        kind text NOT NULL,
        subject text NOT NULL,
        document {json},
        content_hash {bytes},
        item_count bigint,
        unknown_reason text,
        read_at_ms bigint NOT NULL,
        changed_at_ms bigint NOT NULL,
        CHECK ((content_hash IS NULL) = (unknown_reason IS NOT NULL))
    )",
    "CREATE INDEX reading_scope_ix ON reading (connector_id, organization_id, project_id)",
    "CREATE TABLE assessment (
        resource_id {uuid} NOT NULL REFERENCES resource (id),
        recommendation {uuid} NOT NULL,
        connector_id {uuid} NOT NULL,
        state text NOT NULL CHECK (state IN ('Healthy', 'Unhealthy', 'NotApplicable', 'Unknown')),
        cause text NOT NULL,
        observed text NOT NULL,
        expected text NOT NULL,
        link text,
        first_evaluated_at_ms bigint NOT NULL,
        since_ms bigint NOT NULL,
        change_sequence bigint NOT NULL,
        PRIMARY KEY (resource_id, recommendation)
    )",
    "CREATE INDEX assessment_connector_ix ON assessment (connector_id, recommendation, state)",
    "CREATE TABLE assessment_history (
        id {uuid} NOT NULL PRIMARY KEY,
        resource_id {uuid} NOT NULL,
        recommendation {uuid} NOT NULL,
        connector_id {uuid} NOT NULL,
        from_state text,
        to_state text NOT NULL,
        cause text NOT NULL,
        observed text NOT NULL,
        expected text NOT NULL,
        change_sequence bigint NOT NULL,
        at_ms bigint NOT NULL
    )",
    "CREATE INDEX assessment_history_ix ON assessment_history (resource_id, recommendation, at_ms)",
    "CREATE INDEX assessment_history_time_ix ON assessment_history (at_ms)",
];
