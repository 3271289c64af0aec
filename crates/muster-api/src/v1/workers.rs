//! `GET /api/v1/workers`: who is alive.

use crate::Api;
use crate::http::errors::ApiError;
use crate::http::paging::whole;
use crate::views::fleet::WorkerEntry;
use axum::extract::State;
use axum::response::Response;
use std::time::Duration;

/// How long ago a process may have given its last sign of life and is still listed; one that died shows as silent.
const LISTED_FOR: Duration = Duration::from_secs(60 * 60);

/// Processes of the fleet that gave a sign of life lately.
pub(crate) async fn list(State(api): State<Api>) -> Result<Response, ApiError> {
    let now = api.store().now().await?;
    let instances = api.store().heartbeats().list(LISTED_FOR).await?;
    Ok(whole(instances.into_iter().map(|instance| WorkerEntry::of(instance, now)).collect()))
}
