//! What is true about the simulated world, for whoever checks an assessment of it. Read from what was planted,
//! never found by evaluating what the service answers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::world::{
    AzureAccess, Connection, Definition, LibraryResource, OrganizationIndex, Presence, Project, ProjectIndex,
    QueueStatus, Repository, ResourceKind, Secrets, View,
};

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
    /// A repository has both products of Advanced Security on.
    pub const ADVANCED_SECURITY: &str = "c7a934bf-7be6-407a-84d9-4f20e6e49592";
    /// A pipeline gives no secrets to builds of forks.
    pub const NO_SECRETS_FOR_FORKS: &str = "d5711372-9b5f-4926-a711-13dcf51565a6";
    /// A secure file is not open to every pipeline of the project.
    pub const NO_OPEN_SECURE_FILE: &str = "6855e9b1-c493-4a43-a6d1-74f30e72c5af";
    /// A variable group that holds secrets is not open to every pipeline of the project.
    pub const NO_OPEN_VARIABLE_GROUP: &str = "2c2c801e-6279-4d88-a419-af73f0eff4fb";
    /// A service connection to Azure is not one of the classic kind.
    pub const NO_CLASSIC_CONNECTION: &str = "a887e860-40ff-4b57-9ef9-5177a11091ac";
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
    /// Its own id: a GUID, or the number of a pipeline or variable group.
    pub id: String,
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
    /// A build definition.
    Pipeline,
    /// A variable group.
    VariableGroup,
    /// A secure file.
    SecureFile,
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
    /// Every pipeline of the project may use the connection, the variable group or the secure file.
    OpenToAllPipelines,
    /// Neither product of Advanced Security is on.
    AdvancedSecurityOff,
    /// Secret protection is off, code security is on.
    SecretProtectionOff,
    /// Code security is off, secret protection is on.
    CodeSecurityOff,
    /// Builds of forks get secrets of the pipeline.
    SecretsForForks,
    /// The pipeline is disabled.
    PipelineDisabled,
    /// The variable group holds no secrets.
    NoSecrets,
    /// The connection reaches Azure by the classic interface.
    ClassicConnection,
    /// The connection does not reach Azure.
    NotToAzure,
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
    let organizations: Vec<_> = view.organizations().map(|(index, _)| index).collect();
    organizations.into_iter().flat_map(move |index| of_organization(&view, index))
}

fn of_project(view: &View, index: ProjectIndex) -> impl Iterator<Item = Truth> + Send + use<> {
    let project = view.project(index).clone();
    // A hidden project or repository is still there, and what is true of it stays true.
    let is_there = |presence: Presence| matches!(presence, Presence::Listed | Presence::Hidden);
    let exists = is_there(project.presence);
    let about =
        Arc::new(About { organization: view.organization(project.organization).name.clone(), project });
    let of_repositories = {
        let (about, all) = (Arc::clone(&about), view.all_repositories(index));
        all.filter(move |one| is_there(one.presence)).flat_map(move |one| about.repository(&one))
    };
    let of_connections = {
        let (about, all) = (Arc::clone(&about), view.connections(index));
        all.flat_map(move |one| about.connection(&one))
    };
    let of_pipelines = {
        let (about, all) = (Arc::clone(&about), view.definitions(index));
        all.map(move |one| about.pipeline(&one))
    };
    let of_library = {
        let groups = view.library(index, ResourceKind::VariableGroup);
        let files = view.library(index, ResourceKind::SecureFile);
        let of_groups = groups.iter().map(|one| about.variable_group(one));
        of_groups.chain(files.iter().map(|one| about.secure_file(one))).collect::<Vec<_>>()
    };
    let whole = std::iter::once(about.classic_pipelines(view))
        .chain(of_repositories)
        .chain(of_connections)
        .chain(of_pipelines)
        .chain(of_library);
    whole.filter(move |_| exists)
}

/// The project that truths are about.
struct About {
    organization: String,
    project: Project,
}

impl About {
    fn classic_pipelines(&self, view: &View) -> Truth {
        let verdict = unhealthy_if(view.settings(&self.project).defect());
        let id = self.project.id.to_string();
        self.truth(TruthKind::Project, id, assessment::NO_CLASSIC_PIPELINES, verdict)
    }

    fn repository(&self, repository: &Repository) -> [Truth; 3] {
        let not_applicable = |defect| (TruthState::NotApplicable, Some(defect));
        let (two_reviewers, no_self_approval) = match repository.default_branch {
            _ if repository.is_disabled => [not_applicable(Defect::RepositoryDisabled); 2].into(),
            None => [not_applicable(Defect::NoDefaultBranch); 2].into(),
            Some(branch) => {
                let effect = repository.own_effect().with(self.project.regime.effect(branch));
                (unhealthy_if(effect.two_reviewers.err()), unhealthy_if(effect.no_self_approval.err()))
            }
        };
        let security = if repository.is_disabled {
            not_applicable(Defect::RepositoryDisabled)
        } else {
            unhealthy_if(repository.security.defect())
        };
        [
            (assessment::TWO_REVIEWERS, two_reviewers),
            (assessment::NO_SELF_APPROVAL, no_self_approval),
            (assessment::ADVANCED_SECURITY, security),
        ]
        .map(|(key, verdict)| self.truth(TruthKind::Repository, repository.id.to_string(), key, verdict))
    }

