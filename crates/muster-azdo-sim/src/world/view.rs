//! The world as it is now: what was generated, with the changes over it.

use std::sync::Arc;

use uuid::Uuid;

use crate::world::{
    Changes, Configuration, Connection, ConnectionIndex, Definition, LibraryResource, OrganizationIndex,
    Presence, Project, ProjectIndex, ReadingRights, Repository, RepositoryIndex, ResourceKind,
    SettingsIntent, World, connection, definition, library, policy,
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
    pub(crate) fn repository(&self, index: RepositoryIndex) -> Repository {
        let mut repository = Repository::generate(&self.world, index);
        if let Some(change) = self.changes.repositories.get(&index) {
            if let Some(name) = &change.name {
                repository.name.clone_from(name);
            }
            repository.presence = change.presence;
            repository.is_disabled = change.is_disabled.unwrap_or(repository.is_disabled);
            repository.intent = change.intent.unwrap_or(repository.intent);
        }
        let seen = self.sees_project(index.project) && self.rights.sees_repository(&self.world, index);
        if !seen && repository.presence == Presence::Listed {
            repository.presence = Presence::Hidden;
        }
        repository
    }

    /// Whether the project is listed to whoever looks.
    pub(crate) fn sees_project(&self, project: ProjectIndex) -> bool {
        self.rights.sees_project(&self.world, project)
    }

    /// Finds a project that whoever looks may see.
    pub(crate) fn find_project(
        &self,
        organization: OrganizationIndex,
        segment: &str,
    ) -> Option<ProjectIndex> {
        self.world.find_project(organization, segment).filter(|project| self.sees_project(*project))
    }

    /// All repositories of a project, also those that are not listed.
    pub(crate) fn all_repositories(
        &self,
        project: ProjectIndex,
    ) -> impl Iterator<Item = Repository> + Send + use<> {
        let view = self.clone();
        let count = view.world.project(project).repositories;
        (0..count).map(move |position| view.repository(RepositoryIndex { project, position }))
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
        let own = (start..record.repositories).flat_map(move |position| {
            let repository = view.repository(RepositoryIndex { project, position });
            policy::of_repository(&view.world, &record, &repository)
        });
        wide.into_iter().chain(own).filter(move |configuration| configuration.id >= from)
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
        let world = Arc::clone(&self.world);
        let count = definition::count(&world, world.project(project));
        (0..count).map(move |position| Definition::generate(&world, project, position))
    }

    pub(crate) fn library(&self, project: ProjectIndex, kind: ResourceKind) -> Vec<LibraryResource> {
        library::of_project(&self.world, project, kind)
    }
}
