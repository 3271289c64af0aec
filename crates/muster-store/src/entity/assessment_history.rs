//! Table `assessment_history`: every verdict that was ever in force.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "assessment_history")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub resource_id: Uuid,
    pub recommendation: Uuid,
    pub connector_id: Uuid,
    pub from_state: Option<String>,
    pub to_state: String,
    pub cause: String,
    pub observed: String,
    pub expected: String,
    pub change_sequence: i64,
    pub at_ms: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
