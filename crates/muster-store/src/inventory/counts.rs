//! How much there is.

use super::Inventory;
use crate::error::StoreError;
use crate::session::values;
use muster_domain::resource::ResourceKind;
use std::collections::BTreeMap;

impl Inventory {
    /// Resources of each kind that are not gone. A service connection that projects share counts once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn counts(&self) -> Result<BTreeMap<ResourceKind, u64>, StoreError> {
        let statement = "SELECT kind, count(*) AS resources FROM (
                SELECT DISTINCT connector_id, kind, organization_id, external_id FROM resource
                WHERE presence <> 'gone'
            ) AS distinct_resource GROUP BY kind";
        let rows = self.store.reader().all("resource", statement, values![]).await?;
        rows.iter()
            .map(|row| Ok((row.parse("kind", ResourceKind::parse)?, row.count("resources")?)))
            .collect()
    }
}
