//! Service connections: those of one project, and those that several projects share under one id.

use uuid::Uuid;

use crate::world::{Draw, ProjectIndex, Topic, World, moment};

/// Which connection, by its position in the project that it is seen from. A shared connection is seen, and is open
/// or not, in each of its projects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionIndex {
    pub(crate) project: ProjectIndex,
    pub(crate) position: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) index: ConnectionIndex,
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) type_name: &'static str,
    pub(crate) scheme: &'static str,
    /// The projects it is seen from; more than one when it is shared.
    pub(crate) projects: Vec<ProjectIndex>,
    pub(crate) is_ready: bool,
    pub(crate) created: String,
    /// What was planted: any pipeline of the project may use it.
    pub(crate) is_open: bool,
}

/// How a connection reaches Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AzureAccess {
    /// By the interface of classic resources.
    Classic,
    /// By Azure Resource Manager.
    ResourceManager,
}

/// Type and authorization scheme. `azure` is the classic kind that came before `azurerm`.
const KINDS: [(usize, (&str, &str)); 9] = [
    (30, ("azurerm", "WorkloadIdentityFederation")),
    (18, ("azurerm", "ServicePrincipal")),
    (6, ("azurerm", "ManagedServiceIdentity")),
    (4, ("azurerm", "Certificate")),
    (8, ("azure", "Certificate")),
    (4, ("azure", "UsernamePassword")),
    (16, ("github", "Token")),
    (16, ("dockerregistry", "UsernamePassword")),
    (12, ("generic", "UsernamePassword")),
];

const STAGES: [&str; 6] = ["production", "staging", "development", "preview", "sandbox", "test"];

/// Neighbouring projects share in groups of this size.
const SHARING_GROUP: usize = 8;
/// Of each group the first projects always share, so that a shared connection is seen more than once.
const SURE_SHARERS: usize = 2;
/// One of 8 places is left for the shared connection.
const OWN_CONNECTIONS_BELOW: usize = 8;

pub(crate) fn count(world: &World, project: ProjectIndex) -> usize {
    own_count(world, project) + usize::from(is_sharer(world, project))
}

impl Connection {
    pub(crate) fn generate(world: &World, index: ConnectionIndex) -> Self {
        let own = own_count(world, index.project);
        let shared = index.position >= own;
        let mut draw = if shared {
            let (organization, group) = sharing_group(world, index.project);
            Draw::new(world.seed, Topic::SharedConnection, &[organization, group])
        } else {
            Draw::new(world.seed, Topic::Connection, &[index.project.0, index.position])
        };
        let id = draw.uuid();
        let (type_name, scheme) = draw.weighted(&KINDS);
        let stage = draw.pick(&STAGES);
        let suffix = if shared { "shared".to_owned() } else { (index.position + 1).to_string() };
        Self {
            index,
            id,
            name: format!("{type_name}-{stage}-{suffix}"),
            type_name,
            scheme,
            projects: if shared { sharers(world, index.project) } else { vec![index.project] },
            is_ready: draw.percent(96),
            created: moment(&mut draw),
            is_open: is_open(world, index),
        }
    }

    /// How it reaches Azure, if it does.
    pub(crate) fn azure_access(&self) -> Option<AzureAccess> {
        match self.type_name {
            "azure" => Some(AzureAccess::Classic),
            "azurerm" => Some(AzureAccess::ResourceManager),
            _ => None,
        }
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.projects.len() > 1
    }
}

fn is_open(world: &World, index: ConnectionIndex) -> bool {
    let is_witness = world.organization_of(index.project).open_witness == Some(index.project);
    let drawn = Draw::new(world.seed, Topic::ConnectionOpen, &[index.project.0, index.position]).percent(30);
    drawn || (is_witness && index.position == 0)
}

fn own_count(world: &World, project: ProjectIndex) -> usize {
    Draw::new(world.seed, Topic::Connections, &[project.0, 0]).below(OWN_CONNECTIONS_BELOW)
}

fn sharing_group(world: &World, project: ProjectIndex) -> (usize, usize) {
    let project = world.project(project);
    (project.organization.0, project.position / SHARING_GROUP)
}

fn is_sharer(world: &World, index: ProjectIndex) -> bool {
    let project = world.project(index);
    let place = project.position % SHARING_GROUP;
    let group_start = project.position - place;
    let group_size =
        (world.organization(project.organization).projects.len() - group_start).min(SHARING_GROUP);
    let volunteers = Draw::new(world.seed, Topic::Connections, &[index.0, 1]).percent(30);
    group_size >= SURE_SHARERS && (place < SURE_SHARERS || volunteers)
}

fn sharers(world: &World, index: ProjectIndex) -> Vec<ProjectIndex> {
    let project = world.project(index);
    let start = index.0 - project.position % SHARING_GROUP;
    let end = (start + SHARING_GROUP).min(world.organization(project.organization).projects.end);
    (start..end).map(ProjectIndex).filter(|other| is_sharer(world, *other)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::world::Totals;

    fn connections(organizations: usize, projects: usize) -> (World, Vec<Connection>) {
        let world = World::generate(3, Totals { organizations, projects, repositories: 10 }, String::new());
        let all = (0..projects).map(ProjectIndex).flat_map(|project| {
            (0..count(&world, project)).map(move |position| ConnectionIndex { project, position })
        });
        let list = all.map(|index| Connection::generate(&world, index)).collect();
        (world, list)
    }

    #[test]
    fn a_shared_connection_has_one_id_and_name_in_several_projects() {
        let (_, list) = connections(4, 60);
        let mut seen: BTreeMap<Uuid, Vec<&Connection>> = BTreeMap::new();
        list.iter().for_each(|connection| seen.entry(connection.id).or_default().push(connection));
        assert!(list.iter().any(Connection::is_shared));
        for same in seen.values() {
            assert_eq!(same.len(), same[0].projects.len());
            assert!(same.iter().all(|connection| connection.name == same[0].name));
        }
    }

    #[test]
    fn every_organization_with_connections_has_an_open_one() {
        let (world, list) = connections(30, 60);
        for organization in 0..30 {
            let mut own = list
                .iter()
                .filter(|connection| world.project(connection.index.project).organization.0 == organization)
                .peekable();
            assert!(own.peek().is_none() || own.any(|connection| connection.is_open));
        }
    }

    #[test]
    fn no_project_has_more_than_eight() {
        let (world, list) = connections(2, 200);
        assert!((0..200).all(|project| count(&world, ProjectIndex(project)) <= 8));
        let open = list.iter().filter(|connection| connection.is_open).count();
        assert!((25..36).contains(&(open * 100 / list.len())), "{open} of {}", list.len());
    }
}
