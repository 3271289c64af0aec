//! The reads of a project, one file each.

mod agent_queues;
mod authorized_resources;
mod build_definitions;
mod check_configurations;
mod environments;
mod general_settings;
mod paged;
mod policy_configurations;
mod resources;
mod secure_files;
mod service_endpoints;
mod variable_groups;

use crate::pass::Pass;
use muster_azdo::CallError;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use muster_runtime::HandlerError;

/// The read that lists the resources of a project of one protected type. Repositories are listed by discovery.
pub(crate) fn listing_of(resource: ProtectedResource) -> Option<Read> {
    match resource {
        ProtectedResource::Endpoint => Some(Read::ServiceEndpoints),
        ProtectedResource::Queue => Some(Read::Queues),
        ProtectedResource::VariableGroup => Some(Read::VariableGroups),
        ProtectedResource::SecureFile => Some(Read::SecureFiles),
        ProtectedResource::Environment => Some(Read::Environments),
        ProtectedResource::Repository => None,
    }
}

/// The protected type whose resources a read lists.
fn protected_of(read: Read) -> Option<ProtectedResource> {
    ProtectedResource::ALL.into_iter().find(|resource| listing_of(*resource) == Some(read))
}

/// Why a read gave nothing.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The call failed.
    Call(CallError),
    /// Something else did.
    Handler(HandlerError),
}

impl From<CallError> for ReadError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<HandlerError> for ReadError {
    fn from(error: HandlerError) -> Self {
        Self::Handler(error)
    }
}

/// Makes one read and notes what came of it.
pub(crate) async fn read(read: Read, pass: &mut Pass<'_>) -> Result<(), ReadError> {
    match read {
        Read::PolicyConfigurations => policy_configurations::read(pass).await,
        Read::GeneralSettings => general_settings::read(pass).await,
        Read::BuildDefinitions => build_definitions::read(pass).await,
        Read::ServiceEndpoints => service_endpoints::read(pass).await,
        Read::VariableGroups => variable_groups::read(pass).await,
        Read::SecureFiles => secure_files::read(pass).await,
        Read::Queues => agent_queues::read(pass).await,
        Read::Environments => environments::read(pass).await,
        Read::AuthorizedResources => authorized_resources::read(pass).await,
        Read::CheckConfigurations => check_configurations::read(pass).await,
        // Made by discovery, where repositories are missing; the handler leaves it out, as it does with everything
        // that is not read per project.
        Read::DeletedRepositories
        | Read::ConnectionData
        | Read::Profile
        | Read::Accounts
        | Read::EnterpriseCatalog
        | Read::Projects
        | Read::Repositories
        | Read::AgentPools
        | Read::Extensions
        | Read::OrganizationPolicies
        | Read::OrganizationPipelineSettings
        | Read::AuditStreams
        | Read::UserEntitlements
        | Read::AccessControlLists
        | Read::AdvancedSecurityEnablement
        | Read::PipelinePermissions
        | Read::RoleAssignments => Ok(()),
    }
}
