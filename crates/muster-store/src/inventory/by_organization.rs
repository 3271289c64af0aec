//! How much there is in each organization.

use super::Inventory;
use crate::error::StoreError;
use crate::session::values;
use muster_domain::resource::ResourceKind;
use muster_domain::{ConnectorId, OrganizationId};
use std::collections::BTreeMap;

impl Inventory {
    /// Resources of each kind in each organization of a connector that are not gone. What projects share counts once
    /// in an organization.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn counts_by_organization(
        &self,
        connector: ConnectorId,
    ) -> Result<BTreeMap<(OrganizationId, ResourceKind), u64>, StoreError> {
        let statement = "SELECT organization_id, kind, count(DISTINCT external_id) AS resources FROM resource
            WHERE connector_id = $1 AND presence <> 'gone' GROUP BY organization_id, kind";
        let rows = self.store.reader().all("resource", statement, values![connector.0]).await?;
        rows.iter()
            .map(|row| {
                let key = (row.id("organization_id")?, row.parse("kind", ResourceKind::parse)?);
                Ok((key, row.count("resources")?))
            })
            .collect()
    }
}
