//! Table `assessment`: verdicts in force.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "assessment")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub resource_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub recommendation: Uuid,
    pub connector_id: Uuid,
    pub state: String,
    pub cause: String,
    pub observed: String,
    pub expected: String,
    pub link: Option<String>,
    pub first_evaluated_at_ms: i64,
    pub since_ms: i64,
    pub change_sequence: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
