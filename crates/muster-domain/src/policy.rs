//! Which branch policies are in force on a branch.
//!
//! Source of the matching rules: Microsoft's policy configuration sample (`GET policy/configurations`, 7.1) and
//! the Terraform provider's policy resources, which agree on them.

use crate::RepositoryId;
use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

/// Type of the policy "minimum number of reviewers".
pub const MINIMUM_REVIEWERS: PolicyTypeId = PolicyTypeId(uuid!("fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"));

/// Azure DevOps' constant id of a policy type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyTypeId(pub Uuid);

/// One policy configuration of a project, as far as it is kept: who made it is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyConfiguration {
    /// Number within the organization.
    pub id: i64,
    /// What kind of policy.
    pub type_id: PolicyTypeId,
    /// Switched on.
    pub is_enabled: bool,
    /// Required, not merely advisory.
    pub is_blocking: bool,
    /// Deleted, yet listed.
    pub is_deleted: bool,
    /// Branches and repositories it covers; one match is enough.
    pub scope: Vec<PolicyScope>,
    /// Settings of the kinds that are judged.
    pub settings: PolicySettings,
}

impl PolicyConfiguration {
    /// Enforced where it applies: enabled, blocking, not deleted.
    pub fn is_enforced(&self) -> bool {
        self.is_enabled && self.is_blocking && !self.is_deleted
    }

    /// Whether any element of its scope covers `branch`.
    pub fn applies_to(&self, branch: &BranchOfRepository<'_>) -> bool {
        self.scope.iter().any(|scope| scope.covers(branch))
    }
}

/// One element of a policy's scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyScope {
    /// The repository; absent: every repository of the project.
    pub repository_id: Option<RepositoryId>,
    /// Which branches.
    pub branches: BranchMatch,
}

impl PolicyScope {
    fn covers(&self, branch: &BranchOfRepository<'_>) -> bool {
        let repository_matches = self.repository_id.is_none_or(|id| id == branch.repository_id);
        repository_matches
            && match &self.branches {
                BranchMatch::DefaultBranch => branch.default_branch == Some(branch.name),
                BranchMatch::Exact(name) => name == branch.name,
                BranchMatch::Prefix(prefix) => branch.name.starts_with(prefix.as_str()),
                BranchMatch::Every => true,
            }
    }
}

/// Which branches an element of a scope covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BranchMatch {
    /// `matchKind: DefaultBranch`: the default branch of each repository, whatever its name.
    DefaultBranch,
    /// `matchKind: Exact`: the branch of that full reference name.
    Exact(String),
    /// `matchKind: Prefix`: every branch whose full reference name starts so.
    Prefix(String),
    /// No reference name: every branch (repository policies such as path length).
    Every,
}

impl BranchMatch {
    /// Reads the pair of fields of a scope element; `matchKind` is compared without case, because Azure DevOps
    /// writes both `Exact` and `exact`, and `DefaultBranch` comes without a reference name.
    pub fn from_fields(match_kind: Option<&str>, reference_name: Option<&str>) -> Self {
        let kind = match_kind.map(str::to_lowercase);
        match (kind.as_deref(), reference_name) {
            (Some("defaultbranch"), _) => Self::DefaultBranch,
            (Some("prefix"), Some(name)) => Self::Prefix(name.to_owned()),
            (_, Some(name)) => Self::Exact(name.to_owned()),
            (_, None) => Self::Every,
        }
    }
}

/// Settings of the policy kinds that are judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PolicySettings {
    /// Minimum number of reviewers.
    MinimumReviewers(ReviewerSettings),
    /// A kind whose settings are not kept.
    NotKept,
}

/// Settings of "minimum number of reviewers".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewerSettings {
    /// Approvals that are needed.
    pub minimum_approver_count: u32,
    /// The requestor's own approval counts.
    pub creator_vote_counts: bool,
    /// A new push takes the approvals away.
    pub reset_on_source_push: bool,
}

/// A branch, with what is needed to match scopes against it.
#[derive(Clone, Copy, Debug)]
pub struct BranchOfRepository<'a> {
    /// Its repository.
    pub repository_id: RepositoryId,
    /// Default branch of that repository, full reference name.
    pub default_branch: Option<&'a str>,
    /// The branch, full reference name.
    pub name: &'a str,
}

/// What the enforced reviewer policies of a branch ask for together. All of them must hold, so the strictest
/// setting counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveReviewers {
    /// Highest number of approvals that any of them needs.
    pub minimum_approver_count: u32,
    /// True only where every one of them counts the requestor's vote.
    pub creator_vote_counts: bool,
    /// True where any of them takes approvals away on a push.
    pub reset_on_source_push: bool,
    /// The configurations that were put together.
    pub configuration_ids: Vec<i64>,
}

/// The reviewer policies in force on `branch`; `None` where no enforced one applies.
pub fn effective_reviewers(
    configurations: &[PolicyConfiguration],
    branch: &BranchOfRepository<'_>,
) -> Option<EffectiveReviewers> {
    let mut effective: Option<EffectiveReviewers> = None;
    for configuration in configurations {
        let PolicySettings::MinimumReviewers(settings) = &configuration.settings else { continue };
        if !configuration.is_enforced() || !configuration.applies_to(branch) {
            continue;
        }
        let merged = effective.get_or_insert_with(|| EffectiveReviewers {
            minimum_approver_count: 0,
            creator_vote_counts: true,
            reset_on_source_push: false,
            configuration_ids: Vec::new(),
        });
        merged.minimum_approver_count = merged.minimum_approver_count.max(settings.minimum_approver_count);
        merged.creator_vote_counts &= settings.creator_vote_counts;
        merged.reset_on_source_push |= settings.reset_on_source_push;
        merged.configuration_ids.push(configuration.id);
    }
    effective
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
