#![doc = include_str!("../README.md")]

mod answer;
mod authorization;
mod breaker;
mod call;
mod calls;
mod classify;
mod client;
mod csv;
mod entra;
mod error;
mod excerpt;
mod failure;
mod hosts;
mod json;
mod lane;
mod page;
mod reservation;
mod send;
mod session;
mod signals;

pub use authorization::Authorization;
pub use calls::access_control_lists::{AccessControlEntry, AccessControlListItem};
pub use calls::accounts::Account;
pub use calls::advanced_security_enablement::{AdvancedSecurityBatches, AdvancedSecurityItem};
pub use calls::agent_pools::AgentPoolItem;
pub use calls::agent_queues::AgentQueueItem;
pub use calls::build_definitions::PipelineItem;
pub use calls::check_configurations::{CHECKS_PER_CALL, CheckConfigurationItem};
pub use calls::connection_data::ConnectionData;
pub use calls::deleted_repositories::DeletedRepositoryItem;
pub use calls::enterprise_catalog::CatalogEntry;
pub use calls::environments::EnvironmentItem;
pub use calls::extensions::ExtensionItem;
pub use calls::profile::{Profile, ProfileId};
pub use calls::projects::ProjectItem;
pub use calls::repositories::{RepositoryBatches, RepositoryItem};
pub use calls::role_assignments::{RoleAssignmentItem, RoleScope};
pub use calls::secure_files::SecureFileItem;
pub use calls::service_endpoints::ServiceConnectionItem;
pub use calls::user_entitlements::UserEntitlementItem;
pub use calls::variable_groups::VariableGroupItem;
pub use client::{AzureDevOps, ClientError, ClientOptions};
pub use entra::{ApplicationTokens, ENTRA_URL};
pub use error::{CallError, CallTarget, UnauthorizedReason};
pub use hosts::{Hosts, is_loopback};
pub use page::{Page, PageGuard, PageRequest};
pub use session::Session;

#[cfg(test)]
mod tests;
