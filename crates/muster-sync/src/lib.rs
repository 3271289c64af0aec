#![doc = include_str!("../README.md")]

mod cross_check;
mod links;
mod pass;
mod project;
mod reads;
mod refusal;
mod settings;

pub use project::SyncProject;
pub use settings::{INVENTORY_READS, SyncSettings};

use muster_azdo::AzureDevOps;
use muster_runtime::Handler;
use std::sync::Arc;

/// The handlers of the role `sync`.
pub fn handlers(client: AzureDevOps, settings: &SyncSettings) -> Vec<Arc<dyn Handler>> {
    vec![Arc::new(SyncProject::new(client, settings))]
}
