//! `GET /api/v1`: what there is.

use crate::http::paging::whole;
use crate::routes::operations;
use crate::views::operation::OperationEntry;
use axum::response::Response;

/// Every operation with what it asks of a caller.
pub(crate) async fn show() -> Response {
    whole(operations().into_iter().map(OperationEntry::from).collect())
}
