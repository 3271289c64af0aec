//! `GET /api/v1/queues`: what every role has to do.

use crate::Api;
use crate::http::errors::ApiError;
use crate::http::paging::whole;
use crate::views::fleet::QueueDocument;
use axum::extract::State;
use axum::response::Response;

/// Every role with its load, its jobs by state and reason, and how long the oldest due one has waited.
pub(crate) async fn list(State(api): State<Api>) -> Result<Response, ApiError> {
    let ledger = api.store().ledger();
    let counts = ledger.counts().await?;
    let mut queues = Vec::new();
    for load in ledger.load().await? {
        let oldest = ledger.oldest_due_age(load.role).await?;
        queues.push(QueueDocument::of(load, &counts, oldest));
    }
    Ok(whole(queues))
}
