//! What the reading of projects is configured with.

use muster_domain::read::{Read, ReadScope};
use muster_domain::resource::ContentHash;
use std::collections::BTreeSet;

/// Reads of a project that the inventory needs, whatever rules are enabled.
pub const INVENTORY_READS: [Read; 6] = [
    Read::BuildDefinitions,
    Read::ServiceEndpoints,
    Read::VariableGroups,
    Read::SecureFiles,
    Read::Queues,
    Read::Environments,
];

/// What the reading of projects is configured with.
#[derive(Clone, Debug)]
pub struct SyncSettings {
    /// Reads that enabled rules declare.
    pub rule_reads: BTreeSet<Read>,
    /// The catalogue by which projects are judged now: one that was judged by another is judged anew, though nothing in
    /// it changed.
    pub catalogue: ContentHash,
}

impl SyncSettings {
    /// What is read of a project: the union of what rules and the inventory need, in the order of the enumeration, so
    /// that what is asked about resources comes after their listings.
    pub(crate) fn project_reads(&self) -> BTreeSet<Read> {
        let union = self.rule_reads.iter().copied().chain(INVENTORY_READS);
        // The bin of a project is asked by discovery, where repositories are missing.
        let is_read_here =
            |read: &Read| read.scope() == ReadScope::Project && *read != Read::DeletedRepositories;
        union.filter(is_read_here).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_union_holds_each_read_of_a_project_once_and_nothing_else() {
        let rule_reads = [
            Read::ServiceEndpoints,
            Read::PolicyConfigurations,
            Read::DeletedRepositories,
            Read::AgentPools,
            Read::PipelinePermissions,
        ];
        let settings = SyncSettings { rule_reads: rule_reads.into(), catalogue: ContentHash::of(&()) };
        let mut expected = BTreeSet::from(INVENTORY_READS);
        expected.insert(Read::PolicyConfigurations);
        assert_eq!(settings.project_reads(), expected);
    }
}
