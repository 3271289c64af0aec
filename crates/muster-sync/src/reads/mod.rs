//! The reads of a project, one file each.

mod authorized_resources;
mod build_definitions;
mod general_settings;
mod paged;
mod policy_configurations;
mod service_endpoints;

use crate::pass::Pass;
use muster_azdo::CallError;
use muster_domain::read::Read;
use muster_runtime::HandlerError;

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
        Read::AuthorizedResources => authorized_resources::read(pass).await,
        // Not read per project; the handler leaves them out.
        _ => Ok(()),
    }
}
