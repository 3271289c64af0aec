use crate::Rule;
use crate::answer::Answer;
use crate::pages::repository_settings_page;
use muster_domain::RecommendationKey;
use muster_domain::assessment::Judgement;
use muster_domain::read::{Read, UnknownReason};
use muster_domain::recommendation::{Recommendation, Severity};
use muster_domain::resource::ResourceKind;
use muster_domain::snapshot::{ProjectSnapshot, RepositoryView};
use uuid::uuid;

/// **What it checks:** both products of GitHub Advanced Security for Azure DevOps, Secret Protection and Code Security,
/// are on in the repository. Whether pushes that hold a secret are blocked is not asked.
///
/// **Why:** secrets, vulnerable code and vulnerable dependencies in it are found by whoever looks first.
///
/// **Remediation:** both products on in the settings of the repository, or for all repositories of the project.
pub(crate) struct RepositoryAdvancedSecurity;

static RECOMMENDATION: Recommendation = Recommendation {
    key: RecommendationKey(uuid!("c7a934bf-7be6-407a-84d9-4f20e6e49592")),
    title: "Azure DevOps repositories should have GitHub Advanced Security for Azure DevOps (GHAzDO) enabled",
    severity: Severity::High,
    resource_kind: ResourceKind::Repository,
    description: "Advanced Security looks for secrets that were pushed, for flaws in code and for dependencies with \
                  known flaws, and shows what it finds in one place. Where it is off, nobody but an attacker \
                  may be looking.",
    remediation: &[
        "Open the settings of the repository.",
        "Under \"Advanced Security\", switch on \"Secret Protection\" and \"Code Security\"; both are billed by \
         active committer.",
        "Add the tasks for code scanning and dependency scanning to a pipeline of the repository.",
        "To cover repositories to come as well, switch them on in the settings of the project or organization.",
    ],
    reads: &[Read::Repositories, Read::AdvancedSecurityEnablement],
    is_preview: false,
};

/// What is asked for, for people.
const EXPECTED: &str = "Secret Protection and Code Security are both on.";

impl Rule for RepositoryAdvancedSecurity {
    fn recommendation(&self) -> &'static Recommendation {
        &RECOMMENDATION
    }

    fn judge(&self, snapshot: &ProjectSnapshot) -> Vec<Judgement> {
        let judge_one = |repository: &RepositoryView| {
            let key = snapshot.key_of(ResourceKind::Repository, repository.id.to_string());
            let link = repository_settings_page(snapshot, repository);
            answer(snapshot, repository).judgement(&RECOMMENDATION, key, EXPECTED, link)
        };
        snapshot.repositories.iter().map(judge_one).collect()
    }
}

