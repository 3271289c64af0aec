//! Work that spends nothing is found by organization, too.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261124_000008_turns"
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

const STATEMENTS: [&str; 2] = [
    "DROP INDEX job_fair_ix",
    // The head of every organization, without a look at the rest, whatever the role.
    "CREATE INDEX job_fair_ix ON job (role, fairness_key, priority, due_at_ms)
        WHERE state = 'pending' AND waiting_reason IS DISTINCT FROM 'needs_auth'",
];
