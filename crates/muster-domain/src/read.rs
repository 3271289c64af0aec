//! Reads: the calls that tell something about posture, and what came of them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One kind of call to Azure DevOps. Rules declare the reads they need, the budget learns a cost for each,
/// the simulator counts them under the same names. Their order is that of a pass: what is asked about resources comes
/// after the listing of these resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Read {
    /// `GET /{organization}/_apis/connectionData`: who am I, which organization is this.
    ConnectionData,
    /// `GET /_apis/profile/profiles/me`: the person behind a credential.
    Profile,
    /// `GET /_apis/accounts?memberId=`: organizations of that person.
    Accounts,
    /// `GET /_apis/EnterpriseCatalog/Organizations?tenantId=`: organizations of a tenant. Not documented.
    EnterpriseCatalog,
    /// `GET /{organization}/_apis/projects`.
    Projects,
    /// `GET /{organization}/_apis/git/repositories`, of the whole organization.
    Repositories,
    /// `GET /{organization}/{project}/_apis/git/recycleBin/repositories`: only where repositories are missing.
    DeletedRepositories,
    /// `GET /{organization}/_apis/distributedtask/pools`.
    AgentPools,
    /// `GET /{organization}/_apis/extensionmanagement/installedextensions`.
    Extensions,
    /// `GET /{organization}/_settings/organizationPolicy`: policies of the organization. Not documented.
    OrganizationPolicies,
    /// `POST /{organization}/_apis/Contribution/HierarchyQuery`: pipeline settings of the organization. Not
    /// documented.
    OrganizationPipelineSettings,
    /// `GET /{organization}/_apis/audit/streams`.
    AuditStreams,
    /// `GET /{organization}/_apis/userentitlements`: access levels of people.
    UserEntitlements,
    /// `GET /{organization}/_apis/accesscontrollists/{namespace}`: everything of one namespace.
    AccessControlLists,
    /// `GET /{organization}/_apis/management/enablement`: Advanced Security of every repository.
    AdvancedSecurityEnablement,
    /// `GET /{organization}/{project}/_apis/policy/configurations`.
    PolicyConfigurations,
    /// `GET /{organization}/{project}/_apis/build/generalsettings`.
    GeneralSettings,
    /// `GET /{organization}/{project}/_apis/build/definitions`, with all properties.
    BuildDefinitions,
    /// `GET /{organization}/{project}/_apis/serviceendpoint/endpoints`.
    ServiceEndpoints,
    /// `GET /{organization}/{project}/_apis/distributedtask/variablegroups`.
    VariableGroups,
    /// `GET /{organization}/{project}/_apis/distributedtask/securefiles`.
    SecureFiles,
    /// `GET /{organization}/{project}/_apis/distributedtask/queues`: which agent pools the project uses.
    Queues,
    /// `GET /{organization}/{project}/_apis/distributedtask/environments`.
    Environments,
    /// `GET /{organization}/{project}/_apis/build/authorizedresources`, the list form.
    AuthorizedResources,
    /// `POST /{organization}/{project}/_apis/pipelines/checks/queryconfigurations`: approvals and checks of many
    /// resources.
    CheckConfigurations,
    /// `GET /{organization}/{project}/_apis/pipelines/pipelinepermissions/{type}/{id}`: one resource.
    PipelinePermissions,
    /// `GET /{organization}/_apis/securityroles/scopes/{scope}/roleassignments/resources/{id}`: one resource.
    RoleAssignments,
}

/// How far one read reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadScope {
    /// Once per credential.
    Credential,
    /// Once per organization, whatever the number of its projects and repositories.
    Organization,
    /// Once per project, whatever the number of its repositories.
    Project,
    /// Once per resource: only to cross-check, or where nothing cheaper tells.
    Resource,
}

