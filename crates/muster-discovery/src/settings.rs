//! What discovery is configured with.

use muster_domain::read::{Read, ReadScope};
use std::collections::BTreeSet;
use std::time::Duration;

/// Reads of an organization that the inventory needs, whatever rules are enabled.
pub const INVENTORY_READS: [Read; 5] = [
    Read::AgentPools,
    Read::Extensions,
    Read::OrganizationPolicies,
    Read::OrganizationPipelineSettings,
    Read::AuditStreams,
];

/// What discovery is configured with.
#[derive(Clone, Debug)]
pub struct DiscoverySettings {
    /// A scheduled discovery asks for the reading of projects that were not read for so long; one that somebody asked
    /// for reads every project.
    pub sync_every: Duration,
    /// Reads that enabled rules declare.
    pub rule_reads: BTreeSet<Read>,
    /// Reads that are switched off.
    pub switched_off: BTreeSet<Read>,
}

impl DiscoverySettings {
    /// What is read of an organization beside its projects and repositories, in the order of a pass: the union of what
    /// rules and the inventory need.
    pub(crate) fn organization_reads(&self) -> BTreeSet<Read> {
        let union = self.rule_reads.iter().copied().chain(INVENTORY_READS);
        union.filter(|read| read.scope() == ReadScope::Organization && !is_listed_first(*read)).collect()
    }

    /// False where the read must not be made.
    pub(crate) fn is_on(&self, read: Read) -> bool {
        !self.switched_off.contains(&read)
    }
}

/// The steps that every discovery begins with.
fn is_listed_first(read: Read) -> bool {
    matches!(read, Read::ConnectionData | Read::Projects | Read::Repositories)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(rule_reads: &[Read]) -> DiscoverySettings {
        DiscoverySettings {
            sync_every: Duration::ZERO,
            rule_reads: rule_reads.iter().copied().collect(),
            switched_off: BTreeSet::from([Read::OrganizationPolicies]),
        }
    }

    #[test]
    fn the_union_holds_each_read_of_an_organization_once_and_nothing_else() {
        let reads =
            settings(&[Read::Repositories, Read::ServiceEndpoints, Read::AgentPools]).organization_reads();
        assert_eq!(reads, BTreeSet::from(INVENTORY_READS));
        let reads = settings(&[Read::AdvancedSecurityEnablement]).organization_reads();
        assert!(reads.contains(&Read::AdvancedSecurityEnablement));
        assert_eq!(reads.len(), INVENTORY_READS.len() + 1);
    }

    #[test]
    fn what_is_switched_off_stays_in_the_union_so_that_it_is_said() {
        let settings = settings(&[]);
        assert!(settings.organization_reads().contains(&Read::OrganizationPolicies));
        assert!(!settings.is_on(Read::OrganizationPolicies) && settings.is_on(Read::AgentPools));
    }
}
