//! What is true about the simulated world, for whoever checks an assessment of it. Read from what was planted,
//! never found by evaluating what the service answers.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::world::{Connection, OrganizationIndex, Presence, Project, ProjectIndex, Repository, View};

/// The keys of the assessments that the truth knows.
pub mod assessment {
    /// A repository's default branch asks for two reviewers at least.
    pub const TWO_REVIEWERS: &str = "470742ea-324a-406c-b91f-fc1da6a27c0c";
    /// A repository's default branch does not let the author approve.
    pub const NO_SELF_APPROVAL: &str = "98b5895a-0ad8-4ed9-8c9d-d654f5bda816";
    /// A project allows neither classic build nor classic release pipelines to be created.
    pub const NO_CLASSIC_PIPELINES: &str = "9f4a17ee-7a02-4978-b968-8c36b74ac8e3";
    /// A service connection is not open to every pipeline of the project.
    pub const NO_OPEN_CONNECTION: &str = "9245366d-393f-49c5-b8e6-258b1b1c2daa";
}

/// One assessment that is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Truth {
    /// What is judged.
    pub resource: TruthResource,
    /// By which recommendation.
    pub assessment_key: String,
    /// With which result.
    pub state: TruthState,
    /// What was planted that makes it so; nothing for a healthy resource.
    pub defect: Option<Defect>,
}

/// The resource of a [`Truth`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TruthResource {
    /// What it is.
    pub kind: TruthKind,
    /// The name of its organization.
    pub organization: String,
    /// The project that it is in, or is.
    pub project_id: Uuid,
    /// Its own id.
    pub id: Uuid,
}

/// The kind of a [`TruthResource`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TruthKind {
    /// A project.
    Project,
    /// A Git repository.
    Repository,
    /// A service connection, as seen from one project.
    ServiceConnection,
}

/// The result of an assessment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TruthState {
    /// All is well.
    Healthy,
    /// Something is to be fixed.
    Unhealthy,
    /// The question does not arise.
    NotApplicable,
}

/// What was planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Defect {
    /// No reviewer policy at all.
    NoPolicy,
    /// One reviewer is enough.
    OnlyOneReviewer,
    /// The author's vote counts.
    SelfApproval,
    /// The policy does not block.
    AdvisoryOnly,
    /// The policy is switched off.
    PolicyDisabled,
    /// The policy is deleted.
    PolicyDeleted,
    /// The policy is for a branch that is not the default.
    WrongBranch,
    /// The repository is disabled.
    RepositoryDisabled,
    /// The repository has no default branch.
    NoDefaultBranch,
    /// Classic build pipelines can be created.
    ClassicBuildAllowed,
    /// Classic release pipelines can be created.
    ClassicReleaseAllowed,
    /// Classic pipelines of both kinds can be created.
    ClassicPipelinesAllowed,
    /// Every pipeline of the project may use the connection.
    OpenToAllPipelines,
}

/// Everything that is true of one organization, lazily.
pub(crate) fn of_organization(
    view: &View,
    organization: OrganizationIndex,
) -> impl Iterator<Item = Truth> + Send + use<> {
    let view = view.clone();
    let projects = view.world.organization(organization).projects.clone().map(ProjectIndex);
    projects.flat_map(move |project| of_project(&view, project))
}

/// Everything that is true, lazily.
pub(crate) fn of_world(view: &View) -> impl Iterator<Item = Truth> + Send + use<> {
    let view = view.clone();
    (0..view.world.organizations.len())
        .map(OrganizationIndex)
        .flat_map(move |index| of_organization(&view, index))
}

fn of_project(view: &View, index: ProjectIndex) -> impl Iterator<Item = Truth> + Send + use<> {
    let project = view.world.project(index).clone();
    let organization = view.world.organization_of(index).name.clone();
    let about = About { organization, project };
    let own = about.classic_pipelines(view);
    let (repositories, connections) = (view.all_repositories(index), view.connections(index));
    let about_connections = about.clone();
    std::iter::once(own)
        // A hidden repository is still there, and what is true of it stays true.
        .chain(
            repositories
                .filter(|repository| repository.presence != Presence::Deleted)
                .flat_map(move |repository| about.reviewers(&repository)),
        )
        .chain(connections.map(move |connection| about_connections.open_connection(&connection)))
}

