//! Changes of the world while it runs: what administrators of a real organization do.

mod find;
mod repository;

use serde::{Deserialize, Serialize};

use crate::input::{self, InputError};
use crate::world::{
    Changes, ForkIntent, LibraryResource, Organization, Presence, ResourceKind, ReviewerIntent, Secrets, View,
};

/// One change. Which fields it needs depends on its kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// What changes.
    pub change: ChangeKind,
    /// The name of the organization; for everything but tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The project, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The repository, by id, or by name together with its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The service connection, by id, together with its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The pipeline, by number or name, together with its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<String>,
    /// The variable group, by number or name, together with its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable_group: Option<String>,
    /// The secure file, by id or name, together with its project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secure_file: Option<String>,
    /// The project to move a repository to, by id or name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The new default branch of a repository, as a full reference name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// What the triggers of a pipeline are to do with forks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forks: Option<ForkIntent>,
    /// Whether a new variable group holds a secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_secrets: bool,
    /// The new name of a repository or project, or the name of what is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the policies of a repository are to achieve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<ReviewerIntent>,
    /// The personal access token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pat: Option<String>,
}

/// The kinds of changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangeKind {
    /// Gives a repository another name.
    #[default]
    RenameRepository,
    /// Deletes a repository: it is in the recycle bin of its project until it is restored or purged.
    DeleteRepository,
    /// Removes a deleted repository for good.
    PurgeRepository,
    /// Brings a deleted or hidden repository back.
    RestoreRepository,
    /// Takes away the right to see a repository: lists leave it out with 200.
    HideRepository,
    /// Disables a repository.
    DisableRepository,
    /// Enables a repository.
    EnableRepository,
    /// Moves a repository to another project, with its id and its policies.
    MoveRepository,
    /// Makes another branch the default of a repository; its policies stay with the branch they were written for.
    SetDefaultBranch,
    /// Turns both products of Advanced Security on for a repository.
    EnableAdvancedSecurity,
    /// Turns both products of Advanced Security off for a repository.
    DisableAdvancedSecurity,
    /// Replaces the reviewer policies of a repository by those of an intent.
    SetReviewers,
    /// Gives a project another name.
    RenameProject,
    /// Takes away the right to see a project: lists leave it out with 200.
    HideProject,
    /// Deletes a project with all that is in it; it is listed among the deleted ones.
    DeleteProject,
    /// Brings a deleted or hidden project back.
    RestoreProject,
    /// Forbids to create classic pipelines in a project.
    DisableClassicPipelines,
    /// Allows to create classic pipelines in a project.
    EnableClassicPipelines,
    /// Opens a service connection to all pipelines of a project.
    OpenConnection,
    /// Closes a service connection.
    CloseConnection,
    /// Opens a variable group to all pipelines of its project.
    OpenVariableGroup,
    /// Closes a variable group.
    CloseVariableGroup,
    /// Opens a secure file to all pipelines of its project.
    OpenSecureFile,
    /// Closes a secure file.
    CloseSecureFile,
    /// Adds a variable group, closed.
    AddVariableGroup,
    /// Adds a secure file, closed.
    AddSecureFile,
    /// Replaces what the triggers of a pipeline do with forks.
    SetForks,
    /// Revokes a token.
    RevokePat,
    /// Makes a revoked token valid again.
    RestorePat,
    /// Switches third-party application access via OAuth off: tokens of applications that act for a person are refused.
    DisallowOauth,
    /// Switches it on.
    AllowOauth,
    /// Stops an organization: it answers 503 with TF24668 to everything.
    StopOrganization,
    /// Starts a stopped organization.
    StartOrganization,
    /// Gives an organization another name; its id stays.
    RenameOrganization,
    /// Deletes an organization: nothing answers under its name, and its id is known no more.
    DeleteOrganization,
    /// Brings a deleted organization back.
    RestoreOrganization,
}

impl Change {
    pub(crate) fn read(body: &[u8]) -> Result<Self, InputError> {
        let remedy = "send {\"change\":KIND, …}; renameRepository, deleteRepository, purgeRepository, restoreRepository, \
                      hideRepository, disableRepository, enableRepository, moveRepository, setDefaultBranch, \
                      enableAdvancedSecurity, disableAdvancedSecurity and setReviewers take organization and \
                      repository; renameProject, hideProject, deleteProject, restoreProject, disableClassicPipelines, \
                      enableClassicPipelines, openConnection, closeConnection, openVariableGroup, \
                      closeVariableGroup, openSecureFile, closeSecureFile, addVariableGroup, addSecureFile and \
                      setForks take organization and project; some also name, intent, target, branch, connection, \
                      variableGroup, secureFile, pipeline, forks or hasSecrets; revokePat and restorePat take pat, \
                      disallowOauth, allowOauth, stopOrganization, startOrganization, renameOrganization (and name), \
                      deleteOrganization and restoreOrganization take organization";
        input::read(body, remedy)
    }