fn answer(snapshot: &ProjectSnapshot, repository: &RepositoryView) -> Answer {
    if repository.properties.is_disabled {
        return Answer::NotApplicable {
            cause: "RepositoryDisabled",
            observed: "The repository is disabled: nothing in it is scanned or changed.".to_owned(),
        };
    }
    let enablement = match snapshot.advanced_security.known() {
        Ok(enablement) => enablement,
        Err(reason) => return Answer::Unknown(reason),
    };
    // The answer covers every repository of the organization that the credential may see it for.
    let Some(state) = enablement.repositories.get(&repository.id) else {
        return Answer::Unknown(UnknownReason::NotInAnswer);
    };
    let unhealthy = |cause, observed: &str| Answer::Unhealthy { cause, observed: observed.to_owned() };
    // One product that is off is enough to be unhealthy; to be healthy, both must be known.
    match (state.secret_protection, state.code_security) {
        (Some(true), Some(true)) => Answer::Healthy {
            cause: "AdvancedSecurityOn",
            observed: "Secret Protection and Code Security are on.".to_owned(),
        },
        (Some(false), Some(false)) => {
            unhealthy("AdvancedSecurityOff", "Secret Protection and Code Security are off.")
        }
        (Some(true), Some(false)) => {
            unhealthy("AdvancedSecurityPartlyOn", "Secret Protection is on, Code Security is off.")
        }
        (Some(false), Some(true)) => {
            unhealthy("AdvancedSecurityPartlyOn", "Code Security is on, Secret Protection is off.")
        }
        (Some(false), None) => {
            unhealthy("AdvancedSecurityOff", "Secret Protection is off; nothing was said of Code Security.")
        }
        (None, Some(false)) => {
            unhealthy("AdvancedSecurityOff", "Code Security is off; nothing was said of Secret Protection.")
        }
        (None, _) | (_, None) => Answer::Unknown(UnknownReason::NotInAnswer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{assert_verdict, repository_id, secured, verdict};
    use muster_domain::assessment::AssessmentState::{Healthy, NotApplicable, Unhealthy, Unknown};
    use muster_domain::read::Reading;

    const RULE: RepositoryAdvancedSecurity = RepositoryAdvancedSecurity;
    const ON: Option<bool> = Some(true);
    const OFF: Option<bool> = Some(false);

    #[test]
    fn healthy_with_both_products_on() {
        let snapshot = secured(ON, ON);
        assert_verdict(&RULE, &snapshot, Healthy, "AdvancedSecurityOn");
        let page = "https://dev.azure.com/contoso/D%C3%A9j%C3%A0%20vu/_settings/repositories?_a=settings\
                    &repo=00000000-0000-0000-0000-000000100001";
        assert_eq!(verdict(&RULE, &snapshot).link.as_deref(), Some(page));
    }

    #[test]
    fn healthy_without_a_default_branch_too_because_the_products_work_on_any() {
        let mut snapshot = secured(ON, ON);
        snapshot.repositories[0].properties.default_branch = None;
        assert_verdict(&RULE, &snapshot, Healthy, "AdvancedSecurityOn");
    }

    #[test]
    fn unhealthy_with_one_product_off() {
        for (secrets, code, cause) in [
            (OFF, OFF, "AdvancedSecurityOff"),
            (ON, OFF, "AdvancedSecurityPartlyOn"),
            (OFF, ON, "AdvancedSecurityPartlyOn"),
            (OFF, None, "AdvancedSecurityOff"),
            (None, OFF, "AdvancedSecurityOff"),
        ] {
            assert_verdict(&RULE, &secured(secrets, code), Unhealthy, cause);
        }
        let observed = verdict(&RULE, &secured(ON, OFF)).observed;
        assert_eq!(observed, "Secret Protection is on, Code Security is off.");
    }

    #[test]
    fn unknown_where_the_answer_says_nothing_of_it() {
        for (secrets, code) in [(None, None), (ON, None), (None, ON)] {
            assert_verdict(&RULE, &secured(secrets, code), Unknown, "NotInAnswer");
        }
        let mut another = secured(ON, ON);
        another.repositories[0].id = repository_id(2);
        assert_verdict(&RULE, &another, Unknown, "NotInAnswer");
    }

    #[test]
    fn unknown_while_the_enablement_is() {
        for reason in UnknownReason::ALL {
            let snapshot = ProjectSnapshot { advanced_security: Reading::Unknown(reason), ..secured(ON, ON) };
            assert_verdict(&RULE, &snapshot, Unknown, reason.cause());
            assert_eq!(
                verdict(&RULE, &snapshot).observed,
                reason.explanation_of(Read::AdvancedSecurityEnablement)
            );
        }
    }

    #[test]
    fn not_applicable_to_a_disabled_repository_even_where_nothing_is_known() {
        let mut snapshot = secured(OFF, OFF);
        snapshot.repositories[0].properties.is_disabled = true;
        assert_verdict(&RULE, &snapshot, NotApplicable, "RepositoryDisabled");
        snapshot.advanced_security = Reading::Unknown(UnknownReason::Forbidden);
        assert_verdict(&RULE, &snapshot, NotApplicable, "RepositoryDisabled");
    }
}
