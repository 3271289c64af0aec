//! What is known of documents without reading them.

use super::Inventory;
use super::row::content_hash;
use crate::error::StoreError;
use crate::session::values;
use muster_domain::read::Read;
use muster_domain::resource::ContentHash;
use muster_domain::{ConnectorId, OrganizationId, ProjectId};
use std::collections::HashMap;

impl Inventory {
    /// Hashes of the documents that a read keeps for the projects of an organization; projects without one are missing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn document_hashes(
        &self,
        connector: ConnectorId,
        organization_id: OrganizationId,
        read: Read,
    ) -> Result<HashMap<ProjectId, ContentHash>, StoreError> {
        let rows = self
            .store
            .reader()
            .all(
                "reading",
                "SELECT project_id, content_hash FROM reading WHERE connector_id = $1 AND organization_id = $2 \
                 AND kind = $3 AND subject = '' AND project_id IS NOT NULL AND content_hash IS NOT NULL",
                values![connector.0, organization_id.0, read.as_str()],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let hash: Vec<u8> = row.get("content_hash")?;
                Ok((row.id("project_id")?, content_hash(row, &hash)?))
            })
            .collect()
    }
}
