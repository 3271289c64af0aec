//! The reviewer policies that are in force on a repository's default branch: what both repository rules begin with.

use crate::answer::Answer;
use muster_domain::policy::{BranchOfRepository, EffectiveReviewers, effective_reviewers};
use muster_domain::snapshot::{ProjectSnapshot, RepositoryView};

/// Start of the full reference name of every branch.
const BRANCH_NAMESPACE: &str = "refs/heads/";

/// A default branch with the reviewer policies in force on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReviewedBranch<'a> {
    /// Name as people say it (`main`).
    pub(crate) name: &'a str,
    /// What its policies ask for together.
    pub(crate) reviewers: EffectiveReviewers,
}

impl ReviewedBranch<'_> {
    /// The configurations that were put together, for people: `policy 7`, `policies 7 and 12`.
    pub(crate) fn policies(&self) -> String {
        // Sorted, because the order of a listing says nothing and must not change an evidence.
        let mut ids = self.reviewers.configuration_ids.clone();
        ids.sort_unstable();
        ids.dedup();
        let texts: Vec<_> = ids.iter().map(ToString::to_string).collect();
        match texts.split_last() {
            Some((last, [])) => format!("policy {last}"),
            Some((last, others)) => format!("policies {} and {last}", others.join(", ")),
            None => "no policy".to_owned(),
        }
    }
}

/// The default branch of `repository` with the reviewer policies in force on it.
///
/// # Errors
/// The answer that is final already: the repository takes no pull request (this needs no policy to be known), the
/// policies are not known, or none that is enabled and blocking covers the branch.
///
/// Maintenance by the service passes and leaves policies in force, so it is not asked about.
pub(crate) fn reviewed_default_branch<'a>(
    snapshot: &ProjectSnapshot,
    repository: &'a RepositoryView,
) -> Result<ReviewedBranch<'a>, Answer> {
    if repository.properties.is_disabled {
        return Err(Answer::NotApplicable {
            cause: "RepositoryDisabled",
            observed: "The repository is disabled: nobody can push to it.".to_owned(),
        });
    }
    let Some(branch) = repository.properties.default_branch.as_deref() else {
        return Err(Answer::NotApplicable {
            cause: "NoDefaultBranch",
            observed: "The repository has no default branch.".to_owned(),
        });
    };
    let configurations = snapshot.policies.known().map_err(Answer::Unknown)?;
    let place =
        BranchOfRepository { repository_id: repository.id, default_branch: Some(branch), name: branch };
    let name = branch.strip_prefix(BRANCH_NAMESPACE).unwrap_or(branch);
    match effective_reviewers(configurations, &place) {
        Some(reviewers) => Ok(ReviewedBranch { name, reviewers }),
        None => Err(Answer::Unhealthy {
            cause: "NoBlockingReviewerPolicy",
            observed: format!(
                "No reviewer policy that is both enabled and blocking covers the default branch {name}."
            ),
        }),
    }
}

/// Page on which the branch policies of `repository` are set.
pub(crate) fn policies_page(snapshot: &ProjectSnapshot, repository: &RepositoryView) -> String {
    snapshot.page(&format!("_settings/repositories?_a=policiesMid&repo={}", repository.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_named_in_one_order() {
        let branch = |configuration_ids: &[i64]| ReviewedBranch {
            name: "main",
            reviewers: EffectiveReviewers {
                minimum_approver_count: 2,
                creator_vote_counts: false,
                reset_on_source_push: false,
                configuration_ids: configuration_ids.to_vec(),
            },
        };
        assert_eq!(branch(&[7]).policies(), "policy 7");
        assert_eq!(branch(&[12, 7]).policies(), "policies 7 and 12");
        assert_eq!(branch(&[30, 12, 7, 12]).policies(), "policies 7, 12 and 30");
    }
}
