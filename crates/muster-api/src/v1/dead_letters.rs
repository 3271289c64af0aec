//! `GET /api/v1/dead-letters` and `GET /api/v1/dead-letters/{letterId}`.

use crate::Api;
use crate::http::errors::ApiError;
use crate::http::paging::{Address, Page};
use crate::http::parameters::Parameters;
use crate::http::path::InPath;
use crate::views::dead_letter::{DeadLetterDocument, DeadLetterEntry};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use muster_domain::job::JobKind;
use muster_store::dead_letters::{DeadLetter, DeadLetterFilter, LetterStatus};
use uuid::Uuid;

/// A page of letters, newest first.
pub(crate) async fn list(
    State(api): State<Api>,
    address: Address,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let page = Page::of(&mut parameters)?;
    let filter = DeadLetterFilter {
        status: parameters.word("status", &LetterStatus::ALL, LetterStatus::parse, LetterStatus::as_str)?,
        origin: parameters.one("origin")?,
        reason_class: parameters.one("class")?,
        job_kind: parameters.word("jobKind", &JobKind::ALL, JobKind::parse, JobKind::as_str)?,
        job: parameters.one("jobId")?,
        connector: parameters.one("connectorId")?,
        since: parameters.one("since")?,
        until: parameters.one("until")?,
    };
    parameters.finish()?;
    let found = api.store().dead_letters().page(&filter, page.after.as_ref(), page.limit).await?;
    let letters: Vec<DeadLetterEntry> = found.letters.iter().map(DeadLetterEntry::from).collect();
    Ok(address.page(letters, found.next.as_ref()))
}

/// One letter, with what it said as text and byte for byte.
pub(crate) async fn show(
    State(api): State<Api>,
    InPath(id): InPath<Uuid>,
) -> Result<Json<DeadLetterDocument>, ApiError> {
    Ok(Json(DeadLetterDocument::from(&letter(&api, id).await?)))
}

/// The letter, or that there is none.
pub(super) async fn letter(api: &Api, id: Uuid) -> Result<DeadLetter, ApiError> {
    api.store().dead_letters().get(id).await?.ok_or_else(|| no_letter(id))
}

/// Letters are forgotten after a while.
pub(super) fn no_letter(id: Uuid) -> ApiError {
    let message =
        format!("there is no dead letter {id}, or it is forgotten by now; see GET /api/v1/dead-letters");
    ApiError::not_found("letterId", message)
}
