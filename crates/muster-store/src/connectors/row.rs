//! Rows of connectors to domain values.

use crate::error::StoreError;
use crate::session::Row;
use muster_domain::connector::{Connector, ConnectorState, Plan};

/// Columns that [`connector`] reads.
pub(super) const COLUMNS: &str = "id, name, subscription_id, resource_group, region, tenant_id, plan, \
     credential_id, organizations, state, state_reason, state_since_ms, change_sequence, created_at_ms";

pub(super) fn connector(row: &Row) -> Result<Connector, StoreError> {
    Ok(Connector {
        id: row.id("id")?,
        name: row.get("name")?,
        subscription_id: row.get("subscription_id")?,
        resource_group: row.get("resource_group")?,
        region: row.get("region")?,
        tenant_id: row.optional_id("tenant_id")?,
        plan: row.parse("plan", plan)?,
        credential_id: row.id("credential_id")?,
        organizations: row.json("organizations")?,
        state: row.parse("state", ConnectorState::parse)?,
        state_reason: row.get("state_reason")?,
        state_since: row.time("state_since_ms")?,
        change_sequence: row.get("change_sequence")?,
        created_at: row.time("created_at_ms")?,
    })
}

fn plan(name: &str) -> Option<Plan> {
    [Plan::Foundational, Plan::DefenderCspm].into_iter().find(|plan| plan.as_str() == name)
}

/// Subscription and resource group as one key; ARM compares them without case.
pub(super) fn scope(subscription_id: &str, resource_group: &str) -> String {
    format!("{}/{}", subscription_id.to_lowercase(), resource_group.to_lowercase())
}