    fn connection(&self, connection: &Connection) -> [Truth; 2] {
        let open = unhealthy_if(connection.is_open.then_some(Defect::OpenToAllPipelines));
        let classic = match connection.azure_access() {
            Some(AzureAccess::Classic) => unhealthy_if(Some(Defect::ClassicConnection)),
            Some(AzureAccess::ResourceManager) => unhealthy_if(None),
            None => (TruthState::NotApplicable, Some(Defect::NotToAzure)),
        };
        [(assessment::NO_OPEN_CONNECTION, open), (assessment::NO_CLASSIC_CONNECTION, classic)].map(
            |(key, verdict)| {
                self.truth(TruthKind::ServiceConnection, connection.id.to_string(), key, verdict)
            },
        )
    }

    fn pipeline(&self, pipeline: &Definition) -> Truth {
        let is_exposed = pipeline.forks.exposes_secrets() && !self.project.settings.forks.protects();
        let verdict = match pipeline.queue_status {
            QueueStatus::Disabled => (TruthState::NotApplicable, Some(Defect::PipelineDisabled)),
            QueueStatus::Enabled | QueueStatus::Paused => {
                unhealthy_if(is_exposed.then_some(Defect::SecretsForForks))
            }
        };
        self.truth(TruthKind::Pipeline, pipeline.id.to_string(), assessment::NO_SECRETS_FOR_FORKS, verdict)
    }

    fn variable_group(&self, group: &LibraryResource) -> Truth {
        let verdict = match group.secrets {
            Secrets::Absent => (TruthState::NotApplicable, Some(Defect::NoSecrets)),
            Secrets::Variables | Secrets::KeyVault => {
                unhealthy_if(group.is_open.then_some(Defect::OpenToAllPipelines))
            }
        };
        self.truth(TruthKind::VariableGroup, group.id.clone(), assessment::NO_OPEN_VARIABLE_GROUP, verdict)
    }

    fn secure_file(&self, file: &LibraryResource) -> Truth {
        let verdict = unhealthy_if(file.is_open.then_some(Defect::OpenToAllPipelines));
        self.truth(TruthKind::SecureFile, file.id.clone(), assessment::NO_OPEN_SECURE_FILE, verdict)
    }

    fn truth(&self, kind: TruthKind, id: String, key: &str, verdict: (TruthState, Option<Defect>)) -> Truth {
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
    use super::*;
    use crate::world::{ReadingRights, Totals, World};
    use std::collections::BTreeSet;

    fn truths(totals: Totals, seed: u64) -> Vec<Truth> {
        let world = Arc::new(World::generate(seed, totals, String::new()));
        of_world(&View { world, changes: Arc::default(), rights: ReadingRights::default() }).collect()
    }

    /// Every defect, in the order of their declaration.
    const DEFECTS: usize = Defect::NotToAzure as usize + 1;

    #[test]
    fn every_defect_occurs_in_a_world_of_one_organization() {
        for seed in 1..4 {
            let truths = truths(Totals { organizations: 1, projects: 40, repositories: 1_000 }, seed);
            let defects: BTreeSet<_> = truths.iter().filter_map(|truth| truth.defect).collect();
            assert_eq!(defects.len(), DEFECTS, "{defects:?}");
        }
    }

    #[test]
    fn every_state_of_every_assessment_occurs_in_a_large_world() {
        let truths = truths(Totals { organizations: 3, projects: 60, repositories: 5_000 }, 1);
        let count = |key: &str, state| {
            truths.iter().filter(|truth| truth.assessment_key == key && truth.state == state).count()
        };
        let every_repository = |key: &str| truths.iter().filter(|truth| truth.assessment_key == key).count();
        for (key, least, least_not_applicable) in [
            (assessment::TWO_REVIEWERS, 1_000, 100),
            (assessment::NO_SELF_APPROVAL, 1_000, 100),
            (assessment::ADVANCED_SECURITY, 1_000, 100),
            (assessment::NO_SECRETS_FOR_FORKS, 200, 100),
            (assessment::NO_OPEN_VARIABLE_GROUP, 30, 30),
            (assessment::NO_CLASSIC_CONNECTION, 20, 30),
            (assessment::NO_CLASSIC_PIPELINES, 10, 0),
            (assessment::NO_OPEN_CONNECTION, 40, 0),
            (assessment::NO_OPEN_SECURE_FILE, 20, 0),
        ] {
            assert!(count(key, TruthState::Healthy) > least, "{key}");
            assert!(count(key, TruthState::Unhealthy) > least, "{key}");
            let not_applicable = count(key, TruthState::NotApplicable);
            assert!(not_applicable >= least_not_applicable, "{key}: {not_applicable}");
        }
        for key in [assessment::TWO_REVIEWERS, assessment::NO_SELF_APPROVAL, assessment::ADVANCED_SECURITY] {
            assert_eq!(every_repository(key), 5_000);
        }
    }

    #[test]
    fn the_wire_form_is_the_documented_one() {
        let truth = Truth {
            resource: TruthResource {
                kind: TruthKind::ServiceConnection,
                organization: "contoso-payments".to_owned(),
                project_id: Uuid::nil(),
                id: "7".to_owned(),
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
                "id": "7"
            },
            "assessmentKey": "9245366d-393f-49c5-b8e6-258b1b1c2daa",
            "state": "Unhealthy",
            "defect": "openToAllPipelines"
        });
        assert_eq!(serde_json::to_value(truth).unwrap(), json);
    }
}
