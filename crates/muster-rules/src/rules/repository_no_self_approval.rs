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

/// **What it checks:** at least one reviewer policy in force on the default branch does not count the requestor's own
/// approval. All policies must hold, so one that refuses it is enough.
///
/// **Why:** who approves their own change needs nobody else, whatever the number of reviewers says.
///
/// **Remediation:** switch off "Allow requestors to approve their own changes" in a required reviewer policy.
pub(crate) struct RepositoryNoSelfApproval;

static RECOMMENDATION: Recommendation = Recommendation {
    key: RecommendationKey(uuid!("98b5895a-0ad8-4ed9-8c9d-d654f5bda816")),
    title: "Azure DevOps repositories should not allow requestors to approve their own Pull Requests",
    severity: Severity::High,
    resource_kind: ResourceKind::Repository,
    description: "A review is worth something only when somebody else makes it. While the requestor's own \
                  approval counts, a taken-over account can open a pull request and approve it, and malicious \
                  code reaches the default branch with fewer eyes on it than the policy promises.",
    remediation: &[
        "Open the policies page of the repository and choose its default branch.",
        "Switch on \"Require a minimum number of reviewers\" and make the policy required.",
        "In that policy, clear \"Allow requestors to approve their own changes\".",
        "To cover all repositories at once, set the policy on the default branch in the settings of the project.",
    ],
    reads: &[Read::Repositories, Read::PolicyConfigurations],
    is_preview: true,
};

/// What is asked for, for people.
const EXPECTED: &str = "The requestor's own approval does not count on the default branch.";

impl Rule for RepositoryNoSelfApproval {
    fn recommendation(&self) -> &'static Recommendation {
        &RECOMMENDATION
    }

    fn judge(&self, snapshot: &ProjectSnapshot) -> Vec<Judgement> {
        let judge_one = |repository: &RepositoryView| {
            let key = snapshot.key_of(ResourceKind::Repository, repository.id.to_string());
            let link = policies_page(snapshot, repository);
            answer(snapshot, repository).judgement(&RECOMMENDATION, key, EXPECTED, link)
        };
        snapshot.repositories.iter().map(judge_one).collect()
    }
}

fn answer(snapshot: &ProjectSnapshot, repository: &RepositoryView) -> Answer {
    let branch = match reviewed_default_branch(snapshot, repository) {
        Ok(branch) => branch,
        Err(answer) => return answer,
    };
    let (name, policies) = (branch.name, branch.policies());
    if branch.reviewers.creator_vote_counts {
        let observed =
            format!("The requestor's own approval counts on the default branch {name} ({policies}).");
        Answer::Unhealthy { cause: "RequestorMayApprove", observed }
    } else {
        let observed =
            format!("The requestor's own approval does not count on the default branch {name} ({policies}).");
        Answer::Healthy { cause: "RequestorMayNotApprove", observed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{
        assert_verdict, in_force, not_in_force, repository, reviewed, reviewers, self_approved, verdict,
    };
    use muster_domain::assessment::AssessmentState::{Healthy, NotApplicable, Unhealthy, Unknown};
    use muster_domain::policy::PolicyConfiguration;
    use muster_domain::read::{Reading, UnknownReason};

    const RULE: RepositoryNoSelfApproval = RepositoryNoSelfApproval;

    #[test]
    fn healthy_where_one_policy_refuses_self_approval() {
        assert_verdict(&RULE, &reviewed(vec![reviewers(1)]), Healthy, "RequestorMayNotApprove");
        let both = vec![PolicyConfiguration { id: 9, ..self_approved(2) }, reviewers(1)];
        let verdict = verdict(&RULE, &reviewed(both));
        assert_eq!(verdict.state, Healthy);
        assert_eq!(
            verdict.observed,
            "The requestor's own approval does not count on the default branch main (policies 7 and 9)."
        );
    }

    #[test]
    fn healthy_whatever_the_shape_of_the_scope() {
        for (shape, policy) in in_force() {
            assert_eq!(verdict(&RULE, &reviewed(vec![policy])).state, Healthy, "{shape}");
        }
    }

    #[test]
    fn unhealthy_where_every_policy_counts_it() {
        let both = vec![PolicyConfiguration { id: 9, ..self_approved(2) }, self_approved(5)];
        for policies in [vec![self_approved(2)], both] {
            assert_verdict(&RULE, &reviewed(policies), Unhealthy, "RequestorMayApprove");
        }
    }

    #[test]
    fn unhealthy_where_the_policy_that_refuses_is_not_in_force() {
        for (how, refusing) in not_in_force() {
            let verdict = verdict(&RULE, &reviewed(vec![self_approved(2), refusing]));
            assert_eq!((verdict.state, verdict.cause.as_str()), (Unhealthy, "RequestorMayApprove"), "{how}");
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
            let known =
                ProjectSnapshot { repositories: vec![repository], ..reviewed(vec![self_approved(2)]) };
            assert_verdict(&RULE, &known, NotApplicable, cause);
            let unknown = ProjectSnapshot { policies: Reading::Unknown(UnknownReason::NotReadYet), ..known };
            assert_verdict(&RULE, &unknown, NotApplicable, cause);
        }
    }
}
