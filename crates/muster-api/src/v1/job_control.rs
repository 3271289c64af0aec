//! `POST /api/v1/jobs/{jobId}/retry` and `POST /api/v1/jobs/{jobId}/cancel`.

use super::note;
use crate::Api;
use crate::holds::Holds;
use crate::http::body::JsonBody;
use crate::http::caller::Caller;
use crate::http::errors::ApiError;
use crate::http::path::InPath;
use crate::views::job::JobEntry;
use axum::Json;
use axum::extract::State;
use muster_domain::JobId;
use muster_store::ledger::JobDeed;
use serde::Deserialize;
use serde_json::json;

/// Why something is done to a job.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Asked {
    /// Kept with the job and in the audit.
    #[serde(default)]
    reason: String,
}

/// Makes a job due now, with all its attempts.
pub(crate) async fn retry(
    State(api): State<Api>,
    caller: Caller,
    InPath(job): InPath<JobId>,
    JsonBody(asked): JsonBody<Asked>,
) -> Result<Json<JobEntry>, ApiError> {
    change(&api, &caller, job, JobDeed::Retry, &asked.reason).await
}

/// Cancels a job that is not over; a running one is told at its next commit.
pub(crate) async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    InPath(job): InPath<JobId>,
    JsonBody(asked): JsonBody<Asked>,
) -> Result<Json<JobEntry>, ApiError> {
    change(&api, &caller, job, JobDeed::Cancel, &asked.reason).await
}

async fn change(
    api: &Api,
    caller: &Caller,
    job: JobId,
    deed: JobDeed,
    reason: &str,
) -> Result<Json<JobEntry>, ApiError> {
    let ledger = api.store().ledger();
    let (action, view) = match deed {
        JobDeed::Retry => ("job.retry", ledger.retry(job, reason).await?),
        JobDeed::Cancel => ("job.cancel", ledger.cancel(job, reason).await?),
    };
    note(api, caller, action, &job.to_string(), json!({ "reason": reason, "state": view.state })).await;
    api.work_was_made();
    let holds = Holds::look(api.store(), &api.budget).await?;
    Ok(Json(JobEntry::of(view, &holds)))
}
