//! What the whole reading needs: how organizations stand with their connector, settings of credentials, what people
//! did with jobs, and the orders in which lists are paged.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261124_000006_whole_reading"
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

const STATEMENTS: [&str; 9] = [
    // Absent: a kind of credential that needs none, such as a personal access token.
    "ALTER TABLE credential ADD COLUMN settings {json}",
    "ALTER TABLE job ADD COLUMN note text",
    "CREATE TABLE connector_organization (
        connector_id {uuid} NOT NULL REFERENCES connector (id),
        organization_folded text NOT NULL,
        organization text NOT NULL,
        organization_id {uuid},
        access text NOT NULL,
        reason text,
        since_ms bigint NOT NULL,
        checked_at_ms bigint NOT NULL,
        PRIMARY KEY (connector_id, organization_folded)
    )",
    // Lists of one kind, page by page.
    "CREATE INDEX resource_name_ix ON resource (kind, lower(name), id)",
    "CREATE INDEX resource_changed_ix ON resource (kind, changed_at_ms, id)",
    "CREATE INDEX resource_first_seen_ix ON resource (kind, first_seen_ms, id)",
    "CREATE INDEX assessment_since_ix ON assessment (since_ms, resource_id, recommendation)",
    "CREATE INDEX job_created_ix ON job (created_at_ms, id)",
    // Kept by type of resource from now on: what is kept in the older shape is read anew.
    "DELETE FROM reading WHERE kind IN ('authorizedResources', 'pipelinePermissions', 'listCheck')",
];
