//! Connectors, their credentials and the organizations that they claim.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261124_000002_connectors"
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
    "CREATE TABLE credential (
        id {uuid} NOT NULL PRIMARY KEY,
        name text NOT NULL,
        kind text NOT NULL,
        key_id text NOT NULL,
        nonce {bytes} NOT NULL,
        ciphertext {bytes} NOT NULL,
        identity text,
        budget_key text NOT NULL,
        created_at_ms bigint NOT NULL,
        updated_at_ms bigint NOT NULL
    )",
    "CREATE UNIQUE INDEX credential_name_uq ON credential (name)",
    "CREATE TABLE connector (
        id {uuid} NOT NULL PRIMARY KEY,
        name text NOT NULL,
        name_folded text NOT NULL,
        subscription_id text NOT NULL,
        resource_group text NOT NULL,
        scope_folded text NOT NULL,
        region text NOT NULL,
        tenant_id {uuid},
        plan text NOT NULL,
        credential_id {uuid} NOT NULL,
        organizations {json} NOT NULL,
        state text NOT NULL,
        state_reason text,
        state_since_ms bigint NOT NULL,
        change_sequence bigint NOT NULL,
        created_at_ms bigint NOT NULL,
        updated_at_ms bigint NOT NULL
    )",
    // ARM names are compared without case; a removed connector gives its name back.
    "CREATE UNIQUE INDEX connector_name_uq ON connector (scope_folded, name_folded) WHERE state <> 'removed'",
    // One connector per organization. Its id is unique among all tenants.
    "CREATE TABLE organization_claim (
        organization_id {uuid} NOT NULL PRIMARY KEY,
        connector_id {uuid} NOT NULL REFERENCES connector (id),
        organization text NOT NULL,
        tenant_id {uuid},
        claimed_at_ms bigint NOT NULL
    )",
    "CREATE INDEX organization_claim_connector_ix ON organization_claim (connector_id)",
];
