//! Typed properties of every kind of resource: what Muster keeps of an answer, and nothing secret.

use crate::resource::ResourceKind;
use crate::{RepositoryId, TenantId};
use serde::{Deserialize, Serialize};

/// Properties by kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Properties {
    /// An organization.
    Organization(OrganizationProperties),
    /// A project.
    Project(ProjectProperties),
    /// A repository.
    Repository(RepositoryProperties),
    /// A build definition.
    Pipeline(PipelineProperties),
    /// A service connection.
    ServiceConnection(ServiceConnectionProperties),
    /// A variable group.
    VariableGroup(VariableGroupProperties),
    /// A secure file.
    SecureFile(SecureFileProperties),
    /// An agent pool.
    AgentPool(AgentPoolProperties),
    /// An environment.
    Environment(EnvironmentProperties),
    /// An installed extension.
    Extension(ExtensionProperties),
}

impl Properties {
    /// The kind that these properties belong to.
    pub fn kind(&self) -> ResourceKind {
        match self {
            Self::Organization(_) => ResourceKind::Organization,
            Self::Project(_) => ResourceKind::Project,
            Self::Repository(_) => ResourceKind::Repository,
            Self::Pipeline(_) => ResourceKind::Pipeline,
            Self::ServiceConnection(_) => ResourceKind::ServiceConnection,
            Self::VariableGroup(_) => ResourceKind::VariableGroup,
            Self::SecureFile(_) => ResourceKind::SecureFile,
            Self::AgentPool(_) => ResourceKind::AgentPool,
            Self::Environment(_) => ResourceKind::Environment,
            Self::Extension(_) => ResourceKind::Extension,
        }
    }
}

/// An organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationProperties {
    /// Tenant that it is linked to (`X-VSS-ResourceTenant`), where the answer named one.
    pub tenant_id: Option<TenantId>,
    /// Its page, without a trailing slash: links to settings pages start with it.
    pub web_url: String,
}

/// A project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProjectProperties {
    /// Who may see it.
    pub visibility: Visibility,
    /// Life-cycle state as Azure DevOps names it (`wellFormed`, `deleting`, …).
    pub state: String,
    /// Azure DevOps' revision of the project's own settings.
    pub revision: Option<i64>,
}

/// Who may see a project. Real answers hold values that the specification lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Visibility {
    /// Members only.
    Private,
    /// Everybody.
    Public,
    /// Everybody in the organization.
    Organization,
    /// The answer did not say.
    Unspecified,
    /// A value that is not known.
    #[serde(untagged)]
    Other(String),
}

/// A Git repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryProperties {
    /// Full reference name; absent for a repository without a commit.
    pub default_branch: Option<String>,
    /// Switched off by an administrator.
    pub is_disabled: bool,
    /// Under maintenance by the service.
    pub is_in_maintenance: bool,
    /// Forked from another repository.
    pub is_fork: bool,
    /// Page of the repository.
    pub web_url: Option<String>,
    /// Compressed size in bytes.
    pub size_bytes: Option<u64>,
}

/// A build definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PipelineProperties {
    /// Folder, with backslashes, as Azure DevOps writes it.
    pub folder: String,
    /// How it is written.
    pub process: PipelineProcess,
    /// Repository it builds, where it is one of Azure DevOps.
    pub repository_id: Option<RepositoryId>,
    /// Kind of repository (`TfsGit`, `GitHub`, …).
    pub repository_type: Option<String>,
    /// Azure DevOps' revision of the definition.
    pub revision: Option<i64>,
    /// Whether it may run.
    #[serde(default)]
    pub queue_status: QueueStatus,
    /// Whether the repository is private, where the answer says (`repository.properties.IsPrivate`).
    #[serde(default)]
    pub is_repository_private: Option<bool>,
    /// How pull requests from forks are built; absent where no pull request starts it.
    #[serde(default)]
    pub fork_builds: Option<ForkBuilds>,
}

