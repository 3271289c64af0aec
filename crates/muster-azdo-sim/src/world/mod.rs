//! The generated world: derived from the seed, item by item, whenever it is asked for. Only organizations and
//! projects are kept in memory; repositories, policies and all else are computed while they are written out.

mod access_control;
mod advanced_security;
mod changes;
pub(crate) mod checks;
mod connection;
mod definition;
mod draw;
mod forks;
mod layout;
mod library;
mod names;
pub(crate) mod organization_settings;
mod people;
mod policy;
mod policy_noise;
mod pool;
mod repository;
mod reviewers;
mod rights;
mod settings;
mod view;

use std::ops::Range;

use chrono::{DateTime, SecondsFormat, TimeDelta};
use serde::Serialize;
use uuid::Uuid;

pub(crate) use access_control::{AccessControlList, GIT_NAMESPACE, of_git as access_control_lists_of_git};
pub(crate) use advanced_security::AdvancedSecurity;
pub(crate) use changes::{Changes, RepositoryChange};
pub(crate) use connection::{AzureAccess, Connection, ConnectionIndex};
pub(crate) use definition::{Definition, DefinitionIndex, Process, QueueStatus, RepositoryHost};
pub(crate) use draw::{Draw, Topic};
pub use forks::ForkIntent;
pub(crate) use forks::ForkProtection;
pub(crate) use library::{LibraryResource, ResourceKind, Secrets};
pub(crate) use people::{Group, GroupRole, Person};
pub(crate) use policy::{Configuration, MINIMUM_REVIEWERS};
pub(crate) use pool::AgentPool;
pub(crate) use repository::{Presence, Repository, RepositoryIndex};
pub use reviewers::ReviewerIntent;
pub(crate) use reviewers::{Effect, Regime};
pub(crate) use rights::ReadingRights;
pub(crate) use settings::SettingsIntent;
pub(crate) use view::View;

/// Which organization, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct OrganizationIndex(pub(crate) usize);

/// Which project, by position over all organizations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ProjectIndex(pub(crate) usize);

/// Everything that was generated, before any change.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) base_url: String,
    pub(crate) tenant_id: Uuid,
    pub(crate) organizations: Vec<Organization>,
    pub(crate) projects: Vec<Project>,
}

#[derive(Debug, Clone)]
pub(crate) struct Organization {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// Its projects among all projects.
    pub(crate) projects: Range<usize>,
    /// The project whose first connection is open, so that every organization with connections has an open one.
    pub(crate) open_witness: Option<ProjectIndex>,
}

#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) index: ProjectIndex,
    pub(crate) organization: OrganizationIndex,
    /// Its position in the organization.
    pub(crate) position: usize,
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) visibility: Visibility,
    pub(crate) revision: u64,
    pub(crate) last_update_time: String,
    /// How many repositories were generated.
    pub(crate) repositories: usize,
    /// How many repositories of the organization come before its own.
    pub(crate) first_repository: usize,
    pub(crate) regime: Regime,
    pub(crate) settings: SettingsIntent,
    pub(crate) presence: Presence,
}

/// The published specification knows two; real answers have three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Visibility {
    Private,
    Public,
    Organization,
}

/// How much of everything there is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Totals {
    pub(crate) organizations: usize,
    pub(crate) projects: usize,
    pub(crate) repositories: usize,
}

impl World {
    pub(crate) fn generate(seed: u64, totals: Totals, base_url: String) -> Self {
        let tenant_id = Draw::new(seed, Topic::Tenant, &[]).uuid();
        let project_counts = layout::projects_per_organization(seed, totals.organizations, totals.projects);
        let repository_counts = layout::repositories_per_project(seed, totals.projects, totals.repositories);
        let mut world = Self { seed, base_url, tenant_id, organizations: Vec::new(), projects: Vec::new() };
        let mut next_project = 0;
        for (position, count) in project_counts.into_iter().enumerate() {
            let range = next_project..next_project + count;
            next_project = range.end;
            world.add_organization(OrganizationIndex(position), range, &repository_counts);
        }
        world
    }

