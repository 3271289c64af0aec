//! Changes of the world while it runs: what administrators of a real organization do.

use serde::{Deserialize, Serialize};

use crate::input::{self, InputError};
use crate::world::{
    Changes, ConnectionIndex, OrganizationIndex, Presence, ProjectIndex, Repository, RepositoryChange,
    ReviewerIntent, View,
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
    /// The new name of a repository.
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
    /// Deletes a repository.
    DeleteRepository,
    /// Brings a deleted or hidden repository back.
    RestoreRepository,
    /// Takes away the right to see a repository: lists leave it out with 200.
    HideRepository,
    /// Disables a repository.
    DisableRepository,
    /// Enables a repository.
    EnableRepository,
    /// Replaces the reviewer policies of a repository by those of an intent.
    SetReviewers,
    /// Forbids to create classic pipelines in a project.
    DisableClassicPipelines,
    /// Allows to create classic pipelines in a project.
    EnableClassicPipelines,
    /// Opens a service connection to all pipelines of a project.
    OpenConnection,
    /// Closes a service connection.
    CloseConnection,
    /// Revokes a token.
    RevokePat,
    /// Makes a revoked token valid again.
    RestorePat,
    /// Stops an organization: it answers 503 with TF24668 to everything.
    StopOrganization,
    /// Starts a stopped organization.
    StartOrganization,
}

impl Change {
    pub(crate) fn read(body: &[u8]) -> Result<Self, InputError> {
        let remedy = "send {\"change\":KIND, …}; renameRepository, deleteRepository, restoreRepository, \
                      hideRepository, disableRepository and enableRepository take organization and repository, \
                      setReviewers also intent, disableClassicPipelines and enableClassicPipelines take \
                      organization and project, openConnection and closeConnection also connection, revokePat and \
                      restorePat take pat, stopOrganization and startOrganization take organization";
        input::read(body, remedy)
    }

    /// The changes of `view` with this one over them.
    pub(crate) fn apply(&self, view: &View, tokens: &[String]) -> Result<Changes, InputError> {
        let mut changes = (*view.changes).clone();
        match self.change {
            ChangeKind::RenameRepository
            | ChangeKind::DeleteRepository
            | ChangeKind::RestoreRepository
            | ChangeKind::HideRepository
            | ChangeKind::DisableRepository
            | ChangeKind::EnableRepository
            | ChangeKind::SetReviewers => self.change_repository(view, &mut changes)?,
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
            ChangeKind::StopOrganization => {
                changes.stopped_organizations.insert(self.find_organization(view)?);
            }
            ChangeKind::StartOrganization => {
                changes.stopped_organizations.remove(&self.find_organization(view)?);
            }
        }
        Ok(changes)
    }

    fn change_repository(&self, view: &View, changes: &mut Changes) -> Result<(), InputError> {
        let repository = self.find_repository(view)?;
        let name = match self.change {
            ChangeKind::RenameRepository => Some(self.new_name(view, &repository)?),
            _ => None,
        };
        let change: &mut RepositoryChange = changes.repositories.entry(repository.index).or_default();
        match self.change {
            ChangeKind::DeleteRepository => change.presence = Presence::Deleted,
            ChangeKind::RestoreRepository => change.presence = Presence::Listed,
            ChangeKind::HideRepository => change.presence = Presence::Hidden,
            ChangeKind::DisableRepository => change.is_disabled = Some(true),
            ChangeKind::EnableRepository => change.is_disabled = Some(false),
            ChangeKind::SetReviewers => {
                let intent = self
                    .intent
                    .ok_or_else(|| InputError::missing("intent", "an intent, such as twoReviewers"))?;
                change.intent = Some(intent);
            }
            _ => change.name = name.or(change.name.take()),
        }
        Ok(())
    }

    fn new_name(&self, view: &View, repository: &Repository) -> Result<String, InputError> {
        let name = self.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| InputError::missing("name", "the new name"))?;
        let is_taken = view
            .all_repositories(repository.index.project)
            .any(|other| other.index != repository.index && other.name.eq_ignore_ascii_case(name));
        if is_taken {
            return Err(InputError::new(
                "name",
                "another repository of the project has it",
                "give a name that is free",
            ));
        }
        Ok(name.to_owned())
    }

    fn find_organization(&self, view: &View) -> Result<OrganizationIndex, InputError> {
        let name = self.organization.as_deref();
        let name = name.ok_or_else(|| InputError::missing("organization", "the name of an organization"))?;
        let found = view.world.find_organization(name);
        found.ok_or_else(|| {
            InputError::new("organization", format!("there is no {name}"), "see GET /_sim/health")
        })
    }

    fn find_project(&self, view: &View) -> Result<ProjectIndex, InputError> {
        let organization = self.find_organization(view)?;
        let segment = self.project.as_deref();
        let segment = segment.ok_or_else(|| InputError::missing("project", "the id or name of a project"))?;
        let found = view.world.find_project(organization, segment);
        found.ok_or_else(|| {
            InputError::new(
                "project",
                format!("there is no {segment}"),
                "take one of the organization's projects",
            )
        })
    }

    fn find_repository(&self, view: &View) -> Result<Repository, InputError> {
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

    fn find_connection(&self, view: &View) -> Result<ConnectionIndex, InputError> {
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

    fn find_token(&self, tokens: &[String]) -> Result<String, InputError> {
        let wanted = self.pat.as_deref().ok_or_else(|| InputError::missing("pat", "a token"))?;
        let found = tokens.iter().find(|token| *token == wanted).cloned();
        found.ok_or_else(|| InputError::new("pat", "no identity has it", "see GET /_sim/identities"))
    }
}
