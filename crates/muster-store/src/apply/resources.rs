//! Resources and their relations. An unchanged resource is not written.

use super::Applied;
use crate::changes::{RelationWrite, ResourceWrite};
use crate::entity::{relation, resource, upsert};
use crate::error::StoreError;
use crate::session::{Session, values};
use muster_domain::ResourceId;
use muster_domain::resource::Presence;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use std::collections::BTreeMap;

pub(super) async fn write(
    session: &Session,
    applied: &Applied,
    writes: impl Iterator<Item = &ResourceWrite>,
) -> Result<(), StoreError> {
    let mut rows: BTreeMap<ResourceId, resource::ActiveModel> = BTreeMap::new();
    for write in writes {
        let id = write.resource.key.resource_id(write.connector_id);
        rows.insert(id, row(applied, id, write)?);
    }
    let on_conflict = OnConflict::column(resource::Column::Id)
        .update_columns([
            resource::Column::Name,
            resource::Column::Properties,
            resource::Column::ContentHash,
            resource::Column::Presence,
            resource::Column::ChangedAtMs,
        ])
        .value(resource::Column::ChangeSequence, Expr::cust("\"resource\".\"change_sequence\" + 1"))
        .action_and_where(Expr::cust(
            "\"resource\".\"content_hash\" <> \"excluded\".\"content_hash\" OR \"resource\".\"presence\" <> 'present'",
        ))
        .to_owned();
    upsert(session, rows.into_values().collect(), on_conflict).await?;
    Ok(())
}

fn row(
    applied: &Applied,
    id: ResourceId,
    write: &ResourceWrite,
) -> Result<resource::ActiveModel, StoreError> {
    let resource = &write.resource;
    let properties = serde_json::to_value(&resource.properties)
        .map_err(|error| StoreError::Invalid(format!("properties of {id}: {error}")))?;
    Ok(resource::ActiveModel {
        id: Set(id.0),
        connector_id: Set(write.connector_id.0),
        kind: Set(resource.key.kind.as_str().to_owned()),
        organization_id: Set(resource.key.organization_id.0),
        project_id: Set(resource.key.project_id.map(|id| id.0)),
        external_id: Set(resource.key.external_id.clone()),
        name: Set(resource.name.clone()),
        properties: Set(properties),
        content_hash: Set(resource.content_hash().0.to_vec()),
        presence: Set(Presence::Present.as_str().to_owned()),
        change_sequence: Set(1),
        first_seen_ms: Set(applied.now_ms),
        changed_at_ms: Set(applied.now_ms),
    })
}

pub(super) async fn write_relations(
    session: &Session,
    writes: impl Iterator<Item = &RelationWrite>,
) -> Result<(), StoreError> {
    // The last word on a link counts.
    let mut last: BTreeMap<(ResourceId, &'static str, ResourceId), &RelationWrite> = BTreeMap::new();
    for write in writes {
        let from = write.from.resource_id(write.connector_id);
        let to = write.to.resource_id(write.connector_id);
        last.insert((from, write.kind.as_str(), to), write);
    }
    let mut rows = Vec::new();
    for ((from, kind, to), write) in last {
        if write.removed {
            session
                .run(
                    "DELETE FROM relation WHERE from_id = $1 AND kind = $2 AND to_id = $3",
                    values![from.0, kind, to.0],
                )
                .await?;
        } else {
            rows.push(relation::ActiveModel {
                from_id: Set(from.0),
                kind: Set(kind.to_owned()),
                to_id: Set(to.0),
                connector_id: Set(write.connector_id.0),
            });
        }
    }
    let keep =
        OnConflict::columns([relation::Column::FromId, relation::Column::Kind, relation::Column::ToId])
            .do_nothing()
            .to_owned();
    upsert(session, rows, keep).await?;
    Ok(())
}
