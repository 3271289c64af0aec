//! What was planted about reviewers: first the intent, then (elsewhere) the policies that carry it out. The truth
//! is read from the intents alone, so it cannot share a mistake with anybody's evaluation of policies.

use serde::{Deserialize, Serialize};

use crate::truth::Defect;
use crate::world::{Draw, ProjectIndex, RepositoryIndex, Topic};

/// What a repository's own minimum-reviewers policies are meant to achieve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReviewerIntent {
    /// Two or three reviewers, and the author's vote does not count.
    TwoReviewers,
    /// The same, by one configuration that also covers release branches.
    SeveralScopes,
    /// The same, by a prefix that covers every branch.
    EveryBranch,
    /// A weak configuration with a strong one over it.
    Stacked,
    /// Two configurations, of which one asks for two reviewers and the other forbids self approval.
    StackedSplit,
    /// Two reviewers, of whom one may be the author.
    SelfApproval,
    /// Two configurations, and both let the author vote.
    StackedSelfApproval,
    /// One reviewer, not the author.
    OnlyOneReviewer,
    /// One reviewer, who may be the author.
    OnlyTheAuthor,
    /// Two reviewers, but nothing is blocked.
    AdvisoryOnly,
    /// Two reviewers, switched off.
    PolicyDisabled,
    /// Two reviewers, deleted.
    PolicyDeleted,
    /// Two reviewers, on a branch that is not the default.
    WrongBranch,
    /// No reviewer policy.
    None,
}

/// What a project's policies for all repositories are meant to achieve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Regime {
    /// Each repository is on its own.
    None,
    /// Two reviewers on every default branch.
    DefaultBranches,
    /// One reviewer on every default branch, who may be the author.
    WeakDefaultBranches,
    /// Two reviewers on every default branch, of whom one may be the author.
    SelfApprovedDefaultBranches,
    /// Two reviewers on `main` of every repository.
    MainProtected,
    /// Two reviewers on every branch, by prefix.
    EveryBranch,
    /// Two reviewers on release branches, which are nobody's default.
    ReleaseBranches,
    /// Two reviewers on every default branch, advisory.
    Advisory,
}

/// What policies achieve for one default branch: each part holds, or the defect that keeps it from holding.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effect {
    pub(crate) two_reviewers: Result<(), Defect>,
    pub(crate) no_self_approval: Result<(), Defect>,
}

impl Effect {
    const GOOD: Self = Self { two_reviewers: Ok(()), no_self_approval: Ok(()) };

    const fn both(defect: Defect) -> Self {
        Self { two_reviewers: Err(defect), no_self_approval: Err(defect) }
    }

    /// Policies add up: what either achieves is achieved. A repository's own defect is the one to name, unless it
    /// has no policy of its own.
    pub(crate) fn with(self, wider: Self) -> Self {
        let join = |own: Result<(), Defect>, wide: Result<(), Defect>| match (own, wide) {
            (Ok(()), _) | (_, Ok(())) => Ok(()),
            (Err(Defect::NoPolicy), Err(defect)) | (Err(defect), Err(_)) => Err(defect),
        };
        Self {
            two_reviewers: join(self.two_reviewers, wider.two_reviewers),
            no_self_approval: join(self.no_self_approval, wider.no_self_approval),
        }
    }
}

impl ReviewerIntent {
    pub(crate) fn plant(seed: u64, index: RepositoryIndex) -> Self {
        Draw::new(seed, Topic::RepositoryIntent, &[index.project.0, index.position]).weighted(&[
            (18, Self::TwoReviewers),
            (6, Self::SeveralScopes),
            (4, Self::EveryBranch),
            (4, Self::Stacked),
            (4, Self::StackedSplit),
            (8, Self::SelfApproval),
            (3, Self::StackedSelfApproval),
            (9, Self::OnlyOneReviewer),
            (6, Self::OnlyTheAuthor),
            (6, Self::AdvisoryOnly),
            (4, Self::PolicyDisabled),
            (3, Self::PolicyDeleted),
            (5, Self::WrongBranch),
            (20, Self::None),
        ])
    }

