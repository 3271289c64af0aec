//! Reads: the calls that tell something about posture, and what came of them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One kind of call to Azure DevOps. Rules declare the reads they need, the budget learns a cost for each,
/// the simulator counts them under the same names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Read {
    /// `GET /{organization}/_apis/connectionData`: who am I, which organization is this.
    ConnectionData,
    /// `GET /_apis/profile/profiles/me`: the person behind a credential.
    Profile,
    /// `GET /_apis/accounts?memberId=`: organizations of that person.
    Accounts,
    /// `GET /{organization}/_apis/projects`.
    Projects,
    /// `GET /{organization}/_apis/git/repositories`, of the whole organization.
    Repositories,
    /// `GET /{organization}/{project}/_apis/policy/configurations`.
    PolicyConfigurations,
    /// `GET /{organization}/{project}/_apis/build/generalsettings`.
    GeneralSettings,
    /// `GET /{organization}/{project}/_apis/build/definitions`, with all properties.
    BuildDefinitions,
    /// `GET /{organization}/{project}/_apis/serviceendpoint/endpoints`.
    ServiceEndpoints,
    /// `GET /{organization}/{project}/_apis/build/authorizedresources`, the list form.
    AuthorizedResources,
    /// `GET /{organization}/{project}/_apis/pipelines/pipelinepermissions/{type}/{id}`: one resource.
    PipelinePermissions,
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
    pub const ALL: [Self; 11] = [
        Self::ConnectionData,
        Self::Profile,
        Self::Accounts,
        Self::Projects,
        Self::Repositories,
        Self::PolicyConfigurations,
        Self::GeneralSettings,
        Self::BuildDefinitions,
        Self::ServiceEndpoints,
        Self::AuthorizedResources,
        Self::PipelinePermissions,
    ];

    /// The name on the wire, in tables, in the budget and in the simulator.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectionData => "connectionData",
            Self::Profile => "profile",
            Self::Accounts => "accounts",
            Self::Projects => "projects",
            Self::Repositories => "repositories",
            Self::PolicyConfigurations => "policyConfigurations",
            Self::GeneralSettings => "generalSettings",
            Self::BuildDefinitions => "buildDefinitions",
            Self::ServiceEndpoints => "serviceEndpoints",
            Self::AuthorizedResources => "authorizedResources",
            Self::PipelinePermissions => "pipelinePermissions",
        }
    }

    /// The read of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|read| read.as_str() == name)
    }

    /// How far one call reaches.
    pub fn scope(self) -> ReadScope {
        match self {
            Self::Profile | Self::Accounts => ReadScope::Credential,
            Self::ConnectionData | Self::Projects | Self::Repositories => ReadScope::Organization,
            Self::PolicyConfigurations
            | Self::GeneralSettings
            | Self::BuildDefinitions
            | Self::ServiceEndpoints
            | Self::AuthorizedResources => ReadScope::Project,
            Self::PipelinePermissions => ReadScope::Resource,
        }
    }

    /// The least right that unlocks it, as a personal access token names it. Absent: any token may.
    /// Source: `security.oauth2` of Microsoft's published REST specifications.
    pub fn token_scope(self) -> Option<&'static str> {
        match self {
            Self::ConnectionData => None,
            Self::Profile | Self::Accounts => Some("vso.profile"),
            Self::Projects | Self::GeneralSettings => Some("vso.project"),
            Self::Repositories | Self::PolicyConfigurations => Some("vso.code"),
            Self::BuildDefinitions | Self::AuthorizedResources | Self::PipelinePermissions => {
                Some("vso.build")
            }
            Self::ServiceEndpoints => Some("vso.serviceendpoint"),
        }
    }
}

impl fmt::Display for Read {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
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
}

impl UnknownReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::NotReadYet,
        Self::Forbidden,
        Self::ContractViolation,
        Self::ListNotVerified,
        Self::PermissionsNotRead,
    ];

    /// The cause code that an assessment carries.
    pub fn cause(self) -> &'static str {
        match self {
            Self::NotReadYet => "NotReadYet",
            Self::Forbidden => "ReadForbidden",
            Self::ContractViolation => "UnexpectedAnswer",
            Self::ListNotVerified => "AuthorizedResourcesNotVerified",
            Self::PermissionsNotRead => "PipelinePermissionsNotRead",
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
        }
    }
}
