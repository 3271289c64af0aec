#![doc = include_str!("../README.md")]

mod absence;
mod authorize;
mod discover_connector;
mod discover_organization;
mod inventory_difference;
mod organization_access;
mod ownership;
mod preflight;
mod priority;
mod reads;
mod remove;
mod settings;
mod standing;
mod step;
mod work;

pub use authorize::AuthorizeConnector;
pub use discover_connector::DiscoverConnector;
pub use discover_organization::DiscoverOrganization;
pub use ownership::{Claimant, Ownership, ownership};
pub use preflight::PreflightConnector;
pub use remove::RemoveConnector;
pub use settings::{DiscoverySettings, INVENTORY_READS};

use muster_azdo::AzureDevOps;
use muster_runtime::Handler;
use std::sync::Arc;

/// The handlers of the role `discovery`.
pub fn handlers(client: AzureDevOps, settings: DiscoverySettings) -> Vec<Arc<dyn Handler>> {
    let settings = Arc::new(settings);
    vec![
        Arc::new(AuthorizeConnector::new(client.clone(), Arc::clone(&settings))),
        Arc::new(PreflightConnector::new(client.clone(), Arc::clone(&settings))),
        Arc::new(DiscoverConnector::new(client.clone(), Arc::clone(&settings))),
        Arc::new(DiscoverOrganization::new(client, settings)),
        Arc::new(RemoveConnector),
    ]
}
