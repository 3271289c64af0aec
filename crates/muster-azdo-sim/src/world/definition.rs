//! Build definitions (pipelines).

use crate::world::{Draw, Project, ProjectIndex, Repository, RepositoryIndex, Topic, World, moment};

#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(crate) id: usize,
    pub(crate) name: String,
    pub(crate) process: Process,
    pub(crate) repository: RepositoryIndex,
    pub(crate) revision: usize,
    pub(crate) created: String,
    pub(crate) has_project_scope: bool,
    pub(crate) is_badge_public: bool,
    pub(crate) has_secret_variable: bool,
    pub(crate) builds_forks: bool,
}

/// How a pipeline is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    /// In a file of the repository.
    Yaml { file: &'static str },
    /// In the designer of the service.
    Classic,
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
    pub(crate) fn generate(world: &World, index: ProjectIndex, position: usize) -> Self {
        let project = world.project(index);
        let mut draw = Draw::new(world.seed, Topic::Definition, &[index.0, position]);
        let repository = RepositoryIndex {
            project: index,
            position: (position * SHARE.1 / SHARE.0) % project.repositories.max(1),
        };
        let file = if draw.percent(85) { "azure-pipelines.yml" } else { "/build/pipeline.yml" };
        let process = if draw.percent(78) { Process::Yaml { file } } else { Process::Classic };
        let verb = draw.pick(&["CI", "release", "nightly", "deploy"]);
        Self {
            // Ids are unique in the organization: those of a project follow those of the projects before.
            id: 1 + project.first_repository + 3 * project.position + position,
            name: format!("{} {verb} {}", Repository::generate(world, repository).name, position + 1),
            process,
            repository,
            revision: 1 + draw.below(40),
            created: moment(&mut draw),
            has_project_scope: draw.percent(70),
            is_badge_public: draw.percent(20),
            has_secret_variable: draw.percent(25),
            builds_forks: draw.percent(15),
        }
    }
}
