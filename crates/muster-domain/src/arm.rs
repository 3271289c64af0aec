//! Azure Resource Manager ids: Azure's for connectors, organizations, projects and repositories, Muster's beside
//! them for what Azure has no id for.

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
        ResourceKind::Project => return format!("{organization}/projects/{}", encode_path_segment(path.name)),
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
        Some(project) => format!("{organization}/projects/{}/{collection}/{own}", encode_path_segment(project)),
        None => format!("{organization}/{collection}/{own}"),
    }
}
