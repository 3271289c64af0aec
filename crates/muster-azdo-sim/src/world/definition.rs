//! Build definitions (pipelines).

use crate::world::{
    Draw, ForkIntent, Project, ProjectIndex, Repository, RepositoryIndex, Topic, World, moment,
};

/// Which pipeline, by its position in its project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DefinitionIndex {
    pub(crate) project: ProjectIndex,
    pub(crate) position: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) index: DefinitionIndex,
    pub(crate) id: usize,
    pub(crate) name: String,
    pub(crate) process: Process,
    pub(crate) repository: RepositoryIndex,
    pub(crate) host: RepositoryHost,
    /// Whether its repository is private, where the answer says so.
    pub(crate) is_private: Option<bool>,
    pub(crate) queue_status: QueueStatus,
    pub(crate) revision: usize,
    pub(crate) created: String,
    pub(crate) has_project_scope: bool,
    pub(crate) is_badge_public: bool,
    pub(crate) has_secret_variable: bool,
    /// What its triggers do with forks.
    pub(crate) forks: ForkIntent,
}

/// How a pipeline is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    /// In a file of the repository.
    Yaml { file: &'static str },
    /// In the designer of the service.
    Classic,
}

/// Where the repository of a pipeline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RepositoryHost {
    /// In the same project.
    AzureRepos,
    GitHub,
}

/// Whether a pipeline runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueueStatus {
    Enabled,
    /// Its runs wait; it can be let go on at any time.
    Paused,
    Disabled,
}

/// Two of five repositories have a pipeline.
const SHARE: (usize, usize) = (2, 5);

pub(crate) fn count(world: &World, project: &Project) -> usize {
    if project.repositories == 0 {
        return 0;
    }
    let more = Draw::new(world.seed, Topic::Definitions, &[project.index.0]).below(3);
    project.repositories * SHARE.0 / SHARE.1 + more
}

impl Definition {
    pub(crate) fn generate(world: &World, index: DefinitionIndex) -> Self {
        let DefinitionIndex { project, position } = index;
        let project = world.project(project);
        let mut draw = Draw::new(world.seed, Topic::Definition, &[project.index.0, position]);
        let repository = RepositoryIndex {
            project: project.index,
            position: (position * SHARE.1 / SHARE.0) % project.repositories.max(1),
        };
        let file = if draw.percent(85) { "azure-pipelines.yml" } else { "/build/pipeline.yml" };
        let process = if draw.percent(78) { Process::Yaml { file } } else { Process::Classic };
        let verb = draw.pick(&["CI", "release", "nightly", "deploy"]);
        let (revision, created) = (1 + draw.below(40), moment(&mut draw));
        let (has_project_scope, is_badge_public) = (draw.percent(70), draw.percent(20));
        let has_secret_variable = draw.percent(25);
        let mut draw = Draw::new(world.seed, Topic::DefinitionForks, &[project.index.0, position]);
        let forks = ForkIntent::plant(&mut draw);
        // Forks are a matter of public repositories, and most of those are on GitHub.
        let on_github = if forks == ForkIntent::NoPullRequests { 15 } else { 70 };
        let host = if draw.percent(on_github) { RepositoryHost::GitHub } else { RepositoryHost::AzureRepos };
        let drawn_private = (host == RepositoryHost::GitHub).then(|| draw.percent(60));
        Self {
            index,
            // Ids are unique in the organization: those of a project follow those of the projects before.
            id: 1 + project.first_repository + 3 * project.position + position,
            name: format!("{} {verb} {}", Repository::generate(world, repository).name, position + 1),
            process,
            repository,
            host,
            is_private: forks.needs_private().or(drawn_private),
            queue_status: draw.weighted(&[
                (84, QueueStatus::Enabled),
                (7, QueueStatus::Paused),
                (9, QueueStatus::Disabled),
            ]),
            revision,
            created,
            has_project_scope,
            is_badge_public,
            has_secret_variable,
            forks,
        }
    }

    /// The same pipeline with other triggers.
    pub(crate) fn with_forks(self, forks: ForkIntent) -> Self {
        let is_private = forks.needs_private().or(self.is_private);
        Self { forks, is_private, revision: self.revision + 1, ..self }
    }
}
