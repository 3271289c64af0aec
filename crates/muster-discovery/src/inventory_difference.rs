//! From what was listed to what must be written: only differences.

use muster_domain::resource::{Presence, Resource};
use muster_domain::{ConnectorId, ResourceId};
use muster_store::changes::{Changes, PresenceWrite, ResourceWrite};
use muster_store::inventory::KnownResource;
use std::collections::{HashMap, HashSet};

/// A listing that holds fewer than this part of what was known needs a second look before anything is missing.
const SUSPICIOUS_PART: usize = 2;

/// One listing, compared with what is known while it arrives.
pub(crate) struct Difference {
    connector_id: ConnectorId,
    known: HashMap<ResourceId, KnownResource>,
    listed: HashSet<ResourceId>,
}

/// What a listed resource is beside what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// As it was known: nothing is written.
    Same,
    /// It was present, and differs.
    Changed,
    /// It was not known, or not present.
    Appeared,
}

impl Difference {
    /// Compares with `known`.
    pub(crate) fn new(connector_id: ConnectorId, known: HashMap<ResourceId, KnownResource>) -> Self {
        Self { connector_id, known, listed: HashSet::new() }
    }

    /// Notes resources that an earlier slice listed.
    pub(crate) fn listed_before(&mut self, ids: impl IntoIterator<Item = ResourceId>) {
        self.listed.extend(ids);
    }

    /// Notes a resource that is listed, and writes it where it differs.
    pub(crate) fn listed(&mut self, resource: Resource, changes: &mut Changes) -> Sighting {
        let resource_id = resource.key.resource_id(self.connector_id);
        // An item that a listing holds twice is one resource.
        if !self.listed.insert(resource_id) {
            return Sighting::Same;
        }
        let known = self.known.get(&resource_id).filter(|known| known.presence == Presence::Present);
        let sighting = match known {
            None => Sighting::Appeared,
            Some(known) if known.hash == resource.content_hash() => return Sighting::Same,
            Some(_) => Sighting::Changed,
        };
        changes.resources.push(ResourceWrite { connector_id: self.connector_id, resource });
        sighting
    }

    /// How many resources were listed.
    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.listed.len()).unwrap_or(u64::MAX)
    }

    /// What is known, not gone, and not listed. Only a listing that arrived whole may ask.
    pub(crate) fn unlisted(&self) -> impl Iterator<Item = (ResourceId, &KnownResource)> {
        let not_gone = self.known.iter().filter(|(_, known)| known.presence != Presence::Gone);
        not_gone.filter(|(id, _)| !self.listed.contains(id)).map(|(id, known)| (*id, known))
    }

    /// True where the listing lost more than half of what was present.
    pub(crate) fn is_suspicious(&self) -> bool {
        let present = self.known.values().filter(|known| known.presence == Presence::Present).count();
        let lost = self.unlisted().filter(|(_, known)| known.presence == Presence::Present).count();
        lost > present / SUSPICIOUS_PART
    }

    /// Calls missing what was present and is not listed; true where there is any.
    pub(crate) fn mark_missing(&self, changes: &mut Changes) -> bool {
        let before = changes.presence.len();
        let lost = self.unlisted().filter(|(_, known)| known.presence == Presence::Present);
        let presence = Presence::Missing;
        changes.presence.extend(lost.map(|(resource_id, _)| PresenceWrite { resource_id, presence }));
        changes.presence.len() > before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_domain::OrganizationId;
    use muster_domain::properties::{AgentPoolProperties, Properties};
    use muster_domain::resource::{ResourceKey, ResourceKind};
    use uuid::Uuid;

    const CONNECTOR: ConnectorId = ConnectorId(Uuid::from_u128(1));

    fn pool(number: i64, name: &str) -> Resource {
        Resource {
            key: ResourceKey {
                kind: ResourceKind::AgentPool,
                organization_id: OrganizationId(Uuid::from_u128(2)),
                project_id: None,
                external_id: number.to_string(),
            },
            name: name.to_owned(),
            properties: Properties::AgentPool(AgentPoolProperties {
                is_hosted: false,
                pool_type: None,
                auto_provision: None,
                auto_update: None,
            }),
        }
    }

    fn knowing(pools: &[(i64, Presence)]) -> Difference {
        let known = pools.iter().map(|(number, presence)| {
            let resource = pool(*number, "pool");
            let known = KnownResource {
                key: resource.key.clone(),
                name: resource.name.clone(),
                hash: resource.content_hash(),
                presence: *presence,
                change_sequence: 1,
            };
            (resource.key.resource_id(CONNECTOR), known)
        });
        Difference::new(CONNECTOR, known.collect())
    }

    #[test]
    fn only_what_differs_is_written() {
        use Presence::{Gone, Missing, Present};
        let mut difference = knowing(&[(1, Present), (2, Present), (3, Missing), (4, Gone)]);
        let mut changes = Changes::default();
        let mut sight = |number, name: &str| difference.listed(pool(number, name), &mut changes);
        assert_eq!(sight(1, "pool"), Sighting::Same);
        assert_eq!(sight(2, "renamed"), Sighting::Changed);
        assert_eq!(sight(2, "again in the same listing"), Sighting::Same);
        for number in [3, 4, 5] {
            assert_eq!(sight(number, "pool"), Sighting::Appeared, "{number}");
        }
        assert_eq!((changes.resources.len(), difference.count()), (4, 5));
    }

    #[test]
    fn what_is_not_listed_is_missing_once() {
        use Presence::{Gone, Missing, Present};
        let mut difference = knowing(&[(1, Present), (2, Present), (3, Missing), (4, Gone)]);
        let mut changes = Changes::default();
        difference.listed(pool(1, "pool"), &mut changes);
        assert_eq!(difference.unlisted().count(), 2, "what is missing already is not confirmed to be gone");
        assert!(difference.mark_missing(&mut changes));
        let missing = pool(2, "pool").key.resource_id(CONNECTOR);
        let written: Vec<_> =
            changes.presence.iter().map(|write| (write.resource_id, write.presence)).collect();
        assert_eq!(written, [(missing, Missing)]);
    }

    #[test]
    fn a_listing_that_lost_more_than_half_is_suspicious() {
        for (listed, is_suspicious) in
            [(&[1, 2, 3, 4][..], false), (&[1, 2], false), (&[1], true), (&[], true)]
        {
            let mut difference = knowing(&[1, 2, 3, 4].map(|number| (number, Presence::Present)));
            for number in listed {
                difference.listed(pool(*number, "pool"), &mut Changes::default());
            }
            assert_eq!(difference.is_suspicious(), is_suspicious, "{listed:?}");
        }
        assert!(!knowing(&[]).is_suspicious(), "nothing can be lost of nothing");
    }
}
