//! Tables that are written many rows at a time.

#![expect(unreachable_pub, reason = "sea-orm's derives make public items of what they are given")]

pub(crate) mod assessment;
pub(crate) mod assessment_history;
pub(crate) mod event_outbox;
pub(crate) mod reading;
pub(crate) mod relation;
pub(crate) mod resource;

use crate::error::StoreError;
use crate::session::Session;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, EntityTrait, QueryTrait};

/// Rows of one statement: at most 13 values each, far under the 32,766 of SQLite and the 65,535 of PostgreSQL.
const ROWS_PER_STATEMENT: usize = 1_000;

/// Inserts rows, or does to existing ones what `on_conflict` says. The rows must be distinct and sorted by key:
/// PostgreSQL touches no row twice in a statement, and groups that meet must lock in one order.
pub(crate) async fn upsert<A: ActiveModelTrait>(
    session: &Session,
    rows: Vec<A>,
    on_conflict: OnConflict,
) -> Result<u64, StoreError> {
    let mut touched = 0;
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let chunk: Vec<A> = rows.by_ref().take(ROWS_PER_STATEMENT).collect();
        let statement =
            A::Entity::insert_many(chunk).on_conflict(on_conflict.clone()).build(session.database_backend());
        touched += session.run_built(statement).await?;
    }
    Ok(touched)
}
