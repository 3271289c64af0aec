//! The inventory: one shape for every kind of resource.

use crate::properties::Properties;
use crate::{ConnectorId, OrganizationId, ProjectId, ResourceId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use uuid::Uuid;

/// What kind of thing a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResourceKind {
    /// An Azure DevOps organization.
    Organization,
    /// A team project.
    Project,
    /// A Git repository.
    Repository,
    /// A build definition.
    Pipeline,
    /// A service endpoint.
    ServiceConnection,
    /// A variable group.
    VariableGroup,
    /// A secure file.
    SecureFile,
    /// An agent pool.
    AgentPool,
    /// A deployment environment.
    Environment,
    /// An artifact feed.
    Feed,
    /// An installed extension.
    Extension,
}

impl ResourceKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Organization,
        Self::Project,
        Self::Repository,
        Self::Pipeline,
        Self::ServiceConnection,
        Self::VariableGroup,
        Self::SecureFile,
        Self::AgentPool,
        Self::Environment,
        Self::Feed,
        Self::Extension,
    ];

    /// The name on the wire and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::Project => "project",
            Self::Repository => "repository",
            Self::Pipeline => "pipeline",
            Self::ServiceConnection => "serviceConnection",
            Self::VariableGroup => "variableGroup",
            Self::SecureFile => "secureFile",
            Self::AgentPool => "agentPool",
            Self::Environment => "environment",
            Self::Feed => "feed",
            Self::Extension => "extension",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What names a resource for ever: Azure DevOps' immutable ids, never its names.
///
/// A service connection that several projects share has one key per project: it is judged once per project.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceKey {
    /// What it is.
    pub kind: ResourceKind,
    /// The organization it lies in.
    pub organization_id: OrganizationId,
    /// The project it lies in; absent for organizations, pools and extensions. A project's own id for a project.
    pub project_id: Option<ProjectId>,
    /// Azure DevOps' id, as text: a GUID, or a number for pipelines, variable groups, pools and environments.
    pub external_id: String,
}

impl ResourceKey {
    /// Key of an organization.
    pub fn organization(organization_id: OrganizationId) -> Self {
        Self {
            kind: ResourceKind::Organization,
            organization_id,
            project_id: None,
            external_id: organization_id.to_string(),
        }
    }

    /// Key of a project.
    pub fn project(organization_id: OrganizationId, project_id: ProjectId) -> Self {
        Self {
            kind: ResourceKind::Project,
            organization_id,
            project_id: Some(project_id),
            external_id: project_id.to_string(),
        }
    }

    /// Key of something that lies in a project.
    pub fn in_project(
        kind: ResourceKind,
        organization_id: OrganizationId,
        project_id: ProjectId,
        external_id: impl Into<String>,
    ) -> Self {
        Self { kind, organization_id, project_id: Some(project_id), external_id: external_id.into() }
    }

    /// The row of this resource in the inventory of `connector`: UUIDv5 of the natural key.
    pub fn resource_id(&self, connector: ConnectorId) -> ResourceId {
        let project = self.project_id.map(|id| id.to_string()).unwrap_or_default();
        let name = format!("{}/{}/{project}/{}", self.kind, self.organization_id, self.external_id);
        ResourceId(Uuid::new_v5(&connector.0, name.as_bytes()))
    }
}

/// One thing in the inventory, as it was last read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// What names it.
    pub key: ResourceKey,
    /// Its present name.
    pub name: String,
    /// What was read of it, typed by kind.
    pub properties: Properties,
}

impl Resource {
    /// Hash of all that is kept of it: equal hashes mean that nothing needs to be written.
    pub fn content_hash(&self) -> ContentHash {
        ContentHash::of(&(&self.name, &self.properties))
    }
}

/// Whether a resource is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Presence {
    /// Listed by the last complete listing.
    Present,
    /// No longer listed, not confirmed to be gone: a caller with fewer rights sees fewer resources.
    Missing,
    /// Confirmed to be gone.
    Gone,
}

impl Presence {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Missing => "missing",
            Self::Gone => "gone",
        }
    }

    /// The presence of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Present, Self::Missing, Self::Gone].into_iter().find(|presence| presence.as_str() == name)
    }
}

/// First 16 bytes of the SHA-256 of a value's JSON.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 16]);

impl ContentHash {
    /// Hashes the JSON of `value`; struct fields keep their order and maps are sorted, so that equal values
    /// hash alike.
    pub fn of<T: Serialize>(value: &T) -> Self {
        // Values of this crate always serialise: their maps have text keys.
        let json = serde_json::to_vec(value).unwrap_or_default();
        let digest = Sha256::digest(&json);
        let mut bytes = [0_u8; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(bytes)
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}
