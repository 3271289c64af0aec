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

    /// The row of this resource in the inventory of `connector`: a UUID made of the natural key alone, version 8 of
    /// RFC 9562, section 5.8. It begins with a hash of the project, so that the rows of a project, which are written and
    /// read together, are neighbours in every index: under scattered ids each pass touches most pages of a large database.
    pub fn resource_id(&self, connector: ConnectorId) -> ResourceId {
        let project = self.project_id.map(|id| id.to_string()).unwrap_or_default();
        let scope = format!("{}/{project}", self.organization_id);
        let name = format!("{}/{scope}/{}", self.kind, self.external_id);
        let mut bytes = Uuid::new_v5(&connector.0, name.as_bytes()).into_bytes();
        let scope = Uuid::new_v5(&connector.0, scope.as_bytes()).into_bytes();
        bytes[..SCOPE_BYTES].copy_from_slice(&scope[..SCOPE_BYTES]);
        ResourceId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// Bytes of an id that tell the project. What is left tells billions of things in each of them apart.
const SCOPE_BYTES: usize = 6;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::properties::{OrganizationProperties, RepositoryProperties};
    use std::collections::{BTreeMap, BTreeSet};
    use std::str::FromStr as _;

    const CONNECTOR: ConnectorId = ConnectorId(Uuid::from_u128(7));
    const ORGANIZATION: OrganizationId = OrganizationId(Uuid::from_u128(1));
    const PROJECT: ProjectId = ProjectId(Uuid::from_u128(2));

    fn organization(name: &str) -> Resource {
        Resource {
            key: ResourceKey::organization(ORGANIZATION),
            name: name.to_owned(),
            properties: Properties::Organization(OrganizationProperties {
                tenant_id: None,
                web_url: format!("https://dev.azure.com/{name}"),
            }),
        }
    }

    fn repository(properties: RepositoryProperties) -> Resource {
        Resource {
            key: ResourceKey::in_project(ResourceKind::Repository, ORGANIZATION, PROJECT, "abc"),
            name: "web".to_owned(),
            properties: Properties::Repository(properties),
        }
    }

    /// Computed outside: `printf '%s' JSON | sha256sum`, first 16 bytes. Another value rewrites every row once.
    #[test]
    fn content_hash_is_the_same_in_every_process_and_release() {
        // ["Contoso",{"kind":"organization","tenantId":null,"webUrl":"https://dev.azure.com/Contoso"}]
        assert_eq!(
            format!("{:?}", organization("Contoso").content_hash()),
            "bd5d3decd4fcb1c2bef809052e441e55"
        );
    }

    #[test]
    fn content_hash_sees_every_field_and_nothing_of_the_key() {
        let base = RepositoryProperties {
            default_branch: Some("refs/heads/main".to_owned()),
            is_disabled: false,
            is_in_maintenance: false,
            is_fork: false,
            web_url: None,
            size_bytes: Some(1),
        };
        let mut renamed = repository(base.clone());
        renamed.name = "api".to_owned();
        let variants = [
            renamed,
            repository(RepositoryProperties { default_branch: None, ..base.clone() }),
            repository(RepositoryProperties { is_disabled: true, ..base.clone() }),
            repository(RepositoryProperties { is_in_maintenance: true, ..base.clone() }),
            repository(RepositoryProperties { is_fork: true, ..base.clone() }),
            repository(RepositoryProperties { web_url: Some("https://x".to_owned()), ..base.clone() }),
            repository(RepositoryProperties { size_bytes: Some(2), ..base.clone() }),
            repository(base.clone()),
        ];
        let hashes: BTreeSet<_> = variants.iter().map(|resource| resource.content_hash().0).collect();
        assert_eq!(hashes.len(), variants.len());
        let mut elsewhere = repository(base.clone());
        elsewhere.key.external_id = "def".to_owned();
        assert_eq!(elsewhere.content_hash(), repository(base).content_hash());
    }

    #[test]
    fn content_hash_of_a_map_does_not_depend_on_the_order_of_insertion() {
        let forward: BTreeMap<_, _> = (0..50).map(|number| (number.to_string(), number)).collect();
        let backward: BTreeMap<_, _> = (0..50).rev().map(|number| (number.to_string(), number)).collect();
        assert_eq!(ContentHash::of(&forward), ContentHash::of(&backward));
    }

    /// Computed outside with another implementation of UUIDs. Rows of the inventory live under these ids.
    #[test]
    fn row_ids_are_the_same_for_ever() {
        let repository = ResourceKey::in_project(ResourceKind::Repository, ORGANIZATION, PROJECT, "abc");
        let pool = ResourceKey {
            kind: ResourceKind::AgentPool,
            organization_id: ORGANIZATION,
            project_id: None,
            external_id: "12".to_owned(),
        };
        assert_eq!(
            Ok(repository.resource_id(CONNECTOR)),
            ResourceId::from_str("eacb81b3-5118-84ec-baa3-32588cbeaf91")
        );
        assert_eq!(
            Ok(pool.resource_id(CONNECTOR)),
            ResourceId::from_str("179947cb-4795-852f-851a-9120a9975fa8")
        );
    }

    #[test]
    fn row_ids_differ_in_every_part_of_the_key() {
        let other = Uuid::from_u128(99);
        let in_project = |kind, organization, project, id: &str| {
            ResourceKey::in_project(kind, OrganizationId(organization), ProjectId(project), id)
        };
        let (organization, project) = (ORGANIZATION.0, PROJECT.0);
        let mut keys = vec![
            in_project(ResourceKind::Repository, other, project, "1"),
            in_project(ResourceKind::Repository, organization, other, "1"),
            in_project(ResourceKind::Repository, organization, project, "2"),
            ResourceKey::organization(ORGANIZATION),
            ResourceKey::project(ORGANIZATION, PROJECT),
        ];
        keys.extend(ResourceKind::ALL.map(|kind| in_project(kind, organization, project, "1")));
        let mut ids: BTreeSet<_> = keys.iter().map(|key| key.resource_id(CONNECTOR)).collect();
        assert_eq!(ids.len(), keys.len());
        ids.extend(keys.iter().map(|key| key.resource_id(ConnectorId(other))));
        assert_eq!(ids.len(), 2 * keys.len(), "two connectors never share a row");
    }

    #[test]
    fn rows_of_a_project_are_neighbours() {
        let id = |kind, project, name: &str| {
            ResourceKey::in_project(kind, ORGANIZATION, ProjectId(Uuid::from_u128(project)), name)
                .resource_id(CONNECTOR)
        };
        let prefix = |id: ResourceId| id.0.into_bytes()[..SCOPE_BYTES].to_vec();
        let here = prefix(id(ResourceKind::Repository, 2, "a"));
        assert_eq!(here, prefix(id(ResourceKind::Pipeline, 2, "b")));
        assert_eq!(here, prefix(ResourceKey::project(ORGANIZATION, PROJECT).resource_id(CONNECTOR)));
        assert_ne!(here, prefix(id(ResourceKind::Repository, 3, "a")));
    }

    #[test]
    fn a_shared_connection_has_a_key_in_each_project() {
        let key = |project| {
            ResourceKey::in_project(ResourceKind::ServiceConnection, ORGANIZATION, ProjectId(project), "c")
        };
        let (here, there) = (key(Uuid::from_u128(3)), key(Uuid::from_u128(4)));
        assert_ne!(here.resource_id(CONNECTOR), there.resource_id(CONNECTOR));
    }

    #[test]
    fn names_are_the_same_on_the_wire_and_in_tables() {
        for kind in ResourceKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(ResourceKind::parse(kind.as_str()), Some(kind));
            assert_eq!(kind.to_string(), kind.as_str());
        }
        assert_eq!(ResourceKind::parse("Repository"), None);
        for presence in [Presence::Present, Presence::Missing, Presence::Gone] {
            assert_eq!(serde_json::to_value(presence).unwrap(), presence.as_str());
            assert_eq!(Presence::parse(presence.as_str()), Some(presence));
        }
        assert_eq!(Presence::parse(""), None);
    }
}
