//! What came of reads.

use super::Inventory;
use super::row::{READING_COLUMNS, reading};
use crate::apply::reading_id;
use crate::changes::{ReadingKey, StoredReading};
use crate::error::StoreError;
use crate::session::values;
use chrono::{DateTime, Utc};
use muster_domain::read::Read;
use muster_domain::{ConnectorId, OrganizationId, ProjectId};
use sea_orm::Value;
use std::collections::HashMap;

impl Inventory {
    /// One reading.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn reading(&self, key: &ReadingKey) -> Result<Option<StoredReading>, StoreError> {
        let statement = format!("SELECT {READING_COLUMNS} FROM reading WHERE id = $1");
        let row = self.store.reader().one("reading", &statement, values![reading_id(key)]).await?;
        Ok(row.as_ref().map(reading).transpose()?.map(|(_, stored)| stored))
    }

    /// The readings of a project, or, without one, those that are made once per organization.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn readings(
        &self,
        connector: ConnectorId,
        organization_id: OrganizationId,
        project: Option<ProjectId>,
    ) -> Result<HashMap<ReadingKey, StoredReading>, StoreError> {
        let mut parameters: Vec<Value> = values![connector.0, organization_id.0];
        let of_project = match project {
            Some(project) => {
                parameters.push(project.0.into());
                "project_id = $3"
            }
            None => "project_id IS NULL",
        };
        let statement = format!(
            "SELECT {READING_COLUMNS} FROM reading \
             WHERE connector_id = $1 AND organization_id = $2 AND {of_project}"
        );
        self.store.reader().all("reading", &statement, parameters).await?.iter().map(reading).collect()
    }

    /// When each project of an organization was last read by this call; projects that never were are missing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn last_read(
        &self,
        connector: ConnectorId,
        organization_id: OrganizationId,
        read: Read,
    ) -> Result<HashMap<ProjectId, DateTime<Utc>>, StoreError> {
        let rows = self
            .store
            .reader()
            .all(
                "reading",
                "SELECT id, project_id, read_at_ms FROM reading WHERE connector_id = $1 AND organization_id = $2 \
                 AND kind = $3 AND subject = '' AND project_id IS NOT NULL",
                values![connector.0, organization_id.0, read.as_str()],
            )
            .await?;
        rows.iter().map(|row| Ok((row.id("project_id")?, row.time("read_at_ms")?))).collect()
    }

    /// How many kinds of reads of each project in an organization gave nothing when they were last made; projects of
    /// which everything is known are left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn gap_counts(
        &self,
        connector: ConnectorId,
        organization_id: OrganizationId,
    ) -> Result<HashMap<ProjectId, u64>, StoreError> {
        let rows = self
            .store
            .reader()
            .all(
                "reading",
                "SELECT DISTINCT project_id, kind FROM reading WHERE connector_id = $1 AND organization_id = $2 \
                 AND project_id IS NOT NULL AND unknown_reason IS NOT NULL",
                values![connector.0, organization_id.0],
            )
            .await?;
        let mut gaps = HashMap::new();
        for row in &rows {
            if Read::parse(&row.get::<String>("kind")?).is_some() {
                *gaps.entry(row.id("project_id")?).or_default() += 1;
            }
        }
        Ok(gaps)
    }
}
