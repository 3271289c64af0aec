//! Events in, events out, and what could not be done.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261124_000004_events"
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
    "CREATE TABLE inbox (
        source text NOT NULL,
        message_id text NOT NULL,
        body_hash {bytes} NOT NULL,
        received_at_ms bigint NOT NULL,
        PRIMARY KEY (source, message_id)
    )",
    "CREATE INDEX inbox_received_ix ON inbox (received_at_ms)",
    "CREATE TABLE event_outbox (
        sequence {sequence},
        id {uuid} NOT NULL UNIQUE,
        routing_key text NOT NULL,
        body {bytes} NOT NULL,
        traceparent text,
        tracestate text,
        due_at_ms bigint NOT NULL,
        attempts bigint NOT NULL DEFAULT 0,
        claimed_until_ms bigint NOT NULL DEFAULT 0,
        created_at_ms bigint NOT NULL
    )",
    "CREATE INDEX event_outbox_due_ix ON event_outbox (due_at_ms, sequence)",
    "CREATE TABLE dead_letter (
        id {uuid} NOT NULL PRIMARY KEY,
        origin text NOT NULL,
        routing_key text,
        raw {bytes} NOT NULL,
        original_bytes bigint NOT NULL,
        headers {json},
        reason_class text NOT NULL,
        reason text NOT NULL,
        job_id {uuid},
        seen_at_ms bigint NOT NULL,
        replayed_at_ms bigint,
        replayed_by text
    )",
    "CREATE INDEX dead_letter_seen_ix ON dead_letter (seen_at_ms)",
];
