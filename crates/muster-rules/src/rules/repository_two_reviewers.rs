use crate::Rule;
use crate::answer::Answer;
use crate::default_branch::{policies_page, reviewed_default_branch};
use muster_domain::RecommendationKey;
use muster_domain::assessment::Judgement;
use muster_domain::read::Read;
use muster_domain::recommendation::{Recommendation, Severity};
use muster_domain::resource::ResourceKind;
use muster_domain::snapshot::{ProjectSnapshot, RepositoryView};
use uuid::uuid;

/// Approvals that a change needs: fewer than two and one stolen account is enough. The number is part of
/// Microsoft's recommendation.
const LEAST_APPROVALS: u32 = 2;

/// **What it checks:** the reviewer policies in force on the default branch together ask for two approvals.
///
/// **Why:** with one approval, one compromised or careless account brings code into every build.
///
/// **Remediation:** a required policy "minimum number of reviewers" of two or more on the default branch.
pub(crate) struct RepositoryTwoReviewers;

static RECOMMENDATION: Recommendation = Recommendation {
    key: RecommendationKey(uuid!("470742ea-324a-406c-b91f-fc1da6a27c0c")),
    title: "Azure DevOps repositories should require minimum two-reviewer approval for code pushes",
    severity: Severity::High,
    resource_kind: ResourceKind::Repository,
    description: "Whoever takes over one account can bring code into the default branch, and from there into \
                  every build and release, when one approval or none is enough. Two reviewers mean that two \
                  people have to be deceived.",
    remediation: &[
        "Open the policies page of the repository and choose its default branch.",
        "Switch on \"Require a minimum number of reviewers\" and set the number to 2 or more.",
        "Make the policy required, not optional.",
        "To cover all repositories at once, set the policy on the default branch in the settings of the project.",
    ],
    reads: &[Read::Repositories, Read::PolicyConfigurations],
    is_preview: true,
};

impl Rule for RepositoryTwoReviewers {
    fn recommendation(&self) -> &'static Recommendation {
        &RECOMMENDATION
    }

    fn judge(&self, snapshot: &ProjectSnapshot) -> Vec<Judgement> {
        let expected =
            format!("At least {LEAST_APPROVALS} approvals before a change reaches the default branch.");
        let judge_one = |repository: &RepositoryView| {
            let key = snapshot.key_of(ResourceKind::Repository, repository.id.to_string());
            let link = policies_page(snapshot, repository);
            answer(snapshot, repository).judgement(&RECOMMENDATION, key, &expected, link)
        };
        snapshot.repositories.iter().map(judge_one).collect()
    }
}

fn answer(snapshot: &ProjectSnapshot, repository: &RepositoryView) -> Answer {
    let branch = match reviewed_default_branch(snapshot, repository) {
        Ok(branch) => branch,
        Err(answer) => return answer,
    };
    let count = branch.reviewers.minimum_approver_count;
    let approvals = if count == 1 { "approval" } else { "approvals" };
    let observed =
        format!("The default branch {} needs {count} {approvals} ({}).", branch.name, branch.policies());
    if count >= LEAST_APPROVALS {
        Answer::Healthy { cause: "TwoReviewersRequired", observed }
    } else {
        Answer::Unhealthy { cause: "MinimumReviewersBelowTwo", observed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{assert_verdict, in_force, not_in_force, repository, reviewed, reviewers, verdict};
    use muster_domain::assessment::AssessmentState::{Healthy, NotApplicable, Unhealthy, Unknown};
    use muster_domain::policy::PolicyConfiguration;
    use muster_domain::read::{Reading, UnknownReason};

    const RULE: RepositoryTwoReviewers = RepositoryTwoReviewers;

    #[test]
    fn healthy_from_two_approvals_on() {
        for count in [2, 3] {
            assert_verdict(&RULE, &reviewed(vec![reviewers(count)]), Healthy, "TwoReviewersRequired");
        }
    }

    #[test]
    fn healthy_where_the_strictest_policy_asks_for_two() {
        let stricter = PolicyConfiguration { id: 3, ..reviewers(2) };
        let verdict = verdict(&RULE, &reviewed(vec![reviewers(1), stricter]));
        assert_eq!(verdict.state, Healthy);
        assert_eq!(verdict.observed, "The default branch main needs 2 approvals (policies 3 and 7).");
        assert_eq!(verdict.expected, "At least 2 approvals before a change reaches the default branch.");
        assert_eq!(
            verdict.link.as_deref(),
            Some(
                "https://dev.azure.com/contoso/D%C3%A9j%C3%A0%20vu/_settings/repositories?_a=policiesMid\
                 &repo=00000000-0000-0000-0000-000000100001"
            )
        );
    }

    #[test]
    fn healthy_whatever_the_shape_of_the_scope() {
        for (shape, policy) in in_force() {
            assert_eq!(verdict(&RULE, &reviewed(vec![policy])).state, Healthy, "{shape}");
        }
    }

    #[test]
    fn healthy_in_maintenance_as_well() {
        let mut snapshot = reviewed(vec![reviewers(2)]);
        snapshot.repositories[0].properties.is_in_maintenance = true;
        assert_verdict(&RULE, &snapshot, Healthy, "TwoReviewersRequired");
    }

    #[test]
    fn unhealthy_with_fewer_than_two_approvals() {
        for (count, observed) in [(0, "needs 0 approvals (policy 7)"), (1, "needs 1 approval (policy 7)")] {
            let snapshot = reviewed(vec![reviewers(count)]);
            assert_verdict(&RULE, &snapshot, Unhealthy, "MinimumReviewersBelowTwo");
            assert!(verdict(&RULE, &snapshot).observed.contains(observed));
        }
    }

    #[test]
    fn unhealthy_without_a_policy_in_force() {
        assert_verdict(&RULE, &reviewed(Vec::new()), Unhealthy, "NoBlockingReviewerPolicy");
        for (how, policy) in not_in_force() {
            let verdict = verdict(&RULE, &reviewed(vec![policy]));
            assert_eq!(
                (verdict.state, verdict.cause.as_str()),
                (Unhealthy, "NoBlockingReviewerPolicy"),
                "{how}"
            );
        }
    }

    #[test]
    fn unknown_while_the_policies_are() {
        for reason in UnknownReason::ALL {
            let snapshot =
                ProjectSnapshot { policies: Reading::Unknown(reason), ..reviewed(vec![reviewers(2)]) };
            assert_verdict(&RULE, &snapshot, Unknown, reason.cause());
            assert_eq!(verdict(&RULE, &snapshot).observed, reason.explanation_of(Read::PolicyConfigurations));
        }
    }

    #[test]
    fn not_applicable_where_nothing_can_be_pushed_even_with_unknown_policies() {
        let (mut disabled, mut empty) = (repository(), repository());
        disabled.properties.is_disabled = true;
        empty.properties.default_branch = None;
        for (repository, cause) in [(disabled, "RepositoryDisabled"), (empty, "NoDefaultBranch")] {
            let known = ProjectSnapshot { repositories: vec![repository], ..reviewed(vec![reviewers(2)]) };
            assert_verdict(&RULE, &known, NotApplicable, cause);
            let unknown = ProjectSnapshot { policies: Reading::Unknown(UnknownReason::Forbidden), ..known };
            assert_verdict(&RULE, &unknown, NotApplicable, cause);
        }
    }
}
