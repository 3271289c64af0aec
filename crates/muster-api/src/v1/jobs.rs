//! `GET /api/v1/jobs` and `GET /api/v1/jobs/{jobId}`.

use crate::Api;
use crate::holds::Holds;
use crate::http::errors::ApiError;
use crate::http::paging::{Address, Page};
use crate::http::parameters::Parameters;
use crate::http::path::InPath;
use crate::views::job::{JobDocument, JobEntry};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use muster_domain::job::{JobKind, JobState, Role, WaitingReason};
use muster_domain::{JobId, OrganizationName};
use muster_store::ledger::{JobControlError, JobFilter};

/// A page of jobs, newest first.
pub(crate) async fn list(
    State(api): State<Api>,
    address: Address,
    mut parameters: Parameters,
) -> Result<Response, ApiError> {
    let page = Page::of(&mut parameters)?;
    let roles = parameters.words("role", &Role::ALL, Role::parse, Role::as_str)?;
    let kinds = parameters.words("kind", &JobKind::ALL, JobKind::parse, JobKind::as_str)?;
    let mut filter = JobFilter {
        states: parameters.words("state", &JobState::ALL, JobState::parse, JobState::as_str)?,
        waiting: parameters.words(
            "reason",
            &WaitingReason::ALL,
            WaitingReason::parse,
            WaitingReason::as_str,
        )?,
        connector: parameters.one("connector")?,
        organization: parameters.one::<String>("organization")?.map(OrganizationName::new),
        project_id: parameters.one("project")?,
        due_before: parameters.one("dueBefore")?,
        after: page.after,
        limit: page.limit,
        ..JobFilter::default()
    };
    parameters.finish()?;
    match kinds_of(&kinds, &roles) {
        Some(kinds) => filter.kinds = kinds,
        None => return Ok(address.page(Vec::<JobEntry>::new(), None)),
    }
    let found = api.store().ledger().page(&filter).await?;
    let holds = Holds::look(api.store(), &api.budget).await?;
    let jobs: Vec<JobEntry> = found.jobs.into_iter().map(|job| JobEntry::of(job, &holds)).collect();
    Ok(address.page(jobs, found.next.as_ref()))
}

/// Everything that is known of one job.
pub(crate) async fn show(
    State(api): State<Api>,
    InPath(job): InPath<JobId>,
) -> Result<Json<JobDocument>, ApiError> {
    let detail = api.store().ledger().detail(job).await?;
    let detail = detail.ok_or_else(|| ApiError::from(JobControlError::NotFound(job)))?;
    let holds = Holds::look(api.store(), &api.budget).await?;
    Ok(Json(JobDocument::of(detail, &holds)))
}

/// The kinds that are asked for and that these roles do, where empty means all; `None` where there are none.
fn kinds_of(kinds: &[JobKind], roles: &[Role]) -> Option<Vec<JobKind>> {
    if roles.is_empty() {
        return Some(kinds.to_vec());
    }
    let asked: &[JobKind] = if kinds.is_empty() { &JobKind::ALL } else { kinds };
    let both: Vec<JobKind> = asked.iter().copied().filter(|kind| roles.contains(&kind.role())).collect();
    if both.is_empty() { None } else { Some(both) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_roles_narrow_each_other() {
        assert_eq!(kinds_of(&[], &[]), Some(Vec::new()));
        assert_eq!(kinds_of(&[JobKind::ProjectSync], &[]), Some(vec![JobKind::ProjectSync]));
        assert_eq!(kinds_of(&[], &[Role::Sync]), Some(vec![JobKind::ProjectSync]));
        let both = kinds_of(&[JobKind::ProjectSync, JobKind::ProjectRefresh], &[Role::Refresh]);
        assert_eq!(both, Some(vec![JobKind::ProjectRefresh]));
        assert_eq!(kinds_of(&[JobKind::ProjectSync], &[Role::Refresh]), None, "never all");
    }
}
