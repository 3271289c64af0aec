use crate::Rule;
use crate::answer::Answer;
use crate::pages::service_connection_page;
use muster_domain::RecommendationKey;
use muster_domain::assessment::Judgement;
use muster_domain::read::Read;
use muster_domain::recommendation::{Recommendation, Severity};
use muster_domain::resource::ResourceKind;
use muster_domain::snapshot::{ProjectSnapshot, ServiceConnectionView};
use uuid::uuid;

/// **What it checks:** a service connection to Azure goes through Azure Resource Manager, not through the classic
/// management interface. A connection to anything else is not asked.
///
/// **Why:** the classic interface knows no roles: who has the certificate administers the whole subscription.
///
/// **Remediation:** a connection of the type Azure Resource Manager in its place.
pub(crate) struct ServiceConnectionClassicAzure;

static RECOMMENDATION: Recommendation = Recommendation {
    key: RecommendationKey(uuid!("a887e860-40ff-4b57-9ef9-5177a11091ac")),
    title: "Azure DevOps Classic Azure service connections shouldn't be used to access a subscription",
    severity: Severity::Medium,
    resource_kind: ResourceKind::ServiceConnection,
    description: "A classic connection holds a password or a management certificate for a whole subscription. Azure \
                  Resource Manager narrows what a connection may do by roles and scopes, records what it did, and \
                  needs no stored secret with workload identity federation.",
    remediation: &[
        "Create a service connection of the type \"Azure Resource Manager\", best with workload identity federation.",
        "Give its identity no more roles than its pipelines need.",
        "Let the pipelines use it in place of the classic one.",
        "Delete the classic connection, and its management certificate in the subscription.",
    ],
    reads: &[Read::ServiceEndpoints],
    is_preview: false,
};

/// What is asked for, for people.
const EXPECTED: &str = "Connections to Azure go through Azure Resource Manager.";

/// Type of connections by the classic interface of Azure.
const CLASSIC: &str = "azure";
/// Type of connections by Azure Resource Manager.
const RESOURCE_MANAGER: &str = "azurerm";

impl Rule for ServiceConnectionClassicAzure {
    fn recommendation(&self) -> &'static Recommendation {
        &RECOMMENDATION
    }

    fn judge(&self, snapshot: &ProjectSnapshot) -> Vec<Judgement> {
        let judge_one = |connection: &ServiceConnectionView| {
            let key = snapshot.key_of(ResourceKind::ServiceConnection, connection.id.as_str());
            let link = service_connection_page(snapshot, connection);
            answer(&connection.properties.connection_type).judgement(&RECOMMENDATION, key, EXPECTED, link)
        };
        snapshot.service_connections.iter().map(judge_one).collect()
    }
}

fn answer(connection_type: &str) -> Answer {
    if connection_type.eq_ignore_ascii_case(CLASSIC) {
        Answer::Unhealthy {
            cause: "ClassicAzureConnection",
            observed: "The service connection reaches Azure through the classic management interface."
                .to_owned(),
        }
    } else if connection_type.eq_ignore_ascii_case(RESOURCE_MANAGER) {
        Answer::Healthy {
            cause: "AzureResourceManager",
            observed: "The service connection reaches Azure through Azure Resource Manager.".to_owned(),
        }
    } else {
        Answer::NotApplicable {
            cause: "NoAzureConnection",
            observed: format!(
                "The service connection does not reach Azure: its type is \"{connection_type}\"."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{assert_verdict, connection, project, verdict};
    use muster_domain::assessment::AssessmentState::{Healthy, NotApplicable, Unhealthy, Unknown};
    use muster_domain::read::{Reading, UnknownReason};
    use muster_domain::snapshot::ListCheck;

    const RULE: ServiceConnectionClassicAzure = ServiceConnectionClassicAzure;

    fn of_type(connection_type: &str) -> ProjectSnapshot {
        let mut snapshot =
            connection(&Reading::Unknown(UnknownReason::Forbidden), ListCheck::NotVerified, None);
        snapshot.service_connections[0].properties.connection_type = connection_type.to_owned();
        snapshot
    }

    #[test]
    fn healthy_by_azure_resource_manager() {
        for connection_type in ["azurerm", "AzureRM"] {
            assert_verdict(&RULE, &of_type(connection_type), Healthy, "AzureResourceManager");
        }
    }

    #[test]
    fn unhealthy_by_the_classic_interface() {
        for connection_type in ["azure", "Azure", "AZURE"] {
            assert_verdict(&RULE, &of_type(connection_type), Unhealthy, "ClassicAzureConnection");
        }
    }

    #[test]
    fn unknown_while_the_connections_cannot_be_listed() {
        for reason in UnknownReason::ALL {
            for connection_type in ["azure", "azurerm"] {
                let mut snapshot = of_type(connection_type);
                snapshot.gaps.insert(Read::ServiceEndpoints, reason);
                assert_verdict(&RULE, &snapshot, Unknown, reason.cause());
                assert_eq!(verdict(&RULE, &snapshot).observed, reason.explanation_of(Read::ServiceEndpoints));
            }
        }
    }

    #[test]
    fn not_applicable_to_what_does_not_reach_azure() {
        for connection_type in ["github", "Generic", "azureservicebus", "dockerregistry", ""] {
            assert_verdict(&RULE, &of_type(connection_type), NotApplicable, "NoAzureConnection");
        }
        assert_eq!(RULE.judge(&project()), []);
    }
}
