//! The routes of the simulated service, their names, and what a call of each costs.

use std::fmt;
use std::str::FromStr;

use axum::http::Method;
use serde::{Deserialize, Serialize};

/// One simulated route. Its name (camelCase) is used in costs, statistics and faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Route {
    /// `GET /{org}/_apis/connectionData`
    ConnectionData,
    /// `GET /_apis/profile/profiles/me`
    Profile,
    /// `GET /_apis/accounts`
    Accounts,
    /// `GET /_apis/EnterpriseCatalog/Organizations`
    EnterpriseCatalog,
    /// `GET /{org}/_apis/projects`
    Projects,
    /// `GET /{org}/_apis/projects/{project}`
    Project,
    /// `GET /{org}[/{project}]/_apis/git/repositories`
    Repositories,
    /// `GET /{org}[/{project}]/_apis/git/repositories/{repository}`
    Repository,
    /// `GET /{org}/{project}/_apis/policy/configurations`
    PolicyConfigurations,
    /// `GET /{org}/{project}/_apis/build/generalsettings`
    GeneralSettings,
    /// `GET /{org}/{project}/_apis/build/definitions`
    BuildDefinitions,
    /// `GET /{org}/{project}/_apis/serviceendpoint/endpoints`
    ServiceEndpoints,
    /// `GET /{org}/{project}/_apis/build/authorizedresources`
    AuthorizedResources,
    /// `GET /{org}/{project}/_apis/pipelines/pipelinepermissions/{type}/{id}`
    PipelinePermissions,
    /// `GET /{org}/{project}/_apis/distributedtask/variablegroups`
    VariableGroups,
    /// `GET /{org}/{project}/_apis/distributedtask/securefiles`
    SecureFiles,
    /// `GET /{org}/{project}/_apis/distributedtask/queues`
    Queues,
    /// `GET /{org}/{project}/_apis/pipelines/environments`, also below `distributedtask`
    Environments,
    /// `GET /{org}/{project}/_apis/git/recycleBin/repositories`, also `git/deletedrepositories`
    DeletedRepositories,
    /// `GET /{org}/_apis/distributedtask/pools`
    AgentPools,
    /// `GET /{org}/_apis/extensionmanagement/installedextensions`
    Extensions,
    /// `GET /{org}/_settings/organizationPolicy?__rt=fps&__ver=2`
    OrganizationPolicies,
    /// `POST /{org}/_apis/Contribution/HierarchyQuery`
    OrganizationPipelineSettings,
    /// `GET /{org}/_apis/audit/streams`
    AuditStreams,
    /// `GET /{org}/_apis/userentitlements`
    UserEntitlements,
    /// `GET /{org}/_apis/accesscontrollists/{namespace}`
    AccessControlLists,
    /// `GET /advsec/{org}[/{project}]/_apis/management/enablement`, also without `advsec`
    AdvancedSecurityEnablement,
    /// `POST /{org}/{project}/_apis/pipelines/checks/queryconfigurations`
    CheckConfigurations,
    /// `GET /{org}/_apis/securityroles/scopes/{scope}/roleassignments/resources/{id}`
    RoleAssignments,
    /// `GET /{org}/_apis/securitynamespaces[/{namespace}]`
    SecurityNamespaces,
    /// `POST /{org}/_apis/security/permissionevaluationbatch`
    PermissionEvaluation,
    /// `GET /{org}/_apis/identities?descriptors=`
    Identities,
    /// `GET /{org}/_apis/graph/users`
    GraphUsers,
    /// `GET /{org}/_apis/graph/groups`
    GraphGroups,
    /// `GET /{org}/_apis/graph/memberships/{subject}`
    GraphMemberships,
}

impl Route {
    /// All routes, in the order of the documentation.
    pub const ALL: [Self; 35] = [
        Self::ConnectionData,
        Self::Profile,
        Self::Accounts,
        Self::EnterpriseCatalog,
        Self::Projects,
        Self::Project,
        Self::Repositories,
        Self::Repository,
        Self::PolicyConfigurations,
        Self::GeneralSettings,
        Self::BuildDefinitions,
        Self::ServiceEndpoints,
        Self::AuthorizedResources,
        Self::PipelinePermissions,
        Self::VariableGroups,
        Self::SecureFiles,
        Self::Queues,
        Self::Environments,
        Self::DeletedRepositories,
        Self::AgentPools,
        Self::Extensions,
        Self::OrganizationPolicies,
        Self::OrganizationPipelineSettings,
        Self::AuditStreams,
        Self::UserEntitlements,
        Self::AccessControlLists,
        Self::AdvancedSecurityEnablement,
        Self::CheckConfigurations,
        Self::RoleAssignments,
        Self::SecurityNamespaces,
        Self::PermissionEvaluation,
        Self::Identities,
        Self::GraphUsers,
        Self::GraphGroups,
        Self::GraphMemberships,
    ];

