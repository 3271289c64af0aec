//! What makes the fleet trustworthy: first errors of jobs, dead letters with what became of them, and what people
//! set about consumption.

use sea_orm_migration::{DbErr, MigrationName, MigrationTrait, SchemaManager, async_trait};

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261124_000007_trust"
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

const STATEMENTS: [&str; 24] = [
    // The attempt count starts again with every success; this one does not.
    "ALTER TABLE job ADD COLUMN failure_count bigint NOT NULL DEFAULT 0",
    "ALTER TABLE job ADD COLUMN first_error_class text",
    "ALTER TABLE job ADD COLUMN first_error text",
    "ALTER TABLE dead_letter ADD COLUMN attempts bigint NOT NULL DEFAULT 1",
    "ALTER TABLE dead_letter ADD COLUMN first_error text",
    "ALTER TABLE dead_letter ADD COLUMN last_error text",
    "ALTER TABLE dead_letter ADD COLUMN traceparent text",
    "ALTER TABLE dead_letter ADD COLUMN tracestate text",
    "ALTER TABLE dead_letter ADD COLUMN replay_outcome text",
    "ALTER TABLE dead_letter ADD COLUMN discarded_at_ms bigint",
    "ALTER TABLE dead_letter ADD COLUMN discarded_by text",
    "ALTER TABLE dead_letter ADD COLUMN discard_reason text",
    "CREATE INDEX dead_letter_job_ix ON dead_letter (job_id)",
    "ALTER TABLE dead_letter ADD COLUMN job_kind text",
    "ALTER TABLE dead_letter ADD COLUMN connector_id {uuid}",
    // Who replays it at this moment, and until when that is believed.
    "ALTER TABLE dead_letter ADD COLUMN replay_token {uuid}",
    "ALTER TABLE dead_letter ADD COLUMN replaying_until_ms bigint",
    // Counted every few seconds, without a look at the bodies.
    "CREATE INDEX dead_letter_reason_ix ON dead_letter (reason_class, origin, replayed_at_ms, discarded_at_ms)",
    "CREATE INDEX dead_letter_open_ix ON dead_letter (seen_at_ms, id)
        WHERE replayed_at_ms IS NULL AND discarded_at_ms IS NULL",
    // What people set: pause, share and quiet hours of a connector (organization '') or of one organization in it.
    "CREATE TABLE consumption_control (
        connector_id {uuid} NOT NULL REFERENCES connector (id),
        organization_folded text NOT NULL,
        organization text,
        paused boolean NOT NULL DEFAULT false,
        share double precision CHECK (share > 0 AND share <= 1),
        quiet_hours {json},
        rests_until_ms bigint NOT NULL DEFAULT 0,
        reason text,
        changed_by text NOT NULL,
        changed_at_ms bigint NOT NULL,
        PRIMARY KEY (connector_id, organization_folded)
    )",
    // What an organization or a connector spent of the budget of an identity lately.
    "CREATE TABLE consumption_scope (
        identity_key text NOT NULL,
        fairness_key text NOT NULL,
        spent_tstu double precision NOT NULL DEFAULT 0,
        spent_at_ms bigint NOT NULL DEFAULT 0,
        state {json},
        PRIMARY KEY (identity_key, fairness_key)
    )",
    "CREATE INDEX consumption_scope_fairness_ix ON consumption_scope (fairness_key)",
    // The head of every organization, without a look at the rest. Refresh spends nothing and takes turns.
    "CREATE INDEX job_fair_ix ON job (role, fairness_key, priority, due_at_ms)
        WHERE role <> 'refresh' AND state = 'pending' AND waiting_reason IS DISTINCT FROM 'needs_auth'",
    // What is gone is looked for again and again until it is forgotten.
    "CREATE INDEX resource_gone_ix ON resource (changed_at_ms) WHERE presence = 'gone'",
];
