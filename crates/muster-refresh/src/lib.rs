#![doc = include_str!("../README.md")]

mod difference;
mod organization;
mod project;

pub use organization::RefreshOrganization;
pub use project::RefreshProject;

use muster_runtime::Handler;
use std::sync::Arc;

/// The handlers of the role `refresh`.
pub fn handlers() -> Vec<Arc<dyn Handler>> {
    vec![Arc::new(RefreshProject), Arc::new(RefreshOrganization)]
}