/// The project that truths are about.
#[derive(Clone)]
struct About {
    organization: String,
    project: Project,
}

impl About {
    fn classic_pipelines(&self, view: &View) -> Truth {
        let verdict = unhealthy_if(view.settings(&self.project).defect());
        self.truth(TruthKind::Project, self.project.id, assessment::NO_CLASSIC_PIPELINES, verdict)
    }

    fn reviewers(&self, repository: &Repository) -> [Truth; 2] {
        let (two_reviewers, no_self_approval) = match repository.default_branch {
            _ if repository.is_disabled => {
                [(TruthState::NotApplicable, Some(Defect::RepositoryDisabled)); 2].into()
            }
            None => [(TruthState::NotApplicable, Some(Defect::NoDefaultBranch)); 2].into(),
            Some(branch) => {
                let effect = repository.intent.effect().with(self.project.regime.effect(branch));
                (unhealthy_if(effect.two_reviewers.err()), unhealthy_if(effect.no_self_approval.err()))
            }
        };
        [(assessment::TWO_REVIEWERS, two_reviewers), (assessment::NO_SELF_APPROVAL, no_self_approval)]
            .map(|(key, verdict)| self.truth(TruthKind::Repository, repository.id, key, verdict))
    }

    fn open_connection(&self, connection: &Connection) -> Truth {
        let verdict = unhealthy_if(connection.is_open.then_some(Defect::OpenToAllPipelines));
        self.truth(TruthKind::ServiceConnection, connection.id, assessment::NO_OPEN_CONNECTION, verdict)
    }

    fn truth(&self, kind: TruthKind, id: Uuid, key: &str, verdict: (TruthState, Option<Defect>)) -> Truth {
        let (state, defect) = verdict;
        let organization = self.organization.clone();
        let resource = TruthResource { kind, organization, project_id: self.project.id, id };
        Truth { resource, assessment_key: key.to_owned(), state, defect }
    }
}

fn unhealthy_if(defect: Option<Defect>) -> (TruthState, Option<Defect>) {
    (if defect.is_some() { TruthState::Unhealthy } else { TruthState::Healthy }, defect)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::world::{Totals, World};

    #[test]
    fn every_state_and_every_defect_occurs_in_a_large_world() {
        let totals = Totals { organizations: 3, projects: 60, repositories: 5_000 };
        let world = Arc::new(World::generate(1, totals, String::new()));
        let view = View { world, changes: Arc::default() };
        let truths: Vec<_> = of_world(&view).collect();
        let defects: BTreeSet<_> = truths.iter().filter_map(|truth| truth.defect).collect();
        assert_eq!(defects.len(), 13, "{defects:?}");
        let count = |key: &str, state| {
            truths.iter().filter(|truth| truth.assessment_key == key && truth.state == state).count()
        };
        for key in [assessment::TWO_REVIEWERS, assessment::NO_SELF_APPROVAL] {
            assert_eq!(truths.iter().filter(|truth| truth.assessment_key == key).count(), 5_000);
            assert!(count(key, TruthState::Healthy) > 1_000);
            assert!(count(key, TruthState::Unhealthy) > 1_000);
            assert!(count(key, TruthState::NotApplicable) > 100);
        }
    }

    #[test]
    fn the_wire_form_is_the_documented_one() {
        let truth = Truth {
            resource: TruthResource {
                kind: TruthKind::ServiceConnection,
                organization: "contoso-payments".to_owned(),
                project_id: Uuid::nil(),
                id: Uuid::nil(),
            },
            assessment_key: assessment::NO_OPEN_CONNECTION.to_owned(),
            state: TruthState::Unhealthy,
            defect: Some(Defect::OpenToAllPipelines),
        };
        let json = serde_json::json!({
            "resource": {
                "kind": "serviceConnection",
                "organization": "contoso-payments",
                "projectId": Uuid::nil(),
                "id": Uuid::nil()
            },
            "assessmentKey": "9245366d-393f-49c5-b8e6-258b1b1c2daa",
            "state": "Unhealthy",
            "defect": "openToAllPipelines"
        });
        assert_eq!(serde_json::to_value(truth).unwrap(), json);
    }
}