    /// The name used in costs, statistics and faults.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectionData => "connectionData",
            Self::Profile => "profile",
            Self::Accounts => "accounts",
            Self::EnterpriseCatalog => "enterpriseCatalog",
            Self::Projects => "projects",
            Self::Project => "project",
            Self::Repositories => "repositories",
            Self::Repository => "repository",
            Self::PolicyConfigurations => "policyConfigurations",
            Self::GeneralSettings => "generalSettings",
            Self::BuildDefinitions => "buildDefinitions",
            Self::ServiceEndpoints => "serviceEndpoints",
            Self::AuthorizedResources => "authorizedResources",
            Self::PipelinePermissions => "pipelinePermissions",
            Self::VariableGroups => "variableGroups",
            Self::SecureFiles => "secureFiles",
            Self::Queues => "queues",
            Self::Environments => "environments",
            Self::DeletedRepositories => "deletedRepositories",
            Self::AgentPools => "agentPools",
            Self::Extensions => "extensions",
            Self::OrganizationPolicies => "organizationPolicies",
            Self::OrganizationPipelineSettings => "organizationPipelineSettings",
            Self::AuditStreams => "auditStreams",
            Self::UserEntitlements => "userEntitlements",
            Self::AccessControlLists => "accessControlLists",
            Self::AdvancedSecurityEnablement => "advancedSecurityEnablement",
            Self::CheckConfigurations => "checkConfigurations",
            Self::RoleAssignments => "roleAssignments",
            Self::SecurityNamespaces => "securityNamespaces",
            Self::PermissionEvaluation => "permissionEvaluation",
            Self::Identities => "identities",
            Self::GraphUsers => "graphUsers",
            Self::GraphGroups => "graphGroups",
            Self::GraphMemberships => "graphMemberships",
        }
    }

    /// What one call costs unless the cost table says otherwise, in TSTU.
    #[must_use]
    pub fn default_cost_tstu(self) -> f64 {
        match self {
            Self::ConnectionData | Self::Profile | Self::Accounts | Self::Project => 0.05,
            Self::Repository | Self::GeneralSettings | Self::PipelinePermissions => 0.05,
            Self::EnterpriseCatalog | Self::Projects | Self::AuthorizedResources => 0.1,
            Self::SecureFiles | Self::Queues | Self::Environments => 0.1,
            Self::ServiceEndpoints | Self::VariableGroups => 0.15,
            Self::PolicyConfigurations => 0.2,
            Self::BuildDefinitions => 0.25,
            Self::Repositories | Self::AdvancedSecurityEnablement => 0.3,
            Self::AgentPools | Self::AuditStreams | Self::SecurityNamespaces => 0.05,
            Self::RoleAssignments | Self::GraphMemberships => 0.05,
            Self::DeletedRepositories | Self::Extensions | Self::OrganizationPipelineSettings => 0.1,
            Self::PermissionEvaluation | Self::Identities => 0.1,
            Self::OrganizationPolicies | Self::GraphUsers | Self::GraphGroups => 0.15,
            Self::UserEntitlements | Self::CheckConfigurations => 0.2,
            Self::AccessControlLists => 0.3,
        }
    }

    /// How the route treats the `api-version` of a call.
    pub(crate) fn maturity(self) -> Maturity {
        match self {
            Self::AuthorizedResources
            | Self::PipelinePermissions
            | Self::EnterpriseCatalog
            | Self::OrganizationPipelineSettings
            | Self::AuditStreams
            | Self::Extensions
            | Self::AdvancedSecurityEnablement
            | Self::CheckConfigurations
            | Self::RoleAssignments
            | Self::GraphUsers
            | Self::GraphGroups
            | Self::GraphMemberships => Maturity::Preview,
            Self::ConnectionData | Self::SecureFiles => Maturity::LenientPreview,
            _ => Maturity::Released,
        }
    }

    /// Whether the route answers to a method: most only to `GET`, queries only to `POST`.
    pub(crate) fn allows(self, method: &Method) -> bool {
        match self {
            Self::OrganizationPipelineSettings | Self::CheckConfigurations | Self::PermissionEvaluation => {
                method == Method::POST
            }
            _ => method == Method::GET || method == Method::HEAD,
        }
    }

    /// Every name, for messages that say what is possible.
    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

/// Whether a route was ever released, which decides what `api-version` it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Maturity {
    /// Released with 7.1: a missing version means the newest released one.
    Released,
    /// Never released: a version with `-preview` must be given.
    Preview,
    /// Never released, yet answers without any version, as people open it in a browser.
    LenientPreview,
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A route name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no route \"{name}\"; use one of: {}", Route::names())]
pub struct UnknownRoute {
    /// The name that was given.
    pub name: String,
}

impl FromStr for Route {
    type Err = UnknownRoute;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|route| route.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownRoute { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_equals_its_serialized_form() {
        for route in Route::ALL {
            assert_eq!(route.name().parse::<Route>(), Ok(route));
            assert_eq!(serde_json::to_value(route).unwrap(), route.name());
        }
    }

    #[test]
    fn default_costs_stay_in_the_documented_range() {
        for route in Route::ALL {
            assert!((0.05..=0.3).contains(&route.default_cost_tstu()), "{route}");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "repos".parse::<Route>().unwrap_err().to_string();
        assert!(error.contains("repos") && error.contains("policyConfigurations"), "{error}");
    }
}