/// Whether a definition may run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum QueueStatus {
    /// It runs.
    #[default]
    Enabled,
    /// Its runs wait until somebody lets them go on.
    Paused,
    /// It does not run.
    Disabled,
    /// A value that is not known.
    #[serde(untagged)]
    Other(String),
}

/// How a definition builds pull requests from forks (`triggers[]` of type `pullRequest`, `forks`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForkBuilds {
    /// They are built.
    pub enabled: bool,
    /// These builds get the secrets of the definition.
    pub allow_secrets: bool,
    /// These builds get the same access token as others.
    pub allow_full_access_token: bool,
}

/// How a build definition is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type")]
pub enum PipelineProcess {
    /// In the designer (process type 1).
    Classic,
    /// In a file of the repository (process type 2).
    Yaml {
        /// Path of the file.
        file_name: String,
    },
    /// A type that is not known.
    Other {
        /// The number of the type.
        number: i64,
    },
}

/// A service connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceConnectionProperties {
    /// What it connects to (`azurerm`, `github`, …).
    pub connection_type: String,
    /// How it authenticates (`ServicePrincipal`, `WorkloadIdentityFederation`, …).
    pub authorization_scheme: Option<String>,
    /// Shared by several projects.
    pub is_shared: bool,
    /// Usable.
    pub is_ready: bool,
    /// What it points at; no part of it is secret.
    pub target_url: Option<String>,
}

/// A variable group. Values are not kept, not even those that are no secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VariableGroupProperties {
    /// Where its values are.
    pub source: VariableGroupSource,
    /// How many variables it has.
    pub variable_count: u64,
    /// How many of them are secret; all of them where they come from a key vault.
    pub secret_count: u64,
    /// Shared by several projects.
    pub is_shared: bool,
}

/// Where the values of a variable group are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "type")]
pub enum VariableGroupSource {
    /// In Azure DevOps (`Vsts`).
    AzureDevOps,
    /// In an Azure key vault (`AzureKeyVault`), read through a service connection.
    AzureKeyVault {
        /// Name of the vault.
        vault: Option<String>,
        /// Id of the service connection.
        service_connection_id: Option<String>,
    },
    /// A type that is not known.
    Other {
        /// The type as Azure DevOps names it.
        name: String,
    },
}

impl VariableGroupProperties {
    /// True where a pipeline that uses the group gets at a secret.
    pub fn has_secrets(&self) -> bool {
        self.secret_count > 0 || matches!(self.source, VariableGroupSource::AzureKeyVault { .. })
    }
}

/// A secure file. Its content cannot be read through the interface, and is never asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecureFileProperties {
    /// When it was uploaded, as Azure DevOps writes it.
    pub created_on: Option<String>,
    /// When it was changed last, as Azure DevOps writes it.
    pub modified_on: Option<String>,
}

/// An agent pool of the organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentPoolProperties {
    /// Agents of Microsoft.
    pub is_hosted: bool,
    /// `automation` or `deployment`.
    pub pool_type: Option<String>,
    /// New projects get a queue of it without asking.
    pub auto_provision: Option<bool>,
    /// Agents update themselves.
    pub auto_update: Option<bool>,
}

/// An environment that deployments go to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentProperties {
    /// When it was created, as Azure DevOps writes it.
    pub created_on: Option<String>,
}

/// An extension that is installed in the organization. Its id is `publisher.extension`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExtensionProperties {
    /// Id of the publisher.
    pub publisher_id: String,
    /// Name of the publisher, for people.
    pub publisher_name: Option<String>,
    /// Installed version.
    pub version: Option<String>,
    /// Installed but switched off.
    pub is_disabled: bool,
    /// Part of Azure DevOps itself (flags `builtIn`, `trusted`).
    pub is_built_in: bool,
    /// Scopes that it was granted (`vso.…`).
    pub scopes: Vec<String>,
}
