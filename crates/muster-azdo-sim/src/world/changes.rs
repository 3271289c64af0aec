//! What was changed since the world was generated. Copied on each change, so that an answer that is being
//! written keeps the world it started with.

use std::collections::{HashMap, HashSet};

use crate::world::{
    ConnectionIndex, OrganizationIndex, Presence, ProjectIndex, RepositoryIndex, ReviewerIntent,
};

#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) repositories: HashMap<RepositoryIndex, RepositoryChange>,
    /// Whether classic pipelines can no longer be created.
    pub(crate) classic_disabled: HashMap<ProjectIndex, bool>,
    /// Whether a connection is open to all pipelines.
    pub(crate) connections_open: HashMap<ConnectionIndex, bool>,
    pub(crate) revoked_tokens: HashSet<String>,
    pub(crate) stopped_organizations: HashSet<OrganizationIndex>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct RepositoryChange {
    pub(crate) name: Option<String>,
    pub(crate) presence: Presence,
    pub(crate) is_disabled: Option<bool>,
    pub(crate) intent: Option<ReviewerIntent>,
}
