//! Build definitions of a project.

use axum::response::Response;
use serde_json::{Value, json};

use crate::answers::paging;
use crate::http::refusal::Refusal;
use crate::http::{Call, with_continuation};
use crate::world::{Definition, ForkIntent, Organization, Process, Project, QueueStatus, RepositoryHost};

/// Without an order more than this is never given.
const LARGEST_PAGE: usize = 10_000;
/// Definitions to a page when the caller gives an order and no size.
const DEFAULT_PAGE: usize = 241;

pub(crate) fn list(call: &Call<'_>) -> Result<Response, Refusal> {
    let (_, organization) = call.organization()?;
    let project = call.project()?;
    let order = call.query.get("queryOrder");
    let start = call.query.number("continuationToken")?;
    if start.is_some() && order.is_none() {
        // A token is a place in an order: without one it has no meaning.
        return Err(Refusal::InvalidParameter { name: "queryOrder", value: String::new() });
    }
    let mut all: Vec<Definition> = call.view.definitions(project.index).collect();
    sort(&mut all, order)?;
    let is_full = call.query.is_true("includeAllProperties");
    // Without an order there is no second page, so everything has to be on the first.
    let (page, token) = match order {
        Some(_) => paging::page_of(call, all.into_iter(), DEFAULT_PAGE)?,
        None => {
            all.truncate(call.query.number("$top")?.unwrap_or(LARGEST_PAGE));
            (all, None)
        }
    };
    let page: Vec<Value> =
        page.iter().map(|definition| to_json(call, organization, project, definition, is_full)).collect();
    Ok(with_continuation(call.list(&page), token))
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
        "queueStatus": queue_status(found.queue_status),
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
    answer["repository"] = repository(call, found);
    answer["process"] = match found.process {
        Process::Yaml { file } => json!({"yamlFilename": file, "type": 2}),
        Process::Classic => json!({"phases": [], "type": 1}),
    };
    let scope = if found.has_project_scope { "project" } else { "projectCollection" };
    answer["jobAuthorizationScope"] = json!(scope);
    answer["badgeEnabled"] = json!(found.is_badge_public);
    answer["queue"] = json!({"id": 1, "name": "Azure Pipelines", "pool": {"id": 9, "name": "Azure Pipelines", "isHosted": true}});
    answer["variables"] = if found.has_secret_variable {
        json!({"ENVIRONMENT": {"value": "test", "allowOverride": true}, "API_KEY": {"value": null, "isSecret": true}})
    } else {
        json!({"ENVIRONMENT": {"value": "test"}})
    };
    answer["triggers"] = triggers(found.forks);
}

fn queue_status(status: QueueStatus) -> &'static str {
    match status {
        QueueStatus::Enabled => "enabled",
        QueueStatus::Paused => "paused",
        QueueStatus::Disabled => "disabled",
    }
}

fn repository(call: &Call<'_>, found: &Definition) -> Value {
    let repository = call.view.repository(found.repository);
    let mut properties = json!({"reportBuildStatus": "true", "gitLfsSupport": "false", "cleanOptions": "0"});
    // Properties are texts, also those that say yes or no.
    if let Some(is_private) = found.is_private {
        properties["IsPrivate"] = json!(if is_private { "True" } else { "False" });
    }
    let mut answer = match found.host {
        RepositoryHost::AzureRepos => json!({
            "id": repository.id, "name": repository.name, "type": "TfsGit",
            "defaultBranch": repository.policy_branch
        }),
        RepositoryHost::GitHub => {
            let name = format!("contoso/{}", repository.name.to_lowercase().replace(' ', "-"));
            properties["fullName"] = json!(name);
            properties["isFork"] = json!("False");
            json!({
                "id": name, "name": name, "type": "GitHub", "defaultBranch": "main",
                "url": format!("https://github.com/{name}.git")
            })
        }
    };
    answer["properties"] = properties;
    answer["clean"] = json!(null);
    answer["checkoutSubmodules"] = json!(false);
    answer
}

fn triggers(intent: ForkIntent) -> Value {
    let continuous = json!({"triggerType": "continuousIntegration", "branchFilters": ["+refs/heads/main"]});
    let pull_request = |enabled: bool, secrets: bool, full_token: bool| {
        json!({
            "triggerType": "pullRequest", "settingsSourceType": 1, "branchFilters": ["+refs/heads/*"],
            "isCommentRequiredForPullRequest": false, "requireCommentsForNonTeamMembersOnly": false,
            "forks": {"enabled": enabled, "allowSecrets": secrets, "allowFullAccessToken": full_token}
        })
    };
    match intent {
        ForkIntent::NoPullRequests => json!([continuous]),
        ForkIntent::OwnPullRequests => json!([pull_request(false, true, true)]),
        ForkIntent::WithoutSecrets => json!([continuous, pull_request(true, false, false)]),
        ForkIntent::WithFullToken => json!([pull_request(true, false, true)]),
        ForkIntent::WithSecrets | ForkIntent::PrivateWithSecrets => json!([pull_request(true, true, false)]),
        ForkIntent::WithSecretsBySecondTrigger => {
            json!([continuous, pull_request(true, false, false), pull_request(true, true, true)])
        }
    }
}
