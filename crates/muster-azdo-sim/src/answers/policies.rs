//! Policy configurations of a project, paged by a continuation token.

use axum::response::Response;
use serde_json::{Value, json};

use crate::answers::paging;
use crate::http::refusal::Refusal;
use crate::http::{Call, with_continuation};
use crate::world::{Configuration, Organization, Project};

/// More than this is never given at once.
const LARGEST_PAGE: usize = 1_000;

pub(crate) fn list(call: &Call<'_>) -> Result<Response, Refusal> {
    let (_, organization) = call.organization()?;
    let project = call.project()?;
    let from = call.query.number("continuationToken")?.unwrap_or(0) as u64;
    let size =
        call.query.number("$top")?.unwrap_or(call.state.options.policy_page_size).clamp(1, LARGEST_PAGE);
    // A token is the id of what comes next: where one lands in its page decides whether the page is short.
    let length = paging::length(usize::try_from(from).unwrap_or_default(), size);
    let wanted_type = call.query.get("policyType").map(str::to_lowercase);
    let mut rest = call
        .view
        .configurations(project.index, from)
        .filter(|configuration| wanted_type.as_deref().is_none_or(|wanted| wanted == configuration.type_id));
    let page: Vec<_> =
        rest.by_ref().take(length).map(|found| to_json(call, organization, project, &found)).collect();
    let token = rest.next().map(|configuration| configuration.id);
    Ok(with_continuation(call.list(&page), token))
}

fn to_json(call: &Call<'_>, organization: &Organization, project: &Project, policy: &Configuration) -> Value {
    let project_url = format!("{}/{}", call.organization_url(organization), project.id);
    let url = format!("{project_url}/_apis/policy/configurations/{}", policy.id);
    let type_url = format!("{project_url}/_apis/policy/types/{}", policy.type_id);
    let mut answer = json!({
        "createdBy": call.author(organization, usize::try_from(policy.id).unwrap_or_default()),
        "createdDate": policy.created_date,
        "isEnabled": policy.is_enabled,
        "isBlocking": policy.is_blocking,
        "settings": policy.settings,
        "isEnterpriseManaged": false,
        "_links": {
            "self": {"href": url},
            "policyType": {"href": type_url}
        },
        "revision": policy.revision,
        "id": policy.id,
        "url": url,
        "type": {"id": policy.type_id, "url": type_url, "displayName": policy.type_name}
    });
    if let Some(is_deleted) = policy.is_deleted {
        answer["isDeleted"] = json!(is_deleted);
    }
    answer
}
