//! Resources that pipelines need leave to use.

use crate::resource::ResourceKind;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A kind of resource that pipelines need leave to use, by the name that Azure DevOps gives it in
/// `pipelinepermissions`, `authorizedresources` and checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProtectedResource {
    /// A service connection.
    Endpoint,
    /// An agent queue.
    Queue,
    /// A variable group.
    VariableGroup,
    /// A secure file.
    SecureFile,
    /// An environment.
    Environment,
    /// A repository; its id is `{projectId}.{repositoryId}`.
    Repository,
}

impl ProtectedResource {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Endpoint,
        Self::Queue,
        Self::VariableGroup,
        Self::SecureFile,
        Self::Environment,
        Self::Repository,
    ];

    /// Kinds of which `authorizedresources` is used to tell which are open to all pipelines. Whether it lists
    /// environments and repositories is not documented.
    pub const LISTED_WHEN_OPEN: [Self; 4] =
        [Self::Endpoint, Self::Queue, Self::VariableGroup, Self::SecureFile];

    /// The name in paths, answers and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Queue => "queue",
            Self::VariableGroup => "variablegroup",
            Self::SecureFile => "securefile",
            Self::Environment => "environment",
            Self::Repository => "repository",
        }
    }

    /// The kind of that name; answers write it in any case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name))
    }

    /// What it is in the inventory; a queue is the use of a pool by a project and no resource of its own.
    pub fn resource_kind(self) -> Option<ResourceKind> {
        match self {
            Self::Endpoint => Some(ResourceKind::ServiceConnection),
            Self::Queue => None,
            Self::VariableGroup => Some(ResourceKind::VariableGroup),
            Self::SecureFile => Some(ResourceKind::SecureFile),
            Self::Environment => Some(ResourceKind::Environment),
            Self::Repository => Some(ResourceKind::Repository),
        }
    }
}

impl fmt::Display for ProtectedResource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_on_the_wire_and_in_paths_and_read_in_any_case() {
        for kind in ProtectedResource::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(ProtectedResource::parse(&kind.as_str().to_uppercase()), Some(kind));
            assert_eq!(kind.to_string(), kind.as_str());
        }
        assert_eq!(ProtectedResource::parse("pool"), None);
    }
}
