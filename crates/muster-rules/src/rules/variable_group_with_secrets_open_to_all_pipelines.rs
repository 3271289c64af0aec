use crate::Rule;
use crate::answer::Answer;
use crate::open_to_all_pipelines::RestrictedKind;
use crate::pages::variable_group_page;
use muster_domain::RecommendationKey;
use muster_domain::assessment::Judgement;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use muster_domain::recommendation::{Recommendation, Severity};
use muster_domain::resource::ResourceKind;
use muster_domain::snapshot::{ProjectSnapshot, VariableGroupView};
use uuid::uuid;

/// **What it checks:** a variable group that holds a secret, or takes its values from a key vault, is not open to every
/// pipeline of the project.
///
/// **Why:** who may create or change any pipeline can send the secrets of the group anywhere.
///
/// **Remediation:** restrict the permission, then permit the pipelines that need the group one by one.
pub(crate) struct VariableGroupWithSecretsOpenToAllPipelines;

static RECOMMENDATION: Recommendation = Recommendation {
    key: RecommendationKey(uuid!("2c2c801e-6279-4d88-a419-af73f0eff4fb")),
    title: "Azure DevOps variable groups with secret variables shouldn't grant access to all pipelines",
    severity: Severity::High,
    resource_kind: ResourceKind::VariableGroup,
    description: "A pipeline that may use a variable group gets its secrets in clear while it runs. While the group \
                  is open to all pipelines, a new pipeline of a few lines is enough to take them out.",
    remediation: &[
        "Open the library of the project and choose the variable group.",
        "Under \"Pipeline permissions\", choose \"Restrict permission\".",
        "Add the pipelines that need the group.",
        "Keep secrets in a group of their own, apart from values that every pipeline needs.",
    ],
    reads: &[Read::VariableGroups, Read::AuthorizedResources],
    is_preview: false,
};

/// What is judged.
const KIND: RestrictedKind =
    RestrictedKind { resource: ProtectedResource::VariableGroup, noun: "variable group" };

impl Rule for VariableGroupWithSecretsOpenToAllPipelines {
    fn recommendation(&self) -> &'static Recommendation {
        &RECOMMENDATION
    }

    fn judge(&self, snapshot: &ProjectSnapshot) -> Vec<Judgement> {
        let expected = KIND.expected();
        let judge_one = |group: &VariableGroupView| {
            let key = snapshot.key_of(ResourceKind::VariableGroup, group.id.as_str());
            let link = variable_group_page(snapshot, group);
            answer(snapshot, group).judgement(&RECOMMENDATION, key, &expected, link)
        };
        snapshot.variable_groups.iter().map(judge_one).collect()
    }
}

fn answer(snapshot: &ProjectSnapshot, group: &VariableGroupView) -> Answer {
    if !group.properties.has_secrets() {
        return Answer::NotApplicable {
            cause: "NoSecrets",
            observed: "No variable of the group is a secret.".to_owned(),
        };
    }
    KIND.answer(snapshot, &group.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{VARIABLE_GROUP, assert_verdict, project, variable_group, verdict};
    use muster_domain::assessment::AssessmentState::{Healthy, NotApplicable, Unhealthy, Unknown};
    use muster_domain::properties::VariableGroupSource;
    use muster_domain::read::{Reading, UnknownReason};
    use muster_domain::snapshot::ListCheck::{Agrees, Disagrees, NotVerified};
    use muster_domain::snapshot::PipelineAccess::PermittedOnly;

    const RULE: VariableGroupWithSecretsOpenToAllPipelines = VariableGroupWithSecretsOpenToAllPipelines;
    const LISTED: Reading<&[&str]> = Reading::Known(&[VARIABLE_GROUP]);
    const EMPTY: Reading<&[&str]> = Reading::Known(&[]);

    #[test]
    fn healthy_where_a_believed_list_lacks_it_or_its_own_permissions_say_so() {
        let believed = variable_group(&EMPTY, Agrees, None);
        assert_verdict(&RULE, &believed, Healthy, "PermittedPipelinesOnly");
        let page = format!(
            "https://dev.azure.com/contoso/D%C3%A9j%C3%A0%20vu/_library?itemType=VariableGroups\
             &view=VariableGroupView&variableGroupId={VARIABLE_GROUP}"
        );
        assert_eq!(verdict(&RULE, &believed).link, Some(page));
        let asked = variable_group(&EMPTY, NotVerified, Some(PermittedOnly));
        assert_verdict(&RULE, &asked, Healthy, "PermittedPipelinesOnly");
    }

    #[test]
    fn unhealthy_where_it_is_listed() {
        for check in [Agrees, NotVerified] {
            assert_verdict(&RULE, &variable_group(&LISTED, check, None), Unhealthy, "OpenToAllPipelines");
        }
    }

    #[test]
    fn unhealthy_where_its_values_are_in_a_key_vault_whatever_their_number() {
        let mut snapshot = variable_group(&LISTED, Agrees, None);
        let properties = &mut snapshot.variable_groups[0].properties;
        properties.source = VariableGroupSource::AzureKeyVault { vault: None, service_connection_id: None };
        (properties.variable_count, properties.secret_count) = (0, 0);
        assert_verdict(&RULE, &snapshot, Unhealthy, "OpenToAllPipelines");
    }

    #[test]
    fn unknown_while_the_list_is_or_is_not_to_be_believed() {
        for reason in UnknownReason::ALL {
            let snapshot = variable_group(&Reading::Unknown(reason), Agrees, None);
            assert_verdict(&RULE, &snapshot, Unknown, reason.cause());
        }
        let unproved = variable_group(&EMPTY, NotVerified, None);
        assert_verdict(&RULE, &unproved, Unknown, "AuthorizedResourcesNotVerified");
        let disproved = variable_group(&EMPTY, Disagrees, None);
        assert_verdict(&RULE, &disproved, Unknown, "PipelinePermissionsNotRead");
    }

    #[test]
    fn not_applicable_without_a_secret_however_open_or_unknown() {
        for list in [LISTED, EMPTY, Reading::Unknown(UnknownReason::Forbidden)] {
            let mut snapshot = variable_group(&list, Agrees, None);
            snapshot.variable_groups[0].properties.secret_count = 0;
            assert_verdict(&RULE, &snapshot, NotApplicable, "NoSecrets");
        }
        assert_eq!(RULE.judge(&project()), []);
    }
}
