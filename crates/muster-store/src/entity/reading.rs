//! Table `reading`: what came of reads.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "reading")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connector_id: Uuid,
    pub organization_id: Uuid,
    pub project_id: Option<Uuid>,
    pub kind: String,
    pub subject: String,
    pub document: Option<Json>,
    pub content_hash: Option<Vec<u8>>,
    pub item_count: Option<i64>,
    pub unknown_reason: Option<String>,
    pub read_at_ms: i64,
    pub changed_at_ms: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
