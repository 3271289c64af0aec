//! How the organizations of connectors stand.

use super::Connectors;
use crate::error::StoreError;
use crate::session::{Row, values};
use chrono::{DateTime, Utc};
use muster_domain::connector::OrganizationAccess;
use muster_domain::{ConnectorId, OrganizationId, OrganizationName};

/// How an organization stands with a connector that asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct OrganizationStanding {
    /// Who asks for it.
    pub connector_id: ConnectorId,
    /// What, by the name that it was last seen by.
    pub organization: OrganizationName,
    /// Its id, once it could be asked for it.
    pub organization_id: Option<OrganizationId>,
    /// How it stands.
    pub access: OrganizationAccess,
    /// Why, for people; absent where it is connected.
    pub reason: Option<String>,
    /// Since when it has stood so.
    pub since: DateTime<Utc>,
    /// When it was last asked.
    pub checked_at: DateTime<Utc>,
}

impl Connectors {
    /// How the organizations of a connector, or of all, stand, by connector and name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn organizations(
        &self,
        connector: Option<ConnectorId>,
    ) -> Result<Vec<OrganizationStanding>, StoreError> {
        let (condition, parameters) = match connector {
            Some(connector) => ("WHERE connector_id = $1", values![connector.0]),
            None => ("", values![]),
        };
        let statement = format!(
            "SELECT connector_id, organization AS name, organization_id, access, reason, since_ms, checked_at_ms \
             FROM connector_organization {condition} ORDER BY connector_id, organization_folded"
        );
        let rows = self.store.reader().all("connector_organization", &statement, parameters).await?;
        rows.iter().map(standing).collect()
    }
}

fn standing(row: &Row) -> Result<OrganizationStanding, StoreError> {
    Ok(OrganizationStanding {
        connector_id: row.id("connector_id")?,
        organization: OrganizationName::new(row.get::<String>("name")?),
        organization_id: row.optional_id("organization_id")?,
        access: row.parse("access", OrganizationAccess::parse)?,
        reason: row.get("reason")?,
        since: row.time("since_ms")?,
        checked_at: row.time("checked_at_ms")?,
    })
}
