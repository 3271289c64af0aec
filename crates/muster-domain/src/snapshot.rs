//! What rules judge: everything known of one project, with the reason for everything that is not.

use crate::policy::PolicyConfiguration;
use crate::properties::{ProjectProperties, RepositoryProperties, ServiceConnectionProperties};
use crate::read::{Reading, UnknownReason};
use crate::resource::{ResourceKey, ResourceKind};
use crate::{OrganizationId, OrganizationName, ProjectId, RepositoryId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Everything known of one project.
#[derive(Clone, Debug)]
pub struct ProjectSnapshot {
    /// Its organization.
    pub organization: OrganizationView,
    /// The project itself.
    pub project_id: ProjectId,
    /// Its name.
    pub project_name: String,
    /// Its own properties.
    pub project: ProjectProperties,
    /// Its repositories that are present or missing.
    pub repositories: Vec<RepositoryView>,
    /// Its service connections.
    pub service_connections: Vec<ServiceConnectionView>,
    /// Policy configurations of all its repositories and branches.
    pub policies: Reading<Vec<PolicyConfiguration>>,
    /// Pipeline settings.
    pub general_settings: Reading<GeneralSettings>,
    /// Resources that all pipelines may use, and how far that list is to be believed.
    pub authorized_resources: AuthorizedResources,
}

impl ProjectSnapshot {
    /// Key of the project.
    pub fn key(&self) -> ResourceKey {
        ResourceKey::project(self.organization.id, self.project_id)
    }

    /// Key of something in the project.
    pub fn key_of(&self, kind: ResourceKind, external_id: impl Into<String>) -> ResourceKey {
        ResourceKey::in_project(kind, self.organization.id, self.project_id, external_id)
    }

    /// A page of the project: `_settings/policies`, …; the name is percent-encoded.
    pub fn page(&self, path: &str) -> String {
        format!("{}/{}/{path}", self.organization.web_url, encode_path_segment(&self.project_name))
    }
}

/// The organization of a snapshot.
#[derive(Clone, Debug)]
pub struct OrganizationView {
    /// Immutable id.
    pub id: OrganizationId,
    /// Present name.
    pub name: OrganizationName,
    /// Its page, without a trailing slash.
    pub web_url: String,
}

/// A repository of a snapshot.
#[derive(Clone, Debug)]
pub struct RepositoryView {
    /// Immutable id.
    pub id: RepositoryId,
    /// Present name.
    pub name: String,
    /// What was read of it.
    pub properties: RepositoryProperties,
}

/// A service connection of a snapshot.
#[derive(Clone, Debug)]
pub struct ServiceConnectionView {
    /// Azure DevOps' id.
    pub id: String,
    /// Present name.
    pub name: String,
    /// What was read of it.
    pub properties: ServiceConnectionProperties,
}

/// Pipeline settings of a project, as far as they are judged. Older answers lack the two newer switches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GeneralSettings {
    /// Nobody may create classic build pipelines.
    pub disable_classic_build_pipeline_creation: Option<bool>,
    /// Nobody may create classic release pipelines.
    pub disable_classic_release_pipeline_creation: Option<bool>,
    /// The older switch for both.
    pub disable_classic_pipeline_creation: Option<bool>,
}

/// Resources that all pipelines of the project may use, and how far the list is to be believed.
///
/// The list form of `authorizedresources` is not documented to list: it is believed only where single resources,
/// asked one by one, said the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedResources {
    /// The list.
    pub list: Reading<AuthorizedResourceList>,
    /// What the cross-check of this organization came to.
    pub check: ListCheck,
    /// Answers for single resources, by id of the resource; they win over the list.
    pub single: BTreeMap<String, PipelineAccess>,
}

/// The list form of `authorizedresources`: ids by type (`endpoint`, `queue`, `variablegroup`, `securefile`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizedResourceList {
    /// Ids of service connections that all pipelines may use.
    pub endpoints: BTreeSet<String>,
}

/// What the cross-check of an organization's authorized-resources lists came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ListCheck {
    /// Not done yet, or nothing listed could be asked for.
    #[default]
    NotVerified,
    /// A listed resource was open, and no unlisted one was: the list is believed.
    Agrees,
    /// A single resource said otherwise: permissions are read one by one.
    Disagrees,
}

impl ListCheck {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotVerified => "notVerified",
            Self::Agrees => "agrees",
            Self::Disagrees => "disagrees",
        }
    }
}

/// Which pipelines may use a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PipelineAccess {
    /// Every pipeline of the project, those of tomorrow too.
    AllPipelines,
    /// Only pipelines that were permitted one by one.
    PermittedOnly,
}

impl AuthorizedResources {
    /// Which pipelines may use the service connection `id`.
    pub fn endpoint_access(&self, id: &str) -> Reading<PipelineAccess> {
        if let Some(access) = self.single.get(id) {
            return Reading::Known(*access);
        }
        match (&self.list, self.check) {
            (Reading::Unknown(reason), _) => Reading::Unknown(*reason),
            (Reading::Known(_), ListCheck::Disagrees) => Reading::Unknown(UnknownReason::PermissionsNotRead),
            // What is listed as open needs no further proof to be called open.
            (Reading::Known(list), _) if list.endpoints.contains(id) => {
                Reading::Known(PipelineAccess::AllPipelines)
            }
            (Reading::Known(_), ListCheck::Agrees) => Reading::Known(PipelineAccess::PermittedOnly),
            (Reading::Known(_), ListCheck::NotVerified) => Reading::Unknown(UnknownReason::ListNotVerified),
        }
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986, section 2.3).
pub fn encode_path_segment(segment: &str) -> String {
    use std::fmt::Write as _;
    segment.bytes().fold(String::with_capacity(segment.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}