    fn add_organization(&mut self, index: OrganizationIndex, projects: Range<usize>, repositories: &[usize]) {
        let mut first_repository = 0;
        for (position, project) in projects.clone().enumerate() {
            let mut project = Project::generate(self.seed, index, position, ProjectIndex(project));
            project.repositories = repositories[project.index.0];
            project.first_repository = first_repository;
            first_repository += project.repositories;
            self.projects.push(project);
        }
        let id = Draw::new(self.seed, Topic::Organization, &[index.0]).uuid();
        let name = names::organization_name(self.seed, index.0);
        self.organizations.push(Organization { id, name, projects: projects.clone(), open_witness: None });
        let witness = projects.map(ProjectIndex).find(|project| connection::count(self, *project) > 0);
        self.organizations[index.0].open_witness = witness;
    }

    pub(crate) fn organization(&self, index: OrganizationIndex) -> &Organization {
        &self.organizations[index.0]
    }

    pub(crate) fn project(&self, index: ProjectIndex) -> &Project {
        &self.projects[index.0]
    }

    pub(crate) fn organization_of(&self, project: ProjectIndex) -> &Organization {
        self.organization(self.project(project).organization)
    }
}

impl Project {
    fn generate(seed: u64, organization: OrganizationIndex, position: usize, index: ProjectIndex) -> Self {
        let mut draw = Draw::new(seed, Topic::Project, &[index.0]);
        let id = draw.uuid();
        let visibility = draw.weighted(&[
            (86, Visibility::Private),
            (8, Visibility::Public),
            (6, Visibility::Organization),
        ]);
        let name = names::project_name(seed, organization.0, position);
        Self {
            index,
            organization,
            position,
            id,
            visibility,
            revision: 10 + draw.below(5_000) as u64,
            last_update_time: moment(&mut draw),
            description: draw.percent(70).then(|| format!("All that belongs to {name}.")),
            name,
            repositories: 0,
            first_repository: 0,
            regime: Regime::plant(seed, index),
            settings: SettingsIntent::plant(seed, index),
            presence: Presence::Listed,
        }
    }
}

/// A moment of the past, drawn. The world has no today: it must be equal whenever it is generated.
pub(crate) fn moment(draw: &mut Draw) -> String {
    const START_UNIX_SECONDS: i64 = 1_640_995_200;
    const SPAN_MILLISECONDS: usize = 4 * 365 * 24 * 3_600 * 1_000;
    let offset = i64::try_from(draw.below(SPAN_MILLISECONDS)).unwrap_or_default();
    let start = DateTime::from_timestamp(START_UNIX_SECONDS, 0).unwrap_or_default();
    (start + TimeDelta::milliseconds(offset)).to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn world(seed: u64) -> World {
        let totals = Totals { organizations: 3, projects: 40, repositories: 1_000 };
        World::generate(seed, totals, "http://localhost".to_owned())
    }

    #[test]
    fn one_seed_gives_one_world_and_another_seed_another() {
        assert_eq!(format!("{:?}", world(1)), format!("{:?}", world(1)));
        assert_ne!(format!("{:?}", world(1)), format!("{:?}", world(2)));
    }

    #[test]
    fn a_project_is_found_by_name_in_any_case_and_by_id() {
        let view =
            View { world: Arc::new(world(1)), changes: Arc::default(), rights: ReadingRights::default() };
        for project in &view.world.projects {
            let by_name = view.find_project(project.organization, &project.name.to_uppercase());
            assert_eq!(by_name, Some(project.index));
            let by_id = view.find_project(project.organization, &project.id.to_string());
            assert_eq!(by_id, Some(project.index));
        }
        assert_eq!(view.find_project(OrganizationIndex(0), "no such project"), None);
    }

    #[test]
    fn every_kind_of_visibility_occurs() {
        let world =
            World::generate(1, Totals { organizations: 1, projects: 200, repositories: 0 }, String::new());
        for visibility in [Visibility::Private, Visibility::Public, Visibility::Organization] {
            assert!(world.projects.iter().any(|project| project.visibility == visibility));
        }
    }
}
