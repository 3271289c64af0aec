//! What pipelines of a project use beside connections: agent queues, variable groups, secure files, environments.

use uuid::Uuid;

use crate::world::{Draw, ProjectIndex, Topic, World, moment};

#[derive(Debug, Clone)]
pub(crate) struct LibraryResource {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Any pipeline of the project may use it.
    pub(crate) is_open: bool,
    pub(crate) created: String,
    /// A variable group with a secret, or linked to a vault.
    pub(crate) has_secret: bool,
    pub(crate) owner: Uuid,
}

/// The kinds of protected resources, by the names that paths and answers use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResourceKind {
    Endpoint,
    Queue,
    VariableGroup,
    SecureFile,
    Environment,
    Repository,
}

impl ResourceKind {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        const ALL: [ResourceKind; 6] = [
            ResourceKind::Endpoint,
            ResourceKind::Queue,
            ResourceKind::VariableGroup,
            ResourceKind::SecureFile,
            ResourceKind::Environment,
            ResourceKind::Repository,
        ];
        ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(text))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Queue => "queue",
            Self::VariableGroup => "variablegroup",
            Self::SecureFile => "securefile",
            Self::Environment => "environment",
            Self::Repository => "repository",
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Queue => &["Azure Pipelines", "Default", "linux-self-hosted", "build-farm"],
            Self::VariableGroup => &["common-settings", "production-secrets", "feature-flags", "signing"],
            Self::SecureFile => &["signing.pfx", "deploy-key.pem", "distribution.mobileprovision"],
            Self::Environment => &["production", "staging", "development", "test"],
            Self::Endpoint | Self::Repository => &[],
        }
    }

    fn has_numeric_id(self) -> bool {
        self != Self::SecureFile
    }
}

/// The resources of one kind in a project. Connections and repositories are not here: they are resources on their
/// own.
pub(crate) fn of_project(world: &World, project: ProjectIndex, kind: ResourceKind) -> Vec<LibraryResource> {
    let names = kind.names();
    let mut draw = Draw::new(world.seed, Topic::ProjectResources, &[project.0, kind as usize]);
    let count = match kind {
        ResourceKind::Queue => 1 + draw.below(names.len()),
        _ => draw.below(names.len() + 1),
    };
    let resource = |(position, name): (usize, &&str)| {
        let mut draw = Draw::new(world.seed, Topic::ResourceId, &[project.0, kind as usize, position]);
        let uuid = draw.uuid();
        let number = 1 + world.project(project).position * 4 + position;
        LibraryResource {
            id: if kind.has_numeric_id() { number.to_string() } else { uuid.to_string() },
            name: (*name).to_owned(),
            is_open: draw.percent(30),
            created: moment(&mut draw),
            has_secret: draw.percent(40),
            owner: draw.uuid(),
        }
    };
    names.iter().enumerate().take(count).map(resource).collect()
}
