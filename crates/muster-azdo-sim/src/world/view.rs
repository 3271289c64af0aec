//! The world as it is now: what was generated, with the changes over it.

use std::sync::Arc;

use uuid::Uuid;

use crate::world::organization_settings::OrganizationPolicy;
use crate::world::{
    Changes, Configuration, Connection, ConnectionIndex, Definition, DefinitionIndex, LibraryResource,
    Organization, OrganizationIndex, Presence, Project, ProjectIndex, ReadingRights, Repository,
    RepositoryIndex, ResourceKind, SettingsIntent, World, connection, definition, library, policy,
};

/// A consistent look at the world: changes that come later are not seen through it.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) world: Arc<World>,
    pub(crate) changes: Arc<Changes>,
    /// What whoever looks may see.
    pub(crate) rights: ReadingRights,
}

impl View {
    /// An organization as it is now, also one that is deleted.
    pub(crate) fn organization(&self, index: OrganizationIndex) -> &Organization {
        self.changes.renamed_organizations.get(&index).unwrap_or_else(|| self.world.organization(index))
    }

    /// The organizations that there are.
    pub(crate) fn organizations(&self) -> impl Iterator<Item = (OrganizationIndex, &Organization)> {
        let all = (0..self.world.organizations.len()).map(OrganizationIndex);
        let are_there = all.filter(|index| !self.changes.deleted_organizations.contains(index));
        are_there.map(|index| (index, self.organization(index)))
    }

    /// Finds an organization by the name that it has now.
    pub(crate) fn find_organization(&self, name: &str) -> Option<OrganizationIndex> {
        let mut all = self.organizations();
        all.find(|(_, organization)| organization.name.eq_ignore_ascii_case(name)).map(|(index, _)| index)
    }

    /// A project as it is now.
    pub(crate) fn project(&self, index: ProjectIndex) -> &Project {
        self.changes.projects.get(&index).unwrap_or_else(|| self.world.project(index))
    }

    /// All projects of an organization, also those that are not listed.
    pub(crate) fn all_projects(&self, organization: OrganizationIndex) -> impl Iterator<Item = &Project> {
        let range = self.world.organization(organization).projects.clone();
        range.map(|index| self.project(ProjectIndex(index)))
    }

    /// The policies of an organization, as they are now.
    pub(crate) fn organization_policies(&self, organization: OrganizationIndex) -> Vec<OrganizationPolicy> {
        let mut policies = OrganizationPolicy::all(&self.world, organization);
        if let Some(is_disallowed) = self.changes.oauth_disallowed.get(&organization) {
            for policy in policies.iter_mut().filter(|policy| policy.name == OrganizationPolicy::OAUTH) {
                policy.value = *is_disallowed;
                policy.is_undefined = false;
            }
        }
        policies
    }

    /// Whether applications may act for people in an organization.
    pub(crate) fn allows_oauth(&self, organization: OrganizationIndex) -> bool {
        let policies = self.organization_policies(organization);
        policies.iter().any(|policy| policy.name == OrganizationPolicy::OAUTH && !policy.value)
    }

    /// Whether the project is listed to whoever looks.
    pub(crate) fn sees_project(&self, project: ProjectIndex) -> bool {
        self.project(project).presence == Presence::Listed && self.rights.sees_project(&self.world, project)
    }

    /// Finds a project by its id or its name, as every path may name it; also one that is not listed.
    pub(crate) fn find_any_project(
        &self,
        organization: OrganizationIndex,
        id_or_name: &str,
    ) -> Option<&Project> {
        let id = Uuid::parse_str(id_or_name).ok();
        let name = id_or_name.to_lowercase();
        let is_it = |project: &&Project| id == Some(project.id) || project.name.to_lowercase() == name;
        self.all_projects(organization).find(is_it)
    }

    /// Finds a project that whoever looks may see.
    pub(crate) fn find_project(
        &self,
        organization: OrganizationIndex,
        segment: &str,
    ) -> Option<ProjectIndex> {
        let found = self.find_any_project(organization, segment).map(|project| project.index);
        found.filter(|project| self.sees_project(*project))
    }

    pub(crate) fn repository(&self, index: RepositoryIndex) -> Repository {
        let mut repository = Repository::generate(&self.world, index);
        if let Some(change) = self.changes.repositories.get(&index) {
            if let Some(name) = &change.name {
                repository.name.clone_from(name);
            }
            repository.presence = change.presence;
            repository.deleted_on.clone_from(&change.deleted_on);
            repository.is_disabled = change.is_disabled.unwrap_or(repository.is_disabled);
            repository.intent = change.intent.unwrap_or(repository.intent);
            repository.default_branch = change.default_branch.or(repository.default_branch);
            repository.policy_branch = change.policy_branch.unwrap_or(repository.policy_branch);
            repository.security = change.security.unwrap_or(repository.security);
            repository.project = change.project.unwrap_or(repository.project);
        }
        let seen = self.sees_project(repository.project) && self.rights.sees_repository(&self.world, index);
        if !seen && repository.presence == Presence::Listed {
            repository.presence = Presence::Hidden;
        }
        repository
    }

