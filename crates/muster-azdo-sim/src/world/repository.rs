//! Repositories: where they are, what they are called, what was planted in them.

use uuid::Uuid;

use crate::world::{Draw, ProjectIndex, Regime, ReviewerIntent, Topic, World, names};

/// Which repository, by its position in its project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RepositoryIndex {
    pub(crate) project: ProjectIndex,
    pub(crate) position: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(crate) index: RepositoryIndex,
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// Absent for an empty repository.
    pub(crate) default_branch: Option<&'static str>,
    pub(crate) is_disabled: bool,
    pub(crate) size_bytes: u64,
    /// What the repository's own policies are meant to achieve.
    pub(crate) intent: ReviewerIntent,
    pub(crate) presence: Presence,
}

/// Whether the service shows a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Presence {
    #[default]
    Listed,
    /// It exists, and the caller may not see it: lists leave it out with a plain 200.
    Hidden,
    Deleted,
}

const MAIN: &str = "refs/heads/main";

impl Repository {
    pub(crate) fn generate(world: &World, index: RepositoryIndex) -> Self {
        let key = [index.project.0, index.position];
        let mut draw = Draw::new(world.seed, Topic::Repository, &key);
        let is_disabled = draw.percent(3);
        let is_empty = draw.percent(3);
        let branch = draw.weighted(&[(78, MAIN), (15, "refs/heads/master"), (7, "refs/heads/develop")]);
        let size_bytes = if is_empty { 0 } else { 2_048 << draw.below(20) };
        Self {
            index,
            id: Draw::new(world.seed, Topic::RepositoryId, &key).uuid(),
            name: names::repository_name(world.seed, index.project.0, index.position),
            default_branch: (!is_empty).then_some(branch),
            is_disabled,
            size_bytes,
            intent: ReviewerIntent::plant(world.seed, index),
            presence: Presence::Listed,
        }
    }

    /// The branch that its policies were written for: an empty repository will have `main`.
    pub(crate) fn policy_branch(&self) -> &'static str {
        self.default_branch.unwrap_or(MAIN)
    }
}

impl Regime {
    /// The one branch that [`Regime::MainProtected`] protects.
    pub(crate) const PROTECTED_BRANCH: &'static str = MAIN;
}
