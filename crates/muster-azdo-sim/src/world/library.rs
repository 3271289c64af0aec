//! What pipelines of a project use beside connections: agent queues, variable groups, secure files, environments.

use uuid::Uuid;

use crate::world::{AgentPool, Draw, ProjectIndex, Topic, World, moment};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LibraryResource {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Any pipeline of the project may use it.
    pub(crate) is_open: bool,
    pub(crate) created: String,
    /// What a pipeline gets at that uses it; nothing but variable groups hold secrets that are known of.
    pub(crate) secrets: Secrets,
    pub(crate) owner: Uuid,
}

/// Where the secrets of a variable group are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrets {
    /// It has none.
    Absent,
    /// In variables of its own.
    Variables,
    /// In a key vault: every variable of the group is a secret.
    KeyVault,
}

/// The kinds of protected resources, by the names that paths and answers use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ResourceKind {
    Endpoint,
    Queue,
    VariableGroup,
    SecureFile,
    Environment,
    Repository,
}

/// A project has fewer than this of each kind, and numbers are unique in an organization.
const NUMBERS_PER_PROJECT: usize = 16;

/// Numbers of what is added while the simulator runs begin here, far behind those that were generated.
const FIRST_ADDED_NUMBER: usize = 100_000_000;

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
            Self::VariableGroup => &["common-settings", "production-secrets", "feature-flags", "signing"],
            Self::SecureFile => &["signing.pfx", "deploy-key.pem", "distribution.mobileprovision"],
            Self::Environment => &["production", "staging", "development", "test"],
            Self::Queue | Self::Endpoint | Self::Repository => &[],
        }
    }

    /// A project has up to this many; always one queue, of the rest perhaps none.
    fn most(self) -> usize {
        match self {
            Self::Queue => AgentPool::OF_QUEUES.len(),
            Self::VariableGroup => 13,
            Self::SecureFile => 4,
            Self::Environment => 11,
            Self::Endpoint | Self::Repository => 0,
        }
    }

    fn has_numeric_id(self) -> bool {
        self != Self::SecureFile
    }

    fn name_at(self, position: usize) -> String {
        if self == Self::Queue {
            return AgentPool::OF_QUEUES[position % AgentPool::OF_QUEUES.len()].name.to_owned();
        }
        let names = self.names();
        let name = names[position % names.len()];
        match position / names.len() {
            0 => name.to_owned(),
            round => format!("{name}-{}", round + 1),
        }
    }
}

/// How many resources of a kind a project was generated with.
pub(crate) fn count(world: &World, project: ProjectIndex, kind: ResourceKind) -> usize {
    let mut draw = Draw::new(world.seed, Topic::ProjectResources, &[project.0, kind as usize]);
    match kind {
        ResourceKind::Queue => 1 + draw.below(kind.most()),
        _ => draw.below(kind.most() + 1),
    }
}

/// The resources of one kind in a project, as they were generated. Connections and repositories are not here: they
/// are resources on their own.
pub(crate) fn of_project(world: &World, project: ProjectIndex, kind: ResourceKind) -> Vec<LibraryResource> {
    (0..count(world, project, kind)).map(|position| generate(world, project, kind, position)).collect()
}

fn generate(world: &World, project: ProjectIndex, kind: ResourceKind, position: usize) -> LibraryResource {
    let mut draw = Draw::new(world.seed, Topic::ResourceId, &[project.0, kind as usize, position]);
    let uuid = draw.uuid();
    let number = 1 + world.project(project).position * NUMBERS_PER_PROJECT + position;
    let is_drawn_open = draw.percent(30);
    LibraryResource {
        id: if kind.has_numeric_id() { number.to_string() } else { uuid.to_string() },
        name: kind.name_at(position),
        is_open: is_drawn_open || (position == 0 && is_witness(world, project, kind)),
        created: moment(&mut draw),
        secrets: if kind == ResourceKind::VariableGroup {
            Secrets::plant(&mut draw)
        } else {
            Secrets::Absent
        },
        owner: draw.uuid(),
    }
}

/// Whether the first resource of the kind is open whatever was drawn: every organization that has some has an open
/// one, so that clients can prove what the list of open resources tells.
fn is_witness(world: &World, project: ProjectIndex, kind: ResourceKind) -> bool {
    let mut projects = world.organization_of(project).projects.clone().map(ProjectIndex);
    projects.find(|other| count(world, *other, kind) > 0) == Some(project)
}

impl Secrets {
    fn plant(draw: &mut Draw) -> Self {
        draw.weighted(&[(45, Self::Absent), (35, Self::Variables), (20, Self::KeyVault)])
    }
}

impl LibraryResource {
    /// One that is added while the simulator runs; `number` is unique among those.
    pub(crate) fn added(
        world: &World,
        kind: ResourceKind,
        number: usize,
        name: String,
        secrets: Secrets,
    ) -> Self {
        let mut draw = Draw::new(world.seed, Topic::AddedResource, &[number]);
        let uuid = draw.uuid();
        let numeric = FIRST_ADDED_NUMBER + number;
        let id = if kind.has_numeric_id() { numeric.to_string() } else { uuid.to_string() };
        Self { id, name, is_open: false, created: moment(&mut draw), secrets, owner: draw.uuid() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::world::Totals;

    const KINDS: [ResourceKind; 4] = [
        ResourceKind::Queue,
        ResourceKind::VariableGroup,
        ResourceKind::SecureFile,
        ResourceKind::Environment,
    ];

    #[test]
    fn every_organization_with_resources_of_a_kind_has_an_open_one_and_no_number_twice() {
        let totals = Totals { organizations: 20, projects: 60, repositories: 0 };
        let world = World::generate(5, totals, String::new());
        for organization in &world.organizations {
            for kind in KINDS {
                let projects = organization.projects.clone().map(ProjectIndex);
                let all: Vec<_> = projects.flat_map(|project| of_project(&world, project, kind)).collect();
                assert!(
                    all.is_empty() || all.iter().any(|one| one.is_open),
                    "{} {kind:?}",
                    organization.name
                );
                let ids: BTreeSet<_> = all.iter().map(|one| &one.id).collect();
                assert_eq!(ids.len(), all.len());
            }
        }
    }

    #[test]
    fn numbers_of_one_project_do_not_reach_those_of_the_next() {
        assert!(KINDS.into_iter().all(|kind| kind.most() < NUMBERS_PER_PROJECT));
    }
}
