//! Build definitions of a project.

use axum::response::Response;
use serde_json::{Value, json};

use crate::http::refusal::Refusal;
use crate::http::{Call, with_continuation};
use crate::world::{Definition, Organization, Process, Project};

const LARGEST_PAGE: usize = 10_000;

pub(crate) fn list(call: &Call<'_>) -> Result<Response, Refusal> {
    let (_, organization) = call.organization()?;
    let project = call.project()?;
    let order = call.query.get("queryOrder");
    let start = call.query.number("continuationToken")?;
    if start.is_some() && order.is_none() {
        // A token is a place in an order: without one it has no meaning.
        return Err(Refusal::InvalidParameter { name: "queryOrder", value: String::new() });
    }
    let start = start.unwrap_or(0);
    let size = call.query.number("$top")?.unwrap_or(LARGEST_PAGE).clamp(1, LARGEST_PAGE);
    let mut all: Vec<Definition> = call.view.definitions(project.index).collect();
    sort(&mut all, order)?;
    let total = all.len();
    let is_full = call.query.is_true("includeAllProperties");
    let page: Vec<Value> = all
        .into_iter()
        .skip(start)
        .take(size)
        .map(|definition| to_json(call, organization, project, &definition, is_full))
        .collect();
    let end = start.saturating_add(page.len());
    Ok(with_continuation(call.list(&page), (end < total).then_some(end as u64)))
}

fn sort(definitions: &mut [Definition], order: Option<&str>) -> Result<(), Refusal> {
    match order.map(str::to_lowercase).as_deref() {
        None | Some("none") => {}
        Some("definitionnameascending") => definitions.sort_by(|left, right| left.name.cmp(&right.name)),
        Some("definitionnamedescending") => definitions.sort_by(|left, right| right.name.cmp(&left.name)),
        Some("lastmodifiedascending") => definitions.sort_by(|left, right| left.created.cmp(&right.created)),
        Some("lastmodifieddescending") => definitions.sort_by(|left, right| right.created.cmp(&left.created)),
        Some(_) => {
            let value = order.unwrap_or_default().to_owned();
            return Err(Refusal::InvalidParameter { name: "queryOrder", value });
        }
    }
    Ok(())
}

fn to_json(
    call: &Call<'_>,
    organization: &Organization,
    project: &Project,
    found: &Definition,
    is_full: bool,
) -> Value {
    let project_url = format!("{}/{}", call.organization_url(organization), project.id);
    let url = format!("{project_url}/_apis/build/Definitions/{}?revision={}", found.id, found.revision);
    let mut answer = json!({
        "_links": {"self": {"href": url}},
        "quality": "definition",
        "authoredBy": call.author(organization, found.id),
        "queueStatus": "enabled",
        "id": found.id,
        "name": found.name,
        "url": url,
        "uri": format!("vstfs:///Build/Definition/{}", found.id),
        "path": "\\",
        "type": "build",
        "revision": found.revision,
        "createdDate": found.created,
        "project": {"id": project.id, "name": project.name, "state": "wellFormed"}
    });
    if is_full {
        add_properties(call, &mut answer, found);
    }
    answer
}

fn add_properties(call: &Call<'_>, answer: &mut Value, found: &Definition) {
    let repository = call.view.repository(found.repository);
    answer["process"] = match found.process {
        Process::Yaml { file } => json!({"yamlFilename": file, "type": 2}),
        Process::Classic => json!({"phases": [], "type": 1}),
    };
    answer["repository"] = json!({
        "id": repository.id, "name": repository.name, "type": "TfsGit",
        "defaultBranch": repository.policy_branch(), "clean": null, "checkoutSubmodules": false,
        "properties": {"reportBuildStatus": "true", "gitLfsSupport": "false"}
    });
    let scope = if found.has_project_scope { "project" } else { "projectCollection" };
    answer["jobAuthorizationScope"] = json!(scope);
    answer["badgeEnabled"] = json!(found.is_badge_public);
    answer["queue"] = json!({"id": 1, "name": "Azure Pipelines", "pool": {"id": 9, "name": "Azure Pipelines", "isHosted": true}});
    answer["variables"] = if found.has_secret_variable {
        json!({"ENVIRONMENT": {"value": "test", "allowOverride": true}, "API_KEY": {"value": null, "isSecret": true}})
    } else {
        json!({"ENVIRONMENT": {"value": "test"}})
    };
    answer["triggers"] = if found.builds_forks {
        json!([{
            "triggerType": "pullRequest", "isCommentRequiredForPullRequest": false,
            "requireCommentsForNonTeamMembersOnly": false,
            "forks": {"enabled": true, "allowSecrets": true, "allowFullAccessToken": false}
        }])
    } else {
        json!([{"triggerType": "continuousIntegration", "branchFilters": ["+refs/heads/main"]}])
    };
}