    pub(crate) fn effect(self) -> Effect {
        match self {
            Self::TwoReviewers
            | Self::SeveralScopes
            | Self::EveryBranch
            | Self::Stacked
            | Self::StackedSplit => Effect::GOOD,
            Self::SelfApproval | Self::StackedSelfApproval => {
                Effect { no_self_approval: Err(Defect::SelfApproval), ..Effect::GOOD }
            }
            Self::OnlyOneReviewer => Effect { two_reviewers: Err(Defect::OnlyOneReviewer), ..Effect::GOOD },
            Self::OnlyTheAuthor => Effect {
                two_reviewers: Err(Defect::OnlyOneReviewer),
                no_self_approval: Err(Defect::SelfApproval),
            },
            Self::AdvisoryOnly => Effect::both(Defect::AdvisoryOnly),
            Self::PolicyDisabled => Effect::both(Defect::PolicyDisabled),
            Self::PolicyDeleted => Effect::both(Defect::PolicyDeleted),
            Self::WrongBranch => Effect::both(Defect::WrongBranch),
            Self::None => Effect::both(Defect::NoPolicy),
        }
    }
}

impl ReviewerIntent {
    /// What is achieved for a branch that the policies were not written for: only those for every branch help.
    pub(crate) fn effect_elsewhere(self) -> Effect {
        match self {
            Self::EveryBranch | Self::None => self.effect(),
            _ => Effect::both(Defect::WrongBranch),
        }
    }
}

impl Regime {
    pub(crate) fn plant(seed: u64, project: ProjectIndex) -> Self {
        Draw::new(seed, Topic::ProjectRegime, &[project.0]).weighted(&[
            (44, Self::None),
            (12, Self::DefaultBranches),
            (8, Self::WeakDefaultBranches),
            (5, Self::SelfApprovedDefaultBranches),
            (11, Self::MainProtected),
            (5, Self::EveryBranch),
            (9, Self::ReleaseBranches),
            (6, Self::Advisory),
        ])
    }

    /// What the regime achieves for a repository with this default branch.
    pub(crate) fn effect(self, default_branch: &str) -> Effect {
        match self {
            Self::DefaultBranches | Self::EveryBranch => Effect::GOOD,
            Self::MainProtected if default_branch == Self::PROTECTED_BRANCH => Effect::GOOD,
            Self::WeakDefaultBranches => ReviewerIntent::OnlyTheAuthor.effect(),
            Self::SelfApprovedDefaultBranches => ReviewerIntent::SelfApproval.effect(),
            Self::Advisory => Effect::both(Defect::AdvisoryOnly),
            Self::ReleaseBranches | Self::MainProtected => Effect::both(Defect::WrongBranch),
            Self::None => Effect::both(Defect::NoPolicy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_either_side_achieves_is_achieved() {
        let one = ReviewerIntent::OnlyOneReviewer.effect();
        let joined = one.with(Regime::SelfApprovedDefaultBranches.effect("refs/heads/main"));
        assert!(joined.two_reviewers.is_ok() && joined.no_self_approval.is_ok());
    }

    #[test]
    fn the_wider_defect_is_named_only_where_there_is_no_own_policy() {
        let weak = Regime::WeakDefaultBranches.effect("refs/heads/main");
        assert_eq!(ReviewerIntent::None.effect().with(weak).two_reviewers, Err(Defect::OnlyOneReviewer));
        assert_eq!(ReviewerIntent::WrongBranch.effect().with(weak).two_reviewers, Err(Defect::WrongBranch));
    }

    #[test]
    fn protecting_main_helps_only_main() {
        assert!(Regime::MainProtected.effect("refs/heads/main").two_reviewers.is_ok());
        assert!(Regime::MainProtected.effect("refs/heads/master").two_reviewers.is_err());
    }
}
