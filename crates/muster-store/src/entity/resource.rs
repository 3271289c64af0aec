//! Table `resource`: what is in the inventory.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "resource")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub connector_id: Uuid,
    pub kind: String,
    pub organization_id: Uuid,
    pub project_id: Option<Uuid>,
    pub external_id: String,
    pub name: String,
    pub properties: Json,
    pub content_hash: Vec<u8>,
    pub presence: String,
    pub change_sequence: i64,
    pub first_seen_ms: i64,
    pub changed_at_ms: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
