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
