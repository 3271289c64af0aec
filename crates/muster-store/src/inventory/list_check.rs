//! The cross-check of the authorized resources, which the projects of one organization share.

use super::Inventory;
use super::row::{READING_COLUMNS, reading};
use crate::apply::reading_id;
use crate::changes::{ListCheckDocument, ReadingKey, ReadingKind};
use crate::error::StoreError;
use crate::session::values;
use muster_domain::resource::ContentHash;
use muster_domain::{ConnectorId, OrganizationId};
use std::sync::Arc;

impl Inventory {
    /// Changes the cross-check of an organization under its lock, so that workers together keep to its bounds.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn update_list_check<T, F>(
        &self,
        connector_id: ConnectorId,
        organization_id: OrganizationId,
        change: F,
    ) -> Result<T, StoreError>
    where
        T: Send,
        F: Fn(&mut ListCheckDocument) -> T + Send + Sync,
    {
        let kind = ReadingKind::ListCheck;
        let key =
            ReadingKey { connector_id, organization_id, project_id: None, kind, subject: String::new() };
        let (id, change) = (reading_id(&key), Arc::new(change));
        self.store
            .transaction(|session| {
                let change = Arc::clone(&change);
                async move {
                    let empty = ListCheckDocument::default();
                    let hash = ContentHash::of(&empty).0.to_vec();
                    let document = serde_json::to_value(&empty).unwrap_or_default();
                    let kind = kind.as_str();
                    session
                        .run(MAKE, values![id, connector_id.0, organization_id.0, kind, document, hash])
                        .await?;
                    let statement =
                        format!("SELECT {READING_COLUMNS} FROM reading WHERE id = $1 {{for_update}}");
                    let row = session
                        .one("reading", &statement, values![id])
                        .await?
                        .ok_or_else(|| StoreError::not_found("reading", &id))?;
                    let (_, stored) = reading(&row)?;
                    let kept = stored.outcome.map(|kept| kept.document).unwrap_or_default();
                    let before: ListCheckDocument =
                        serde_json::from_value(kept).map_err(|error| row.broken("document", error))?;
                    let mut after = before.clone();
                    let result = change(&mut after);
                    if after != before {
                        let hash = ContentHash::of(&after).0.to_vec();
                        let document = serde_json::to_value(&after).unwrap_or_default();
                        session.run(CHANGE, values![id, document, hash]).await?;
                    }
                    Ok(result)
                }
            })
            .await
    }
}

const MAKE: &str = "
    INSERT INTO reading (id, connector_id, organization_id, kind, subject, document, content_hash, item_count,
        read_at_ms, changed_at_ms)
    VALUES ($1, $2, $3, $4, '', $5, $6, 1, {now}, {now})
    ON CONFLICT (id) DO NOTHING";

const CHANGE: &str = "
    UPDATE reading SET document = $2, content_hash = $3, read_at_ms = {now}, changed_at_ms = {now} WHERE id = $1";