impl Read {
    /// Every read.
    pub const ALL: [Self; 27] = [
        Self::ConnectionData,
        Self::Profile,
        Self::Accounts,
        Self::EnterpriseCatalog,
        Self::Projects,
        Self::Repositories,
        Self::DeletedRepositories,
        Self::AgentPools,
        Self::Extensions,
        Self::OrganizationPolicies,
        Self::OrganizationPipelineSettings,
        Self::AuditStreams,
        Self::UserEntitlements,
        Self::AccessControlLists,
        Self::AdvancedSecurityEnablement,
        Self::PolicyConfigurations,
        Self::GeneralSettings,
        Self::BuildDefinitions,
        Self::ServiceEndpoints,
        Self::VariableGroups,
        Self::SecureFiles,
        Self::Queues,
        Self::Environments,
        Self::AuthorizedResources,
        Self::CheckConfigurations,
        Self::PipelinePermissions,
        Self::RoleAssignments,
    ];

    /// The name on the wire, in tables, in the budget and in the simulator.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionData => "connectionData",
            Self::Profile => "profile",
            Self::Accounts => "accounts",
            Self::EnterpriseCatalog => "enterpriseCatalog",
            Self::Projects => "projects",
            Self::Repositories => "repositories",
            Self::DeletedRepositories => "deletedRepositories",
            Self::AgentPools => "agentPools",
            Self::Extensions => "extensions",
            Self::OrganizationPolicies => "organizationPolicies",
            Self::OrganizationPipelineSettings => "organizationPipelineSettings",
            Self::AuditStreams => "auditStreams",
            Self::UserEntitlements => "userEntitlements",
            Self::AccessControlLists => "accessControlLists",
            Self::AdvancedSecurityEnablement => "advancedSecurityEnablement",
            Self::PolicyConfigurations => "policyConfigurations",
            Self::GeneralSettings => "generalSettings",
            Self::BuildDefinitions => "buildDefinitions",
            Self::ServiceEndpoints => "serviceEndpoints",
            Self::VariableGroups => "variableGroups",
            Self::SecureFiles => "secureFiles",
            Self::Queues => "queues",
            Self::Environments => "environments",
            Self::AuthorizedResources => "authorizedResources",
            Self::CheckConfigurations => "checkConfigurations",
            Self::PipelinePermissions => "pipelinePermissions",
            Self::RoleAssignments => "roleAssignments",
        }
    }

    /// The read of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|read| read.as_str() == name)
    }

    /// How far one call reaches.
    pub fn scope(self) -> ReadScope {
        match self {
            Self::Profile | Self::Accounts | Self::EnterpriseCatalog => ReadScope::Credential,
            Self::ConnectionData
            | Self::Projects
            | Self::Repositories
            | Self::AgentPools
            | Self::Extensions
            | Self::OrganizationPolicies
            | Self::OrganizationPipelineSettings
            | Self::AuditStreams
            | Self::UserEntitlements
            | Self::AccessControlLists
            | Self::AdvancedSecurityEnablement => ReadScope::Organization,
            Self::DeletedRepositories
            | Self::PolicyConfigurations
            | Self::GeneralSettings
            | Self::BuildDefinitions
            | Self::ServiceEndpoints
            | Self::VariableGroups
            | Self::SecureFiles
            | Self::Queues
            | Self::Environments
            | Self::AuthorizedResources
            | Self::CheckConfigurations => ReadScope::Project,
            Self::PipelinePermissions | Self::RoleAssignments => ReadScope::Resource,
        }
    }

    /// The least scope that unlocks it, as a personal access token names it. Absent: any token may, or none is
    /// documented ([`Self::needed_right`] says what else is needed).
    /// Source: `security.oauth2` of Microsoft's published REST specifications.
    pub fn token_scope(self) -> Option<&'static str> {
        match self {
            Self::ConnectionData
            | Self::EnterpriseCatalog
            | Self::OrganizationPolicies
            | Self::OrganizationPipelineSettings
            | Self::AccessControlLists
            | Self::RoleAssignments => None,
            Self::Profile | Self::Accounts => Some("vso.profile"),
            Self::Projects | Self::GeneralSettings => Some("vso.project"),
            Self::Repositories | Self::DeletedRepositories | Self::PolicyConfigurations => Some("vso.code"),
            Self::BuildDefinitions
            | Self::AuthorizedResources
            | Self::CheckConfigurations
            | Self::PipelinePermissions => Some("vso.build"),
            Self::ServiceEndpoints => Some("vso.serviceendpoint"),
            Self::VariableGroups => Some("vso.variablegroups_read"),
            Self::SecureFiles => Some("vso.securefiles_read"),
            Self::Queues | Self::AgentPools => Some("vso.agentpools"),
            Self::Environments => Some("vso.environment_manage"),
            Self::Extensions => Some("vso.extension"),
            Self::AuditStreams => Some("vso.auditlog"),
            Self::UserEntitlements => Some("vso.memberentitlementmanagement"),
            Self::AdvancedSecurityEnablement => Some("vso.advsec"),
        }
    }

    /// The least right of the identity itself, beside the scope of its token, for people. No more is ever needed to
    /// read.
    pub fn needed_right(self) -> &'static str {
        match self {
            Self::ConnectionData | Self::Profile | Self::Accounts => "member of the organization",
            Self::EnterpriseCatalog => "member of the tenant",
            Self::Projects | Self::GeneralSettings => "Readers of each project, access level Basic",
            Self::Repositories | Self::DeletedRepositories | Self::PolicyConfigurations => {
                "permission Read on each repository (Readers of each project), access level Basic"
            }
            Self::BuildDefinitions | Self::AuthorizedResources => {
                "permission View build pipeline (Readers of each project), access level Basic"
            }
            Self::ServiceEndpoints => "role Reader on each service connection",
            Self::VariableGroups | Self::SecureFiles => "role Reader on the library of each project",
            Self::Queues | Self::AgentPools => "role Reader on each agent pool",
            Self::Environments => "role Reader on each environment",
            Self::CheckConfigurations | Self::PipelinePermissions => "role Reader on each protected resource",
            Self::RoleAssignments => "role Administrator on each protected resource",
            Self::Extensions => "member of the organization, access level Basic",
            Self::OrganizationPolicies | Self::OrganizationPipelineSettings => {
                "permission View collection-level information, access level Basic"
            }
            Self::AuditStreams => "permission View audit log",
            Self::UserEntitlements => "Project Collection Administrators",
            Self::AccessControlLists => "permission View permissions of the organization",
            Self::AdvancedSecurityEnablement => "permission Advanced Security: view alerts",
        }
    }

    /// False for calls that Microsoft's published interface does not hold: each has a switch, and failing means
    /// Unknown.
    pub fn is_documented(self) -> bool {
        !matches!(
            self,
            Self::EnterpriseCatalog | Self::OrganizationPolicies | Self::OrganizationPipelineSettings
        )
    }

    /// True for listings whose items are resources: where they could not be read, nothing that is known of these
    /// resources from earlier is believed.
    pub fn lists_resources(self) -> bool {
        matches!(
            self,
            Self::Repositories
                | Self::BuildDefinitions
                | Self::ServiceEndpoints
                | Self::VariableGroups
                | Self::SecureFiles
                | Self::Environments
                | Self::AgentPools
                | Self::Extensions
        )
    }
}

