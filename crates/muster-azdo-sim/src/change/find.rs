//! Finding what a change names, and saying what is wrong where it is not there.

use crate::change::Change;
use crate::input::InputError;
use crate::world::{
    ConnectionIndex, DefinitionIndex, OrganizationIndex, ProjectIndex, Repository, ResourceKind, View,
};

impl Change {
    pub(super) fn find_organization(&self, view: &View) -> Result<OrganizationIndex, InputError> {
        let name = self.organization.as_deref();
        let name = name.ok_or_else(|| InputError::missing("organization", "the name of an organization"))?;
        let found = view.find_organization(name);
        found.ok_or_else(|| {
            InputError::new("organization", format!("there is no {name}"), "see GET /_sim/health")
        })
    }

    pub(super) fn find_deleted_organization(&self, view: &View) -> Result<OrganizationIndex, InputError> {
        let name = self.organization.as_deref().unwrap_or_default();
        let mut deleted = view.changes.deleted_organizations.iter().copied();
        let found = deleted.find(|index| view.organization(*index).name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            InputError::new("organization", format!("no deleted one is called {name}"), "delete it first")
        })
    }

    pub(super) fn find_project(&self, view: &View) -> Result<ProjectIndex, InputError> {
        let organization = self.find_organization(view)?;
        let segment = self.project.as_deref();
        let segment = segment.ok_or_else(|| InputError::missing("project", "the id or name of a project"))?;
        let found = view.find_any_project(organization, segment).map(|project| project.index);
        found.ok_or_else(|| {
            InputError::new(
                "project",
                format!("there is no {segment}"),
                "take one of the organization's projects",
            )
        })
    }

    pub(super) fn find_repository(&self, view: &View) -> Result<Repository, InputError> {
        let organization = self.find_organization(view)?;
        let project = self.project.is_some().then(|| self.find_project(view)).transpose()?;
        let wanted = self.repository.as_deref();
        let wanted = wanted.ok_or_else(|| InputError::missing("repository", "the id of a repository"))?;
        view.find_repository(organization, project, wanted).ok_or_else(|| {
            let remedy =
                "give the id of one of the organization's repositories, or its name with its project";
            InputError::new("repository", format!("there is no {wanted}"), remedy)
        })
    }

    pub(super) fn find_connection(&self, view: &View) -> Result<ConnectionIndex, InputError> {
        let project = self.find_project(view)?;
        let wanted = self.connection.as_deref();
        let wanted =
            wanted.ok_or_else(|| InputError::missing("connection", "the id of a service connection"))?;
        let found = view.connections(project).find(|connection| {
            connection.id.to_string().eq_ignore_ascii_case(wanted) || connection.name == wanted
        });
        found.map(|connection| connection.index).ok_or_else(|| {
            InputError::new(
                "connection",
                format!("there is no {wanted}"),
                "take one of the project's connections",
            )
        })
    }

    pub(super) fn find_token(&self, tokens: &[String]) -> Result<String, InputError> {
        let wanted = self.pat.as_deref().ok_or_else(|| InputError::missing("pat", "a token"))?;
        let found = tokens.iter().find(|token| *token == wanted).cloned();
        found.ok_or_else(|| InputError::new("pat", "no identity has it", "see GET /_sim/identities"))
    }

    pub(super) fn find_definition(&self, view: &View) -> Result<DefinitionIndex, InputError> {
        let project = self.find_project(view)?;
        let wanted = self.pipeline.as_deref();
        let wanted = wanted.ok_or_else(|| InputError::missing("pipeline", "the number of a pipeline"))?;
        let found = view.definitions(project).find(|one| one.id.to_string() == wanted || one.name == wanted);
        found.map(|definition| definition.index).ok_or_else(|| {
            let remedy = "take one of the project's build definitions";
            InputError::new("pipeline", format!("there is no {wanted}"), remedy)
        })
    }

    /// A variable group or secure file of a project, by its id or name.
    pub(super) fn find_in_library(
        &self,
        view: &View,
        kind: ResourceKind,
    ) -> Result<(ProjectIndex, ResourceKind, String), InputError> {
        let project = self.find_project(view)?;
        let (field, wanted) = match kind {
            ResourceKind::VariableGroup => ("variableGroup", &self.variable_group),
            _ => ("secureFile", &self.secure_file),
        };
        let wanted = wanted.as_deref().ok_or_else(|| InputError::missing(field, "its id or name"))?;
        let mut list = view.library(project, kind).into_iter();
        let found = list.find(|one| one.id.eq_ignore_ascii_case(wanted) || one.name == wanted);
        found.map(|resource| (project, kind, resource.id)).ok_or_else(|| {
            InputError::new(field, format!("there is no {wanted}"), "take one of the project's")
        })
    }

    /// The new name, which none of `others` may have.
    pub(super) fn free_name(&self, mut others: impl Iterator<Item = String>) -> Result<String, InputError> {
        let name = self.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| InputError::missing("name", "the new name"))?;
        if others.any(|other| other.eq_ignore_ascii_case(name)) {
            return Err(InputError::new("name", "another one has it", "give a name that is free"));
        }
        Ok(name.to_owned())
    }
}
