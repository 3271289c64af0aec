use crate::Rule;
use crate::open_to_all_pipelines::RestrictedKind;
use crate::pages::service_connection_page;
use muster_domain::RecommendationKey;
use muster_domain::assessment::Judgement;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use muster_domain::recommendation::{Recommendation, Severity};
use muster_domain::resource::ResourceKind;
use muster_domain::snapshot::{ProjectSnapshot, ServiceConnectionView};
use uuid::uuid;

/// **What it checks:** the service connection is not open to every pipeline of the project. A connection that several
/// projects share is judged in each, because each decides for its own pipelines.
///
/// **Why:** who may create or change any pipeline owns what the connection reaches.
///
/// **Remediation:** restrict the permission, then permit the pipelines that need the connection one by one.
pub(crate) struct ServiceConnectionOpenToAllPipelines;

static RECOMMENDATION: Recommendation = Recommendation {
    key: RecommendationKey(uuid!("9245366d-393f-49c5-b8e6-258b1b1c2daa")),
    title: "Azure DevOps service connections shouldn't grant access to all pipelines",
    severity: Severity::High,
    resource_kind: ResourceKind::ServiceConnection,
    description: "A service connection carries the credential of a cloud subscription, a registry or another \
                  service. While it is open to all pipelines, one vulnerable pipeline, or a new one that \
                  anybody with the right to create pipelines writes, acts with that credential.",
    remediation: &[
        "Open the service connection, and in its menu choose \"Security\".",
        "Under \"Pipeline permissions\", choose \"Restrict permission\".",
        "Add the pipelines that need the connection.",
        "Leave \"Grant access permission to all pipelines\" cleared when you create connections.",
    ],
    reads: &[Read::ServiceEndpoints, Read::AuthorizedResources],
    is_preview: false,
};

/// What is judged.
const KIND: RestrictedKind =
    RestrictedKind { resource: ProtectedResource::Endpoint, noun: "service connection" };

impl Rule for ServiceConnectionOpenToAllPipelines {
    fn recommendation(&self) -> &'static Recommendation {
        &RECOMMENDATION
    }

    fn judge(&self, snapshot: &ProjectSnapshot) -> Vec<Judgement> {
        let expected = KIND.expected();
        let judge_one = |connection: &ServiceConnectionView| {
            let key = snapshot.key_of(ResourceKind::ServiceConnection, connection.id.as_str());
            let link = service_connection_page(snapshot, connection);
            KIND.answer(snapshot, &connection.id).judgement(&RECOMMENDATION, key, &expected, link)
        };
        snapshot.service_connections.iter().map(judge_one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{CONNECTION, assert_verdict, connection, project, reviewed, verdict};
    use muster_domain::assessment::AssessmentState::{Healthy, Unhealthy, Unknown};
    use muster_domain::read::{Reading, UnknownReason};
    use muster_domain::snapshot::ListCheck::{Agrees, Disagrees, NotVerified};
    use muster_domain::snapshot::PipelineAccess::{AllPipelines, PermittedOnly};

    const RULE: ServiceConnectionOpenToAllPipelines = ServiceConnectionOpenToAllPipelines;
    const LISTED: Reading<&[&str]> = Reading::Known(&[CONNECTION]);
    const UNLISTED: Reading<&[&str]> = Reading::Known(&["another"]);
    const EMPTY: Reading<&[&str]> = Reading::Known(&[]);
    const FORBIDDEN: Reading<&[&str]> = Reading::Unknown(UnknownReason::Forbidden);

    #[test]
    fn healthy_where_a_believed_list_lacks_it_or_its_own_permissions_say_so() {
        let believed = connection(&UNLISTED, Agrees, None);
        assert_verdict(&RULE, &believed, Healthy, "PermittedPipelinesOnly");
        let page = format!(
            "https://dev.azure.com/contoso/D%C3%A9j%C3%A0%20vu/_settings/adminservices?resourceId={CONNECTION}"
        );
        assert_eq!(verdict(&RULE, &believed).link, Some(page));
        for (list, check) in [(LISTED, Disagrees), (EMPTY, NotVerified), (FORBIDDEN, NotVerified)] {
            let asked = connection(&list, check, Some(PermittedOnly));
            assert_verdict(&RULE, &asked, Healthy, "PermittedPipelinesOnly");
        }
    }

    #[test]
    fn unhealthy_where_it_is_listed_or_its_own_permissions_say_so() {
        for check in [Agrees, NotVerified] {
            assert_verdict(&RULE, &connection(&LISTED, check, None), Unhealthy, "OpenToAllPipelines");
        }
        for (list, check) in [(UNLISTED, Disagrees), (EMPTY, NotVerified), (FORBIDDEN, NotVerified)] {
            let asked = connection(&list, check, Some(AllPipelines));
            assert_verdict(&RULE, &asked, Unhealthy, "OpenToAllPipelines");
        }
    }

    #[test]
    fn unknown_while_the_list_is() {
        for reason in UnknownReason::ALL {
            let snapshot = connection(&Reading::Unknown(reason), Agrees, None);
            assert_verdict(&RULE, &snapshot, Unknown, reason.cause());
            assert_eq!(verdict(&RULE, &snapshot).observed, reason.explanation_of(Read::AuthorizedResources));
        }
    }

    #[test]
    fn unknown_while_the_list_is_not_to_be_believed() {
        for list in [UNLISTED, EMPTY] {
            let unproved = connection(&list, NotVerified, None);
            assert_verdict(&RULE, &unproved, Unknown, "AuthorizedResourcesNotVerified");
            let disproved = connection(&list, Disagrees, None);
            assert_verdict(&RULE, &disproved, Unknown, "PipelinePermissionsNotRead");
        }
        assert_verdict(&RULE, &connection(&LISTED, Disagrees, None), Unknown, "PipelinePermissionsNotRead");
    }

    #[test]
    fn not_applicable_is_never_said_and_without_connections_nothing_is() {
        assert_eq!(RULE.judge(&project()), []);
        assert_eq!(RULE.judge(&reviewed(Vec::new())), []);
    }
}