impl fmt::Display for Read {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A scope in words that are found on the page on which personal access tokens are made; `None` for one that no read
/// needs. Source: Azure DevOps documentation, table of scopes of "Use OAuth 2.0 to authenticate with Azure DevOps".
pub fn scope_name(scope: &str) -> Option<&'static str> {
    Some(match scope {
        "vso.advsec" => "Advanced Security: Read",
        "vso.agentpools" => "Agent Pools: Read",
        "vso.auditlog" => "Audit Log: Read",
        "vso.build" => "Build: Read",
        "vso.code" => "Code: Read",
        "vso.environment_manage" => "Environment: Read & manage",
        "vso.extension" => "Extensions: Read",
        "vso.memberentitlementmanagement" => "Member Entitlement Management: Read",
        "vso.profile" => "User Profile: Read",
        "vso.project" => "Project and Team: Read",
        "vso.securefiles_read" => "Secure Files: Read",
        "vso.serviceendpoint" => "Service Connections: Read",
        "vso.variablegroups_read" => "Variable Groups: Read",
        _ => return None,
    })
}

/// What came of a read: a value, or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reading<T> {
    /// It was read.
    Known(T),
    /// It could not be read; whatever depends on it is Unknown.
    Unknown(UnknownReason),
}

impl<T> Reading<T> {
    /// The value, or the reason why there is none.
    ///
    /// # Errors
    /// The reason.
    pub fn known(&self) -> Result<&T, UnknownReason> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Unknown(reason) => Err(*reason),
        }
    }
}

