//! Repositories: where they are, what they are called, what was planted in them.

use uuid::Uuid;

use crate::world::{
    AdvancedSecurity, Draw, Effect, ProjectIndex, Regime, ReviewerIntent, Topic, World, names,
};

/// Which repository, by its position in the project that it was generated in; it keeps it when it is moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RepositoryIndex {
    pub(crate) project: ProjectIndex,
    pub(crate) position: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(crate) index: RepositoryIndex,
    pub(crate) id: Uuid,
    /// The project that it is in now.
    pub(crate) project: ProjectIndex,
    pub(crate) name: String,
    /// Absent for an empty repository.
    pub(crate) default_branch: Option<&'static str>,
    pub(crate) is_disabled: bool,
    pub(crate) size_bytes: u64,
    /// What the repository's own policies are meant to achieve.
    pub(crate) intent: ReviewerIntent,
    /// The branch that its policies were written for; they stay with it when another branch becomes the default.
    /// An empty repository will have `main`.
    pub(crate) policy_branch: &'static str,
    pub(crate) security: AdvancedSecurity,
    pub(crate) presence: Presence,
    /// When it was deleted, where it was.
    pub(crate) deleted_on: Option<String>,
}

/// Whether the service shows a repository or a project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Presence {
    #[default]
    Listed,
    /// It exists, and the caller may not see it: lists leave it out with a plain 200.
    Hidden,
    /// It can be restored: a repository is in the recycle bin.
    Deleted,
    /// It is gone for good.
    Purged,
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
            project: index.project,
            id: Draw::new(world.seed, Topic::RepositoryId, &key).uuid(),
            name: names::repository_name(world.seed, index.project.0, index.position),
            default_branch: (!is_empty).then_some(branch),
            is_disabled,
            size_bytes,
            intent: ReviewerIntent::plant(world.seed, index),
            policy_branch: if is_empty { MAIN } else { branch },
            security: AdvancedSecurity::plant(world.seed, index),
            presence: Presence::Listed,
            deleted_on: None,
        }
    }

    /// Branches that may become the default: of all others planted policies may say something by accident.
    pub(crate) const BRANCHES: [&'static str; 4] =
        [MAIN, "refs/heads/master", "refs/heads/develop", "refs/heads/trunk"];

    /// What its own policies achieve for its default branch.
    pub(crate) fn own_effect(&self) -> Effect {
        if self.default_branch == Some(self.policy_branch) {
            self.intent.effect()
        } else {
            self.intent.effect_elsewhere()
        }
    }
}

impl Regime {
    /// The one branch that [`Regime::MainProtected`] protects.
    pub(crate) const PROTECTED_BRANCH: &'static str = MAIN;
}
