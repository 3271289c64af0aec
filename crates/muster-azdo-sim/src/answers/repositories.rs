//! Git repositories, of a project or of a whole organization. Never paged, as in the real service.

use std::sync::Arc;

use axum::response::Response;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::answers::projects::ProjectReference;
use crate::http::Call;
use crate::http::path::percent_encoded;
use crate::http::refusal::Refusal;
use crate::world::{Organization, Presence, ProjectIndex, Repository};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryAnswer {
    id: Uuid,
    name: String,
    url: String,
    project: Arc<ProjectReference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_branch: Option<&'static str>,
    size: u64,
    remote_url: String,
    ssh_url: String,
    web_url: String,
    is_disabled: bool,
    is_in_maintenance: bool,
}

/// What the repositories of one project have in common.
struct Surroundings {
    project: Arc<ProjectReference>,
    organization_name: String,
    organization_url: String,
    project_url: String,
    project_segment: String,
}

impl Surroundings {
    fn new(call: &Call<'_>, organization: &Organization, project: ProjectIndex) -> Self {
        let project = ProjectReference::new(call, organization, call.view.project(project));
        let organization_url = call.organization_url(organization);
        let project_segment = percent_encoded(&project.name);
        Self {
            project: Arc::new(project),
            organization_name: organization.name.clone(),
            project_url: format!("{organization_url}/{project_segment}"),
            organization_url,
            project_segment,
        }
    }

    fn answer(&self, repository: Repository) -> RepositoryAnswer {
        let segment = percent_encoded(&repository.name);
        let web_url = format!("{}/_git/{segment}", self.project_url);
        RepositoryAnswer {
            id: repository.id,
            url: format!("{}/_apis/git/repositories/{}", self.organization_url, repository.id),
            project: Arc::clone(&self.project),
            default_branch: repository.default_branch,
            size: repository.size_bytes,
            remote_url: web_url.clone(),
            ssh_url: format!(
                "git@ssh.dev.azure.com:v3/{}/{}/{segment}",
                self.organization_name, self.project_segment
            ),
            web_url,
            is_disabled: repository.is_disabled,
            is_in_maintenance: false,
            name: repository.name,
        }
    }
}

pub(crate) fn list(call: &Call<'_>) -> Result<Response, Refusal> {
    let (_, organization) = call.organization()?;
    let projects = match call.project {
        Some(project) => vec![project],
        None => {
            let projects = organization.projects.clone().map(ProjectIndex);
            projects.filter(|project| call.view.sees_project(*project)).collect()
        }
    };
    // What the answer needs is taken along: it is written long after the call is forgotten.
    let places: Vec<_> = projects
        .into_iter()
        .map(|project| (project, Surroundings::new(call, organization, project)))
        .collect();
    let view = call.view.clone();
    let answers = places.into_iter().flat_map(move |(project, surroundings)| {
        view.all_repositories(project)
            .filter(|repository| repository.presence == Presence::Listed)
            .map(move |repository| surroundings.answer(repository))
    });
    Ok(call.stream(answers))
}

/// The recycle bin of a project: what was deleted and not purged.
pub(crate) fn deleted(call: &Call<'_>) -> Result<Response, Refusal> {
    let (_, organization) = call.organization()?;
    let project = call.project()?;
    let reference = ProjectReference::new(call, organization, project);
    let all = call.view.all_repositories(project.index);
    let list: Vec<_> = all
        .filter(|repository| repository.presence == Presence::Deleted)
        .map(|repository| {
            json!({
                "id": repository.id,
                "name": repository.name,
                "project": reference,
                "deletedBy": call.author(organization, repository.index.position),
                "createdDate": project.last_update_time,
                "deletedDate": repository.deleted_on
            })
        })
        .collect();
    Ok(call.list(&list))
}

pub(crate) fn get(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, organization) = call.organization()?;
    let segment = call.argument(0);
    let found = call.view.find_repository(index, call.project, segment);
    let repository = found
        .filter(|repository| repository.presence == Presence::Listed)
        .ok_or_else(|| Refusal::UnknownRepository { segment: segment.to_owned() })?;
    let answer = Surroundings::new(call, organization, repository.project).answer(repository);
    let links = json!({"self": {"href": answer.url}, "web": {"href": answer.web_url}});
    let mut answer = json!(answer);
    answer["_links"] = links;
    Ok(call.json(&answer))
}