    /// The changes of `view` with this one over them.
    pub(crate) fn apply(
        &self,
        view: &View,
        tokens: &[String],
        now_unix_seconds: u64,
    ) -> Result<Changes, InputError> {
        let mut changes = (*view.changes).clone();
        match self.change {
            ChangeKind::RenameRepository
            | ChangeKind::DeleteRepository
            | ChangeKind::PurgeRepository
            | ChangeKind::MoveRepository
            | ChangeKind::SetDefaultBranch
            | ChangeKind::EnableAdvancedSecurity
            | ChangeKind::DisableAdvancedSecurity
            | ChangeKind::RestoreRepository
            | ChangeKind::HideRepository
            | ChangeKind::DisableRepository
            | ChangeKind::EnableRepository
            | ChangeKind::SetReviewers => self.change_repository(view, &mut changes, now_unix_seconds)?,
            ChangeKind::RenameProject
            | ChangeKind::HideProject
            | ChangeKind::DeleteProject
            | ChangeKind::RestoreProject => self.change_project(view, &mut changes)?,
            ChangeKind::OpenVariableGroup
            | ChangeKind::CloseVariableGroup
            | ChangeKind::OpenSecureFile
            | ChangeKind::CloseSecureFile => self.change_library(view, &mut changes)?,
            ChangeKind::AddVariableGroup | ChangeKind::AddSecureFile => {
                self.add_to_library(view, &mut changes)?;
            }
            ChangeKind::SetForks => {
                let missing = || InputError::missing("forks", "an intent, such as withSecrets");
                let definition = self.find_definition(view)?;
                changes.forks.insert(definition, self.forks.ok_or_else(missing)?);
            }
            ChangeKind::DisableClassicPipelines | ChangeKind::EnableClassicPipelines => {
                let project = self.find_project(view)?;
                changes.classic_disabled.insert(project, self.change == ChangeKind::DisableClassicPipelines);
            }
            ChangeKind::OpenConnection | ChangeKind::CloseConnection => {
                let connection = self.find_connection(view)?;
                changes.connections_open.insert(connection, self.change == ChangeKind::OpenConnection);
            }
            ChangeKind::RevokePat => {
                changes.revoked_tokens.insert(self.find_token(tokens)?);
            }
            ChangeKind::RestorePat => {
                changes.revoked_tokens.remove(&self.find_token(tokens)?);
            }
            ChangeKind::DisallowOauth | ChangeKind::AllowOauth => {
                let organization = self.find_organization(view)?;
                changes.oauth_disallowed.insert(organization, self.change == ChangeKind::DisallowOauth);
            }
            ChangeKind::StopOrganization => {
                changes.stopped_organizations.insert(self.find_organization(view)?);
            }
            ChangeKind::StartOrganization => {
                changes.stopped_organizations.remove(&self.find_organization(view)?);
            }
            ChangeKind::RenameOrganization => {
                let index = self.find_organization(view)?;
                let others = view.organizations().filter(|(other, _)| *other != index);
                let name = self.free_name(others.map(|(_, other)| other.name.clone()))?;
                let renamed = Organization { name, ..view.organization(index).clone() };
                changes.renamed_organizations.insert(index, renamed);
            }
            ChangeKind::DeleteOrganization => {
                changes.deleted_organizations.insert(self.find_organization(view)?);
            }
            ChangeKind::RestoreOrganization => {
                changes.deleted_organizations.remove(&self.find_deleted_organization(view)?);
            }
        }
        Ok(changes)
    }

    fn change_project(&self, view: &View, changes: &mut Changes) -> Result<(), InputError> {
        let mut project = view.project(self.find_project(view)?).clone();
        match self.change {
            ChangeKind::RenameProject => {
                let others = view.all_projects(project.organization);
                let others = others.filter(|other| other.index != project.index);
                project.name = self.free_name(others.map(|other| other.name.clone()))?;
            }
            ChangeKind::HideProject => project.presence = Presence::Hidden,
            ChangeKind::DeleteProject => project.presence = Presence::Deleted,
            _ => project.presence = Presence::Listed,
        }
        project.revision += 1;
        changes.projects.insert(project.index, project);
        Ok(())
    }

    fn change_library(&self, view: &View, changes: &mut Changes) -> Result<(), InputError> {
        let (kind, open) = match self.change {
            ChangeKind::OpenVariableGroup => (ResourceKind::VariableGroup, true),
            ChangeKind::CloseVariableGroup => (ResourceKind::VariableGroup, false),
            ChangeKind::OpenSecureFile => (ResourceKind::SecureFile, true),
            _ => (ResourceKind::SecureFile, false),
        };
        changes.library_open.insert(self.find_in_library(view, kind)?, open);
        Ok(())
    }

    fn add_to_library(&self, view: &View, changes: &mut Changes) -> Result<(), InputError> {
        let project = self.find_project(view)?;
        let (kind, secrets) = match self.change {
            ChangeKind::AddVariableGroup if self.has_secrets => {
                (ResourceKind::VariableGroup, Secrets::Variables)
            }
            ChangeKind::AddVariableGroup => (ResourceKind::VariableGroup, Secrets::Absent),
            _ => (ResourceKind::SecureFile, Secrets::Absent),
        };
        let name = self.free_name(view.library(project, kind).into_iter().map(|other| other.name))?;
        let added = LibraryResource::added(&view.world, kind, changes.count_added(), name, secrets);
        changes.library_added.entry((project, kind)).or_default().push(added);
        Ok(())
    }
}
