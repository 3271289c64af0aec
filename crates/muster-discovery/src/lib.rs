#![doc = include_str!("../README.md")]

mod authorize;
mod discover_connector;
mod discover_organization;
mod follow_up;
mod inventory_difference;
mod organization_access;
mod preflight;
mod remove;
mod work;

pub use authorize::AuthorizeConnector;
pub use discover_connector::DiscoverConnector;
pub use discover_organization::DiscoverOrganization;
pub use preflight::PreflightConnector;
pub use remove::RemoveConnector;

use muster_azdo::AzureDevOps;
use muster_runtime::Handler;
use std::sync::Arc;
use std::time::Duration;

/// The handlers of the role `discovery`. A scheduled discovery asks for the reading of projects that were not read
/// for `sync_every`; one that somebody asked for reads every project.
pub fn handlers(client: AzureDevOps, sync_every: Duration) -> Vec<Arc<dyn Handler>> {
    vec![
        Arc::new(AuthorizeConnector::new(client.clone())),
        Arc::new(PreflightConnector::new(client.clone())),
        Arc::new(DiscoverConnector::new(client.clone())),
        Arc::new(DiscoverOrganization::new(client, sync_every)),
        Arc::new(RemoveConnector),
    ]
}
