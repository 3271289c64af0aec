//! How the organizations of connectors stand.

use super::Connectors;
use crate::error::StoreError;
use crate::session::{Row, values};
use chrono::{DateTime, Utc};
use muster_domain::connector::OrganizationAccess;
use muster_domain::{ConnectorId, CredentialId, OrganizationId, OrganizationName};

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

    /// How one organization stands with a connector.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn standing(
        &self,
        connector: ConnectorId,
        organization: &OrganizationName,
    ) -> Result<Option<OrganizationStanding>, StoreError> {
        let statement = "SELECT connector_id, organization AS name, organization_id, access, reason, since_ms, \
             checked_at_ms FROM connector_organization WHERE connector_id = $1 AND organization_folded = $2";
        let parameters = values![connector.0, organization.folded()];
        let row = self.store.reader().one("connector_organization", statement, parameters).await?;
        row.as_ref().map(standing).transpose()
    }

    /// An organization, none of `except`, that is read with this credential, by whichever connector: it tells whether a
    /// credential that others refuse is lost.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn admitting(
        &self,
        credential: CredentialId,
        except: &[OrganizationName],
    ) -> Result<Option<OrganizationName>, StoreError> {
        let statement = "SELECT o.organization AS name FROM connector_organization o \
             JOIN connector c ON c.id = o.connector_id WHERE c.credential_id = $1 AND o.access = $2 \
             ORDER BY o.checked_at_ms DESC, o.organization_folded";
        let connected = OrganizationAccess::Connected.as_str();
        let parameters = values![credential.0, connected];
        let rows = self.store.reader().all("connector_organization", statement, parameters).await?;
        let mut names = rows.iter().map(|row| row.get::<String>("name").map(OrganizationName::new));
        names.find(|name| name.as_ref().map_or(true, |name| !except.contains(name))).transpose()
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