    /// All repositories that are in a project now, also those that are not listed.
    pub(crate) fn all_repositories(
        &self,
        project: ProjectIndex,
    ) -> impl Iterator<Item = Repository> + Send + use<> {
        let view = self.clone();
        let count = view.world.project(project).repositories;
        let moved_in = view.changes.moved_in.get(&project).cloned().unwrap_or_default();
        (0..count)
            .map(move |position| RepositoryIndex { project, position })
            .chain(moved_in)
            .map(move |index| view.repository(index))
            .filter(move |repository| repository.project == project)
    }

    /// Finds a repository by its id or, in a project, by its name. Walks over all of them: it is asked rarely.
    pub(crate) fn find_repository(
        &self,
        organization: OrganizationIndex,
        project: Option<ProjectIndex>,
        id_or_name: &str,
    ) -> Option<Repository> {
        let id = Uuid::parse_str(id_or_name).ok();
        let is_it = |repository: &Repository| match id {
            Some(id) => repository.id == id,
            None => project.is_some() && repository.name.eq_ignore_ascii_case(id_or_name),
        };
        let projects = match project {
            Some(project) => project.0..project.0 + 1,
            None => self.world.organization(organization).projects.clone(),
        };
        projects.map(ProjectIndex).find_map(|project| self.all_repositories(project).find(is_it))
    }

    /// The policy configurations of a project whose id is `from` or above, in the order of their ids.
    pub(crate) fn configurations(
        &self,
        project: ProjectIndex,
        from: u64,
    ) -> impl Iterator<Item = Configuration> + Send + use<> {
        let view = self.clone();
        let record = self.world.project(project).clone();
        let start = policy::repository_position(&record, from);
        let wide = policy::of_project(&self.world, &record);
        // Policies go with their repository, and keep their ids: those from a project before come first.
        let moved_in = self.changes.moved_in.get(&project).into_iter().flatten();
        let mut before: Vec<_> = moved_in.flat_map(|index| view.own_configurations(*index)).collect();
        before.sort_by_key(|configuration| configuration.id);
        let first = policy::first_id(&record);
        let after = before.split_off(before.partition_point(|configuration| configuration.id < first));
        let own = (start..record.repositories).flat_map(move |position| {
            let index = RepositoryIndex { project, position };
            let is_here = view.repository(index).project == project;
            if is_here { view.own_configurations(index) } else { Vec::new() }
        });
        let all = before.into_iter().chain(wide).chain(own).chain(after);
        all.filter(move |configuration| configuration.id >= from)
    }

    /// The policy configurations for one repository alone.
    fn own_configurations(&self, index: RepositoryIndex) -> Vec<Configuration> {
        policy::of_repository(&self.world, self.world.project(index.project), &self.repository(index))
    }

    pub(crate) fn settings(&self, project: &Project) -> SettingsIntent {
        match self.changes.classic_disabled.get(&project.index) {
            Some(disabled) => project.settings.switched(*disabled),
            None => project.settings,
        }
    }

    pub(crate) fn connection(&self, index: ConnectionIndex) -> Connection {
        let mut connection = Connection::generate(&self.world, index);
        if let Some(open) = self.changes.connections_open.get(&index) {
            connection.is_open = *open;
        }
        connection
    }

    pub(crate) fn connections(
        &self,
        project: ProjectIndex,
    ) -> impl Iterator<Item = Connection> + Send + use<> {
        let view = self.clone();
        let count = connection::count(&self.world, project);
        (0..count).map(move |position| view.connection(ConnectionIndex { project, position }))
    }

    pub(crate) fn definitions(
        &self,
        project: ProjectIndex,
    ) -> impl Iterator<Item = Definition> + Send + use<> {
        let view = self.clone();
        let count = definition::count(&view.world, view.world.project(project));
        (0..count).map(move |position| {
            let index = DefinitionIndex { project, position };
            let generated = Definition::generate(&view.world, index);
            match view.changes.forks.get(&index) {
                Some(forks) => generated.with_forks(*forks),
                None => generated,
            }
        })
    }

    /// The resources of one kind in a project; those that were added come last.
    pub(crate) fn library(&self, project: ProjectIndex, kind: ResourceKind) -> Vec<LibraryResource> {
        let mut list = library::of_project(&self.world, project, kind);
        list.extend(self.changes.library_added.get(&(project, kind)).into_iter().flatten().cloned());
        for resource in &mut list {
            if let Some(open) = self.changes.library_open.get(&(project, kind, resource.id.clone())) {
                resource.is_open = *open;
            }
        }
        list
    }
}
