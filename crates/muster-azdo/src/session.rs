//! Calls as one identity.

use crate::authorization::Authorization;
use crate::client::AzureDevOps;
use crate::lane::Lane;
use muster_domain::IdentityKey;
use muster_domain::budget::Caller;
use std::fmt;
use std::sync::Arc;

/// Calls as one identity; see the methods, one for each read. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    pub(crate) client: AzureDevOps,
    pub(crate) identity: IdentityKey,
    pub(crate) authorization: Authorization,
    pub(crate) caller: Caller,
    pub(crate) lane: Arc<Lane>,
}

impl Session {
    /// Whose budget the calls draw on.
    pub fn identity(&self) -> &IdentityKey {
        &self.identity
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Session")
            .field("identity", &self.identity)
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}
