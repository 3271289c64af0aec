//! Table `event_outbox`: facts that wait for their publication.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "event_outbox")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub sequence: i64,
    pub id: Uuid,
    pub routing_key: String,
    pub body: Vec<u8>,
    pub traceparent: Option<String>,
    pub tracestate: Option<String>,
    pub due_at_ms: i64,
    pub attempts: i64,
    pub claimed_until_ms: i64,
    pub created_at_ms: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
