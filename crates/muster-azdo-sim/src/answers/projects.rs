//! Projects and their pipeline settings.

use axum::response::Response;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::http::refusal::Refusal;
use crate::http::{Call, with_continuation};
use crate::world::{Organization, Presence, Project, Visibility};

const DEFAULT_PAGE: usize = 100;

/// A project, as it stands alone and in its repositories.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProjectReference {
    id: Uuid,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    url: String,
    state: &'static str,
    revision: u64,
    visibility: Visibility,
    last_update_time: String,
}

impl ProjectReference {
    pub(crate) fn new(call: &Call<'_>, organization: &Organization, project: &Project) -> Self {
        Self {
            id: project.id,
            name: project.name.clone(),
            description: project.description.clone(),
            url: format!("{}/_apis/projects/{}", call.organization_url(organization), project.id),
            state: if project.presence == Presence::Deleted { "deleted" } else { "wellFormed" },
            revision: project.revision,
            visibility: project.visibility,
            last_update_time: project.last_update_time.clone(),
        }
    }
}

/// Which projects are asked for by their state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StateFilter {
    WellFormed,
    Deleted,
    All,
    /// States that no project is ever in here.
    Other,
}

impl StateFilter {
    fn read(call: &Call<'_>) -> Result<Self, Refusal> {
        let Some(text) = call.query.get("stateFilter") else { return Ok(Self::WellFormed) };
        match text.to_lowercase().as_str() {
            "wellformed" => Ok(Self::WellFormed),
            "deleted" => Ok(Self::Deleted),
            "all" => Ok(Self::All),
            "deleting" | "new" | "createpending" | "unchanged" => Ok(Self::Other),
            _ => Err(Refusal::InvalidParameter { name: "stateFilter", value: text.to_owned() }),
        }
    }

    fn has_well_formed(self) -> bool {
        matches!(self, Self::WellFormed | Self::All)
    }

    fn has_deleted(self) -> bool {
        matches!(self, Self::Deleted | Self::All)
    }
}

pub(crate) fn list(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, organization) = call.organization()?;
    let filter = StateFilter::read(call)?;
    let is_wanted = |project: &&Project| match project.presence {
        Presence::Deleted => filter.has_deleted(),
        _ => filter.has_well_formed() && call.view.sees_project(project.index),
    };
    let all: Vec<_> = call.view.all_projects(index).filter(is_wanted).collect();
    let start = match call.query.number("continuationToken")? {
        Some(token) => token,
        None => call.query.number("$skip")?.unwrap_or(0),
    };
    let size = call.query.number("$top")?.unwrap_or(DEFAULT_PAGE).max(1);
    let page: Vec<_> = all
        .iter()
        .skip(start)
        .take(size)
        .map(|project| ProjectReference::new(call, organization, project))
        .collect();
    let end = start.saturating_add(page.len());
    let token = (end < all.len()).then_some(end as u64);
    Ok(with_continuation(call.list(&page), token))
}

pub(crate) fn get(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, organization) = call.organization()?;
    let segment = call.argument(0);
    let project = call.view.find_project(index, segment);
    let project = project.ok_or_else(|| Refusal::UnknownProject { segment: segment.to_owned() })?;
    let reference = ProjectReference::new(call, organization, call.view.project(project));
    let url = reference.url.clone();
    let mut answer = json!(reference);
    answer["_links"] = json!({"self": {"href": url}});
    if call.query.is_true("includeCapabilities") {
        answer["capabilities"] = json!({
            "versioncontrol": {"sourceControlType": "Git", "gitEnabled": "True", "tfvcEnabled": "False"},
            "processTemplate": {
                "templateName": "Agile",
                "templateTypeId": "adcc42ab-9882-485e-a3ed-7678f01f66bc"
            }
        });
    }
    Ok(call.json(&answer))
}

pub(crate) fn general_settings(call: &Call<'_>) -> Result<Response, Refusal> {
    let project = call.project()?;
    Ok(call.json(&call.view.settings(project).to_json(call.view.world.seed, project.index)))
}
