//! `GET /{organization}/_apis/securityroles/scopes/{scope}/roleassignments/resources/{id}`: who administers one resource.

use crate::call::Call;
use crate::error::CallError;
use crate::hosts::ServiceHost;
use crate::json::{LenientId, Violation, Wire};
use crate::session::Session;
use muster_domain::OrganizationName;
use muster_domain::read::Read;
use muster_domain::snapshot::encode_path_segment;
use serde::Deserialize;
use tracing::instrument;

/// What kind of resource roles are assigned on. Each names the form of its resource ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RoleScope {
    /// A service connection in a project: `{projectId}_{endpointId}`.
    ServiceConnection,
    /// All service connections of a project: `{projectId}`.
    ServiceConnectionsOfProject,
    /// An agent queue of a project: `{projectId}_{queueId}`.
    AgentQueue,
    /// All agent queues of a project: `{projectId}`.
    AgentQueuesOfProject,
    /// A variable group: `{projectId}${groupId}`.
    VariableGroup,
    /// The library of a project: `{projectId}$0`.
    Library,
    /// A secure file: `{projectId}${fileId}`.
    SecureFile,
    /// An environment: `{projectId}_{environmentId}`.
    Environment,
    /// All environments of a project: `{projectId}`.
    EnvironmentsOfProject,
    /// Who manages extensions: `ems-ui`.
    ExtensionManagement,
}

impl RoleScope {
    /// The name in paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ServiceConnection => "distributedtask.serviceendpointrole",
            Self::ServiceConnectionsOfProject => "distributedtask.project.serviceendpointrole",
            Self::AgentQueue => "distributedtask.agentqueuerole",
            Self::AgentQueuesOfProject => "distributedtask.globalagentqueuerole",
            Self::VariableGroup => "distributedtask.variablegroup",
            Self::Library => "distributedtask.library",
            Self::SecureFile => "distributedtask.securefile",
            Self::Environment => "distributedtask.environmentreferencerole",
            Self::EnvironmentsOfProject => "distributedtask.globalenvironmentreferencerole",
            Self::ExtensionManagement => "ems.manage.ui",
        }
    }

    fn host(self) -> ServiceHost {
        match self {
            Self::ExtensionManagement => ServiceHost::Extensions,
            _ => ServiceHost::Organization,
        }
    }
}

/// A role that somebody has on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleAssignmentItem {
    /// Id of the identity.
    pub identity_id: String,
    /// Name of the identity, for people.
    pub identity_name: Option<String>,
    /// The role (`Administrator`, `User`, `Reader`, …).
    pub role: String,
    /// Given on something that the resource lies in.
    pub is_inherited: bool,
}

#[derive(Deserialize)]
struct RoleAssignmentWire {
    identity: IdentityWire,
    role: RoleWire,
    #[serde(default)]
    access: Option<LenientId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdentityWire {
    id: String,
    #[serde(default)]
    display_name: Option<String>,
}

#[derive(Deserialize)]
struct RoleWire {
    name: String,
}

/// Access that comes from elsewhere, as a name and as a number (`RoleAccess` of Microsoft's published clients).
const INHERITED: [&str; 2] = ["inherited", "2"];

impl Wire for RoleAssignmentWire {
    type Item = RoleAssignmentItem;

    fn into_item(self) -> Result<RoleAssignmentItem, Violation> {
        let access = self.access.map(LenientId::into_text).unwrap_or_default();
        Ok(RoleAssignmentItem {
            identity_id: self.identity.id,
            identity_name: self.identity.display_name,
            role: self.role.name,
            is_inherited: INHERITED.iter().any(|inherited| access.eq_ignore_ascii_case(inherited)),
        })
    }
}

impl Session {
    /// The roles that are assigned on one resource; [`RoleScope`] names the form of `resource_id`.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.roleAssignments", skip_all,
        fields(ado.organization = %organization, ado.resource.id = resource_id))]
    pub async fn role_assignments(
        &self,
        organization: &OrganizationName,
        scope: RoleScope,
        resource_id: &str,
    ) -> Result<Vec<RoleAssignmentItem>, CallError> {
        let id = encode_path_segment(resource_id);
        let path = format!("_apis/securityroles/scopes/{}/roleassignments/resources/{id}", scope.as_str());
        let call =
            Call::in_organization(Read::RoleAssignments, organization, &path).on(scope.host()).preview();
        self.list_of::<RoleAssignmentWire>(call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(access: &Value) -> RoleAssignmentItem {
        let assignment = json!({
            "identity": {"displayName": "[Fabrikam]\\Contributors", "id": "g-1", "uniqueName": "hidden"},
            "role": {"displayName": "Administrator", "name": "Administrator", "allowPermissions": 27,
                "denyPermissions": 0, "identifier": "x.Administrator", "description": "…", "scope": "x"},
            "access": access, "accessDisplayName": "Assigned"});
        serde_json::from_value::<RoleAssignmentWire>(assignment).unwrap().into_item().unwrap()
    }

    #[test]
    fn a_role_names_who_has_it_and_from_where() {
        let expected = RoleAssignmentItem {
            identity_id: "g-1".to_owned(),
            identity_name: Some("[Fabrikam]\\Contributors".to_owned()),
            role: "Administrator".to_owned(),
            is_inherited: false,
        };
        for assigned in [json!("assigned"), json!(1), json!(null)] {
            assert_eq!(read(&assigned), expected);
        }
        for inherited in [json!("inherited"), json!("Inherited"), json!(2)] {
            assert!(read(&inherited).is_inherited);
        }
    }
}
