//! What was changed since the world was generated. Copied on each change, so that an answer that is being
//! written keeps the world it started with.

use std::collections::{HashMap, HashSet};

use crate::world::{
    AdvancedSecurity, ConnectionIndex, DefinitionIndex, ForkIntent, LibraryResource, Organization,
    OrganizationIndex, Presence, Project, ProjectIndex, RepositoryIndex, ResourceKind, ReviewerIntent,
};

#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) repositories: HashMap<RepositoryIndex, RepositoryChange>,
    /// Repositories that were moved into a project.
    pub(crate) moved_in: HashMap<ProjectIndex, Vec<RepositoryIndex>>,
    /// Projects as they are now.
    pub(crate) projects: HashMap<ProjectIndex, Project>,
    /// Whether classic pipelines can no longer be created.
    pub(crate) classic_disabled: HashMap<ProjectIndex, bool>,
    /// Whether a connection is open to all pipelines.
    pub(crate) connections_open: HashMap<ConnectionIndex, bool>,
    /// Whether a resource of a library is open to all pipelines, by its id.
    pub(crate) library_open: HashMap<(ProjectIndex, ResourceKind, String), bool>,
    /// What was added to libraries.
    pub(crate) library_added: HashMap<(ProjectIndex, ResourceKind), Vec<LibraryResource>>,
    /// What triggers of pipelines do with forks.
    pub(crate) forks: HashMap<DefinitionIndex, ForkIntent>,
    /// Whether third-party application access via OAuth is switched off.
    pub(crate) oauth_disallowed: HashMap<OrganizationIndex, bool>,
    pub(crate) revoked_tokens: HashSet<String>,
    pub(crate) stopped_organizations: HashSet<OrganizationIndex>,
    /// Organizations under the names that they were given.
    pub(crate) renamed_organizations: HashMap<OrganizationIndex, Organization>,
    pub(crate) deleted_organizations: HashSet<OrganizationIndex>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct RepositoryChange {
    pub(crate) name: Option<String>,
    pub(crate) presence: Presence,
    pub(crate) deleted_on: Option<String>,
    pub(crate) is_disabled: Option<bool>,
    pub(crate) intent: Option<ReviewerIntent>,
    pub(crate) default_branch: Option<&'static str>,
    pub(crate) policy_branch: Option<&'static str>,
    pub(crate) security: Option<AdvancedSecurity>,
    pub(crate) project: Option<ProjectIndex>,
}

impl Changes {
    /// Moves a repository to another project; back to its first one, too.
    pub(crate) fn move_repository(&mut self, repository: RepositoryIndex, target: ProjectIndex) {
        self.moved_in.values_mut().for_each(|list| list.retain(|other| *other != repository));
        if target != repository.project {
            self.moved_in.entry(target).or_default().push(repository);
        }
        self.repositories.entry(repository).or_default().project = Some(target);
    }

    /// How many resources were added to libraries, everywhere.
    pub(crate) fn count_added(&self) -> usize {
        self.library_added.values().map(Vec::len).sum()
    }
}
