//! One resource with everything around it.

use super::Inventory;
use super::browse::ResourceView;
use super::row::reading_key;
use crate::changes::{ReadingKey, RelationKind};
use crate::error::StoreError;
use crate::session::{Row, values};
use chrono::{DateTime, Utc};
use muster_domain::assessment::AssessmentState;
use muster_domain::read::UnknownReason;
use muster_domain::{ConnectorId, OrganizationId, ProjectId, ResourceId};
use sea_orm::Value;
use std::collections::{BTreeMap, HashMap};

/// A resource with everything around it.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceDetail {
    /// The resource.
    pub view: ResourceView,
    /// Its links.
    pub relations: Vec<RelationView>,
    /// What was read that tells of it: the readings of its project, of its organization, and its own.
    pub readings: Vec<ReadingView>,
    /// How many of its assessments are in which state.
    pub assessments: BTreeMap<AssessmentState, u64>,
}

/// A link, seen from one of its ends.
#[derive(Clone, Debug, PartialEq)]
pub struct RelationView {
    /// What it means.
    pub kind: RelationKind,
    /// Which end the other resource is.
    pub end: RelationEnd,
    /// The other resource.
    pub other: ResourceView,
}

/// An end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RelationEnd {
    /// The link starts there.
    From,
    /// It ends there.
    To,
}

/// What came of a read, without what was read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingView {
    /// What was read, and of what.
    pub key: ReadingKey,
    /// Why it is not known, where it is not.
    pub unknown: Option<UnknownReason>,
    /// Items of the listing, where it is known.
    pub item_count: Option<u64>,
    /// When it was last read.
    pub read_at: DateTime<Utc>,
    /// When the outcome last changed.
    pub changed_at: DateTime<Utc>,
}

impl Inventory {
    /// One resource with everything around it, whatever its presence.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn detail(&self, id: ResourceId) -> Result<Option<ResourceDetail>, StoreError> {
        let Some(view) = self.view(id).await? else { return Ok(None) };
        let stored = &view.stored;
        let key = &stored.resource.key;
        let mut readings = self.reading_views(stored.connector_id, key.organization_id, None).await?;
        if key.project_id.is_some() {
            let of_project =
                self.reading_views(stored.connector_id, key.organization_id, key.project_id).await?;
            readings.extend(of_project);
        }
        // Those of single resources belong to them alone; their subjects end with the id.
        let own = format!("/{}", key.external_id);
        readings.retain(|reading| reading.key.subject.is_empty() || reading.key.subject.ends_with(&own));
        let relations = self.relations(id).await?;
        let assessments = self.assessments_by_state(id).await?;
        Ok(Some(ResourceDetail { view, relations, readings, assessments }))
    }

    /// What came of the readings of a project, or, without one, of those that are made once per organization.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn reading_views(
        &self,
        connector: ConnectorId,
        organization_id: OrganizationId,
        project: Option<ProjectId>,
    ) -> Result<Vec<ReadingView>, StoreError> {
        let mut parameters: Vec<Value> = values![connector.0, organization_id.0];
        let of_project = match project {
            Some(project) => {
                parameters.push(project.0.into());
                "project_id = $3"
            }
            None => "project_id IS NULL",
        };
        let statement = format!(
            "SELECT id, connector_id, organization_id, project_id, kind, subject, item_count, unknown_reason, \
                read_at_ms, changed_at_ms FROM reading \
             WHERE connector_id = $1 AND organization_id = $2 AND {of_project} ORDER BY kind, subject"
        );
        self.store.reader().all("reading", &statement, parameters).await?.iter().map(reading_view).collect()
    }

    async fn relations(&self, id: ResourceId) -> Result<Vec<RelationView>, StoreError> {
        let rows = self.store.reader().all("relation", RELATIONS, values![id.0]).await?;
        let mut links: Vec<(RelationKind, RelationEnd, ResourceId)> = Vec::with_capacity(rows.len());
        for row in &rows {
            let (from, to): (ResourceId, ResourceId) = (row.id("from_id")?, row.id("to_id")?);
            let (end, other) = if from == id { (RelationEnd::To, to) } else { (RelationEnd::From, from) };
            links.push((row.parse("kind", RelationKind::parse)?, end, other));
        }
        let others: Vec<ResourceId> = links.iter().map(|(_, _, other)| *other).collect();
        let views: HashMap<ResourceId, ResourceView> =
            self.views(&others).await?.into_iter().map(|view| (view.stored.id, view)).collect();
        let found = links.into_iter().filter_map(|(kind, end, other)| {
            Some(RelationView { kind, end, other: views.get(&other)?.clone() })
        });
        Ok(found.collect())
    }

    async fn assessments_by_state(
        &self,
        id: ResourceId,
    ) -> Result<BTreeMap<AssessmentState, u64>, StoreError> {
        let statement =
            "SELECT state, count(*) AS assessments FROM assessment WHERE resource_id = $1 GROUP BY state";
        let rows = self.store.reader().all("assessment", statement, values![id.0]).await?;
        rows.iter()
            .map(|row| Ok((row.parse("state", AssessmentState::parse)?, row.count("assessments")?)))
            .collect()
    }
}

const RELATIONS: &str = "
    SELECT from_id, kind, to_id FROM relation WHERE from_id = $1
    UNION SELECT from_id, kind, to_id FROM relation WHERE to_id = $1
    ORDER BY kind, from_id, to_id";

fn reading_view(row: &Row) -> Result<ReadingView, StoreError> {
    let unknown = row.parse_optional("unknown_reason", UnknownReason::parse)?;
    Ok(ReadingView {
        key: reading_key(row)?,
        item_count: if unknown.is_none() { Some(row.count("item_count")?) } else { None },
        unknown,
        read_at: row.time("read_at_ms")?,
        changed_at: row.time("changed_at_ms")?,
    })
}
