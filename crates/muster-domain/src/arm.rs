//! Azure Resource Manager ids: Azure's for connectors, organizations, projects and repositories, Muster's beside
//! them for what Azure has no id for.

use crate::RecommendationKey;
use crate::connector::Connector;
use crate::resource::{ResourceKey, ResourceKind};
use crate::snapshot::encode_path_segment;

/// Id of a connector.
pub fn connector_id(connector: &Connector) -> String {
    format!(
        "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Security/securityConnectors/{}",
        connector.subscription_id, connector.resource_group, connector.name
    )
}

/// Names along the path to a resource.
#[derive(Clone, Copy, Debug)]
pub struct ResourcePath<'a> {
    /// Name of the organization.
    pub organization: &'a str,
    /// Name of the project, where the resource lies in one.
    pub project: Option<&'a str>,
    /// Name of the resource itself.
    pub name: &'a str,
}

/// Id of a resource below its connector. Repositories are named by name, as Azure names them; what Azure does not
/// know is named by its immutable id.
pub fn resource_id(connector: &Connector, key: &ResourceKey, path: ResourcePath<'_>) -> String {
    let organization = format!(
        "{}/devops/default/azureDevOpsOrgs/{}",
        connector_id(connector),
        encode_path_segment(path.organization)
    );
    let collection = match key.kind {
        ResourceKind::Organization => return organization,
        ResourceKind::Project => {
            return format!("{organization}/projects/{}", encode_path_segment(path.name));
        }
        ResourceKind::AgentPool => return format!("{organization}/agentPools/{}", key.external_id),
        ResourceKind::Extension => return format!("{organization}/extensions/{}", key.external_id),
        ResourceKind::Repository => "repos",
        ResourceKind::Pipeline => "pipelines",
        ResourceKind::ServiceConnection => "serviceConnections",
        ResourceKind::VariableGroup => "variableGroups",
        ResourceKind::SecureFile => "secureFiles",
        ResourceKind::Environment => "environments",
        ResourceKind::Feed => "feeds",
    };
    let own = match key.kind {
        ResourceKind::Repository => encode_path_segment(path.name),
        _ => key.external_id.clone(),
    };
    match path.project {
        Some(project) => {
            format!("{organization}/projects/{}/{collection}/{own}", encode_path_segment(project))
        }
        None => format!("{organization}/{collection}/{own}"),
    }
}

/// Id of an assessment of the resource with this id; subject of its facts.
pub fn assessment_id(resource_id: &str, recommendation: RecommendationKey) -> String {
    format!("{resource_id}/providers/Microsoft.Security/assessments/{recommendation}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::{ConnectorState, OrganizationsChoice, Plan};
    use crate::{ConnectorId, CredentialId, OrganizationId, ProjectId};
    use chrono::{DateTime, Utc};
    use std::collections::BTreeSet;
    use uuid::Uuid;

    const CONNECTOR_ID: &str = "/subscriptions/0b06d9ea-afe6-4779-bd59-30e5c2d9d13f/resourceGroups/rg-devops\
                                /providers/Microsoft.Security/securityConnectors/ado-main";

    fn connector() -> Connector {
        Connector {
            id: ConnectorId(Uuid::nil()),
            name: "ado-main".to_owned(),
            subscription_id: "0b06d9ea-afe6-4779-bd59-30e5c2d9d13f".to_owned(),
            resource_group: "rg-devops".to_owned(),
            region: "centralus".to_owned(),
            tenant_id: None,
            plan: Plan::Foundational,
            credential_id: CredentialId(Uuid::nil()),
            organizations: OrganizationsChoice::AllExistingAndFuture,
            state: ConnectorState::Active,
            state_reason: None,
            state_since: DateTime::<Utc>::UNIX_EPOCH,
            change_sequence: 1,
            created_at: DateTime::<Utc>::UNIX_EPOCH,
        }
    }

    fn key(kind: ResourceKind, external_id: &str) -> ResourceKey {
        ResourceKey::in_project(kind, OrganizationId(Uuid::nil()), ProjectId(Uuid::nil()), external_id)
    }

    /// The id below the connector's own.
    fn id(kind: ResourceKind, project: Option<&str>, name: &str) -> String {
        let path = ResourcePath { organization: "contoso", project, name };
        let id = resource_id(&connector(), &key(kind, "42"), path);
        let below = format!("{CONNECTOR_ID}/devops/default/azureDevOpsOrgs/");
        id.strip_prefix(&below).unwrap_or_else(|| panic!("{id} is not below the connector")).to_owned()
    }

    #[test]
    fn a_connector_has_azures_id() {
        assert_eq!(connector_id(&connector()), CONNECTOR_ID);
    }

    #[test]
    fn an_assessment_lies_below_its_resource() {
        let recommendation = RecommendationKey(Uuid::from_u128(7));
        let id = assessment_id(&connector_id(&connector()), recommendation);
        let expected = format!("{CONNECTOR_ID}/providers/Microsoft.Security/assessments/{recommendation}");
        assert_eq!(id, expected);
    }

    #[test]
    fn resources_that_azure_knows_have_azures_ids() {
        assert_eq!(id(ResourceKind::Organization, None, "contoso"), "contoso");
        assert_eq!(id(ResourceKind::Project, Some("Shop"), "Shop"), "contoso/projects/Shop");
        assert_eq!(id(ResourceKind::Repository, Some("Shop"), "web"), "contoso/projects/Shop/repos/web");
    }

    #[test]
    fn resources_that_azure_does_not_know_are_named_by_their_immutable_id() {
        for (kind, expected) in [
            (ResourceKind::Pipeline, "contoso/projects/Shop/pipelines/42"),
            (ResourceKind::ServiceConnection, "contoso/projects/Shop/serviceConnections/42"),
            (ResourceKind::VariableGroup, "contoso/projects/Shop/variableGroups/42"),
            (ResourceKind::SecureFile, "contoso/projects/Shop/secureFiles/42"),
            (ResourceKind::Environment, "contoso/projects/Shop/environments/42"),
            (ResourceKind::Feed, "contoso/projects/Shop/feeds/42"),
        ] {
            assert_eq!(id(kind, Some("Shop"), "some name"), expected);
        }
        for (kind, expected) in [
            (ResourceKind::AgentPool, "contoso/agentPools/42"),
            (ResourceKind::Extension, "contoso/extensions/42"),
            (ResourceKind::Feed, "contoso/feeds/42"),
        ] {
            assert_eq!(id(kind, None, "some name"), expected);
        }
    }

    #[test]
    fn names_with_spaces_and_letters_of_any_script_are_encoded_once() {
        assert_eq!(
            id(ResourceKind::Repository, Some("Déjà vu"), "r.x & y/z"),
            "contoso/projects/D%C3%A9j%C3%A0%20vu/repos/r.x%20%26%20y%2Fz"
        );
        assert_eq!(id(ResourceKind::Project, None, "日本"), "contoso/projects/%E6%97%A5%E6%9C%AC");
        assert_eq!(
            id(ResourceKind::Repository, Some("50%"), "100%25"),
            "contoso/projects/50%25/repos/100%2525"
        );
    }

    #[test]
    fn no_two_kinds_share_an_id() {
        let ids: BTreeSet<_> = ResourceKind::ALL.into_iter().map(|kind| id(kind, Some("42"), "42")).collect();
        assert_eq!(ids.len(), ResourceKind::ALL.len());
    }
}
