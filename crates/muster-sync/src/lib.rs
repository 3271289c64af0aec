#![doc = include_str!("../README.md")]

mod cross_check;
mod links;
mod pass;
mod project;
mod reads;

pub use project::SyncProject;

use muster_azdo::AzureDevOps;
use muster_domain::read::Read;
use muster_runtime::Handler;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Reads of a project that the inventory needs, whatever rules are enabled.
pub const INVENTORY_READS: [Read; 6] = [
    Read::BuildDefinitions,
    Read::ServiceEndpoints,
    Read::VariableGroups,
    Read::SecureFiles,
    Read::Queues,
    Read::Environments,
];

/// The handlers of the role `sync`: `rule_reads` are the reads that enabled rules declare.
pub fn handlers(client: AzureDevOps, rule_reads: &BTreeSet<Read>) -> Vec<Arc<dyn Handler>> {
    vec![Arc::new(SyncProject::new(client, rule_reads))]
}
