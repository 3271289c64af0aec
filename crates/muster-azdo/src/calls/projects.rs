//! `GET /{organization}/_apis/projects`.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{Violation, Wire};
use crate::page::{Page, PageRequest};
use crate::session::Session;
use muster_domain::properties::{ProjectProperties, Visibility};
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId};
use serde::Deserialize;
use tracing::instrument;
use uuid::Uuid;

/// A project as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectItem {
    /// Its immutable id.
    pub id: ProjectId,
    /// Its present name.
    pub name: String,
    /// What is kept of it.
    pub properties: ProjectProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProjectWire {
    id: Uuid,
    name: String,
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    visibility: Option<String>,
    #[serde(default)]
    revision: Option<i64>,
}

impl Wire for ProjectWire {
    type Item = ProjectItem;

    fn into_item(self) -> Result<ProjectItem, Violation> {
        let properties = ProjectProperties {
            visibility: visibility(self.visibility),
            state: self.state.unwrap_or_else(|| "unknown".to_owned()),
            revision: self.revision,
        };
        Ok(ProjectItem { id: ProjectId(self.id), name: self.name, properties })
    }
}

fn visibility(value: Option<String>) -> Visibility {
    let Some(value) = value else { return Visibility::Unspecified };
    match value.to_ascii_lowercase().as_str() {
        "private" => Visibility::Private,
        "public" => Visibility::Public,
        "organization" => Visibility::Organization,
        _ => Visibility::Other(value),
    }
}

impl Session {
    /// One page of the projects of `organization` that are in use: not those being created or deleted.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.projects", skip_all, fields(ado.organization = %organization))]
    pub async fn projects(
        &self,
        organization: &OrganizationName,
        page: PageRequest,
    ) -> Result<Page<ProjectItem>, CallError> {
        self.projects_in_state(organization, "wellFormed", page).await
    }

    /// One page of the projects of `organization` that were deleted and can still be restored: it tells a project
    /// that is gone from one that the credential does not see any more.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.deletedProjects", skip_all, fields(ado.organization = %organization))]
    pub async fn deleted_projects(
        &self,
        organization: &OrganizationName,
        page: PageRequest,
    ) -> Result<Page<ProjectItem>, CallError> {
        self.projects_in_state(organization, "deleted", page).await
    }

    async fn projects_in_state(
        &self,
        organization: &OrganizationName,
        state: &str,
        page: PageRequest,
    ) -> Result<Page<ProjectItem>, CallError> {
        let call =
            Call::in_organization(Read::Projects, organization, "_apis/projects").with("stateFilter", state);
        self.page_of::<ProjectWire>(call, page).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visibility_is_read_whatever_it_says() {
        for (text, expected) in [
            (Some("private"), Visibility::Private),
            (Some("Public"), Visibility::Public),
            (Some("organization"), Visibility::Organization),
            (Some("systemPrivate"), Visibility::Other("systemPrivate".to_owned())),
            (None, Visibility::Unspecified),
        ] {
            assert_eq!(visibility(text.map(str::to_owned)), expected);
        }
    }
}
