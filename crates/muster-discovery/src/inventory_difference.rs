//! From what was listed to what must be written and told: only differences.

use muster_domain::ResourceId;
use muster_domain::arm::{self, ResourcePath};
use muster_domain::connector::Connector;
use muster_domain::resource::{Presence, Resource, ResourceKind};
use muster_messages::Fact;
use muster_messages::fact::{FactPayload, ResourceDiscovered, ResourceReference};
use muster_store::changes::{Changes, PresenceWrite, ResourceWrite};
use muster_store::inventory::KnownResource;
use std::collections::{HashMap, HashSet};

/// A listing that holds fewer than this part of what was known needs a second look before anything is missing.
const SUSPICIOUS_PART: usize = 2;

/// One listing, compared with what is known while it arrives.
pub(crate) struct Difference<'a> {
    connector: &'a Connector,
    organization: &'a str,
    now: chrono::DateTime<chrono::Utc>,
    known: HashMap<ResourceId, KnownResource>,
    listed: HashSet<ResourceId>,
}

impl<'a> Difference<'a> {
    /// Compares with `known`.
    pub(crate) fn new(
        connector: &'a Connector,
        organization: &'a str,
        now: chrono::DateTime<chrono::Utc>,
        known: HashMap<ResourceId, KnownResource>,
    ) -> Self {
        Self { connector, organization, now, known, listed: HashSet::new() }
    }

    /// Notes resources that an earlier slice listed.
    pub(crate) fn listed_before(&mut self, ids: impl IntoIterator<Item = ResourceId>) {
        self.listed.extend(ids);
    }

    /// Notes a resource that is listed; true where it is written because it differs.
    pub(crate) fn listed(
        &mut self,
        resource: Resource,
        project: Option<&str>,
        changes: &mut Changes,
    ) -> bool {
        let resource_id = resource.key.resource_id(self.connector.id);
        // An item that a listing holds twice is one resource.
        if !self.listed.insert(resource_id) {
            return false;
        }
        let known = self.known.get(&resource_id);
        if known
            .is_some_and(|known| known.presence == Presence::Present && known.hash == resource.content_hash())
        {
            return false;
        }
        if known.is_none_or(|known| known.presence == Presence::Gone) {
            changes.facts.push(self.discovered(&resource, project, known));
        }
        changes.resources.push(ResourceWrite { connector_id: self.connector.id, resource });
        true
    }

    /// How many resources were listed.
    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.listed.len()).unwrap_or(u64::MAX)
    }

    /// What was known to be present and is not listed. Only a listing that arrived whole may ask.
    pub(crate) fn unlisted(&self) -> Vec<ResourceId> {
        let present = self.known.iter().filter(|(_, known)| known.presence == Presence::Present);
        present.map(|(id, _)| *id).filter(|id| !self.listed.contains(id)).collect()
    }

    /// True where the listing lost more than half of what was present.
    pub(crate) fn is_suspicious(&self) -> bool {
        let present = self.known.values().filter(|known| known.presence == Presence::Present).count();
        self.unlisted().len() > present / SUSPICIOUS_PART
    }

    /// Calls missing what is not listed.
    pub(crate) fn mark_missing(&self, changes: &mut Changes) {
        let missing = self.unlisted().into_iter();
        let presence = Presence::Missing;
        changes.presence.extend(missing.map(|resource_id| PresenceWrite { resource_id, presence }));
    }

    fn discovered(&self, resource: &Resource, project: Option<&str>, known: Option<&KnownResource>) -> Fact {
        // A project lies in itself; its own name is the path.
        let project = if resource.key.kind == ResourceKind::Project { None } else { project };
        let path = ResourcePath { organization: self.organization, project, name: &resource.name };
        Fact {
            subject: arm::resource_id(self.connector, &resource.key, path),
            sequence: known.map_or(0, |known| known.change_sequence) + 1,
            time: self.now,
            payload: FactPayload::ResourceDiscovered(ResourceDiscovered {
                connector_id: self.connector.id,
                resource: ResourceReference {
                    kind: resource.key.kind,
                    organization: self.organization.to_owned(),
                    project_id: resource.key.project_id,
                    id: resource.key.external_id.clone(),
                    name: resource.name.clone(),
                },
            }),
        }
    }
}