/// Why something is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnknownReason {
    /// Nobody has asked yet.
    NotReadYet,
    /// Azure DevOps refuses it to this credential (403).
    Forbidden,
    /// The answer did not have the shape that was agreed.
    ContractViolation,
    /// The list of authorized resources has not been cross-checked in this organization.
    ListNotVerified,
    /// The list of authorized resources disagrees with the permissions of single resources; those of this
    /// resource have not been read yet.
    PermissionsNotRead,
    /// The read is switched off in the configuration.
    SwitchedOff,
    /// The organization does not offer it (404).
    NotOffered,
    /// The answer covers everything of its kind, and says nothing of this resource.
    NotInAnswer,
}

impl UnknownReason {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::NotReadYet,
        Self::Forbidden,
        Self::ContractViolation,
        Self::ListNotVerified,
        Self::PermissionsNotRead,
        Self::SwitchedOff,
        Self::NotOffered,
        Self::NotInAnswer,
    ];

    /// The cause code that an assessment carries.
    pub fn cause(self) -> &'static str {
        match self {
            Self::NotReadYet => "NotReadYet",
            Self::Forbidden => "ReadForbidden",
            Self::ContractViolation => "UnexpectedAnswer",
            Self::ListNotVerified => "AuthorizedResourcesNotVerified",
            Self::PermissionsNotRead => "PipelinePermissionsNotRead",
            Self::SwitchedOff => "ReadSwitchedOff",
            Self::NotOffered => "ReadNotOffered",
            Self::NotInAnswer => "NotInAnswer",
        }
    }

    /// The reason with that cause code.
    pub fn parse(cause: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.cause() == cause)
    }

    /// What it means, for people.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::NotReadYet => "the setting has not been read yet",
            Self::Forbidden => "the credential may not read the setting; grant the scope that the read needs",
            Self::ContractViolation => "Azure DevOps answered in a shape that is not understood",
            Self::ListNotVerified => {
                "the list of resources open to all pipelines has not been cross-checked in this organization"
            }
            Self::PermissionsNotRead => "the pipeline permissions of this resource have not been read yet",
            Self::SwitchedOff => "the read is switched off in the configuration",
            Self::NotOffered => "the organization does not offer the read",
            Self::NotInAnswer => "Azure DevOps answered, but said nothing of this resource",
        }
    }

    /// What it means of a read, for people: one that is refused is named with what it needs.
    pub fn explanation_of(self, read: Read) -> String {
        if self != Self::Forbidden {
            return self.explanation().to_owned();
        }
        let scope = read.token_scope().map(|scope| match scope_name(scope) {
            Some(name) => format!("the scope {name} ({scope}) and "),
            None => format!("the scope {scope} and "),
        });
        let (scope, right) = (scope.unwrap_or_default(), read.needed_right());
        format!("the credential may not read {read}: it needs {scope}the right: {right}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_has_the_name_that_the_page_of_tokens_has_for_it() {
        for scope in Read::ALL.into_iter().filter_map(Read::token_scope) {
            assert!(scope_name(scope).is_some_and(|name| name.contains(": Read")), "{scope}");
        }
        assert_eq!(scope_name("vso.code_full"), None);
    }

    #[test]
    fn a_refused_read_is_named_with_what_it_needs() {
        assert_eq!(
            UnknownReason::Forbidden.explanation_of(Read::ServiceEndpoints),
            "the credential may not read serviceEndpoints: it needs the scope Service Connections: Read \
             (vso.serviceendpoint) and the right: role Reader on each service connection"
        );
        for read in Read::ALL {
            let explanation = UnknownReason::Forbidden.explanation_of(read);
            assert!(explanation.contains(read.as_str()) && explanation.contains(read.needed_right()));
            let other = UnknownReason::NotReadYet;
            assert_eq!(other.explanation_of(read), other.explanation());
        }
    }
}
