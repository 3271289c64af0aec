//! What one identity may see of what there is. The service never says that something is kept back: lists are shorter.

use crate::world::{Draw, ProjectIndex, RepositoryIndex, Topic, World};

/// How much of the projects and repositories is shown to an identity. The rest is left out of lists with a plain 200,
/// and is not found by its id. Which ones are shown depends on the seed: an identity with 60 percent sees all that one
/// with 40 percent sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadingRights {
    /// Of 100 projects, about so many are shown, with all that is in them.
    pub(crate) projects_percent: u8,
    /// Of 100 repositories of these projects, about so many are shown.
    pub(crate) repositories_percent: u8,
}

const EVERYTHING: u8 = 100;

impl Default for ReadingRights {
    fn default() -> Self {
        Self { projects_percent: EVERYTHING, repositories_percent: EVERYTHING }
    }
}

impl ReadingRights {
    pub(crate) fn sees_project(self, world: &World, project: ProjectIndex) -> bool {
        is_drawn(world, &[project.0], self.projects_percent)
    }

    pub(crate) fn sees_repository(self, world: &World, index: RepositoryIndex) -> bool {
        is_drawn(world, &[index.project.0, index.position], self.repositories_percent)
    }
}

fn is_drawn(world: &World, indices: &[usize], percent: u8) -> bool {
    percent >= EVERYTHING || Draw::new(world.seed, Topic::Visibility, indices).percent(usize::from(percent))
}
