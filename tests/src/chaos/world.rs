//! A simulated world that never rests: administrators change it, and its answers go wrong.

use super::dice::Dice;
use muster_azdo_sim::{
    Change, ChangeKind, Fault, FaultAction, FaultMatch, ForkIntent, Quirk, ReviewerIntent, RunningSimulator,
    TruthKind, TruthResource,
};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

/// What administrators want of reviewers, in turns.
const REVIEWERS: [ReviewerIntent; 6] = [
    ReviewerIntent::TwoReviewers,
    ReviewerIntent::SelfApproval,
    ReviewerIntent::OnlyOneReviewer,
    ReviewerIntent::AdvisoryOnly,
    ReviewerIntent::Stacked,
    ReviewerIntent::None,
];
const FORKS: [ForkIntent; 4] = [
    ForkIntent::NoPullRequests,
    ForkIntent::WithoutSecrets,
    ForkIntent::WithSecrets,
    ForkIntent::WithSecretsBySecondTrigger,
];
const BRANCHES: [&str; 4] =
    ["refs/heads/main", "refs/heads/master", "refs/heads/develop", "refs/heads/trunk"];
/// A late answer: late beside others, early beside the client's patience.
const LATEST_ANSWER: Duration = Duration::from_secs(4);

/// Everything that there was in the beginning, and who may change it.
#[derive(Debug)]
pub struct Administrators {
    resources: Vec<TruthResource>,
    deleted: Vec<TruthResource>,
    dice: Dice,
    /// Changes that took effect.
    pub changes: u64,
    /// Faults that were planned.
    pub faults: u64,
}

impl Administrators {
    /// Administrators of a simulated world.
    pub fn of(simulator: &RunningSimulator, dice: Dice) -> Self {
        let mut seen = BTreeSet::new();
        let key = |resource: &TruthResource| format!("{resource:?}");
        let truth = simulator.truth().into_iter().map(|truth| truth.resource);
        let resources = truth.filter(|resource| seen.insert(key(resource))).collect();
        Self { resources, deleted: Vec::new(), dice, changes: 0, faults: 0 }
    }

    /// Changes something.
    pub fn change(&mut self, simulator: &RunningSimulator) {
        let Some(change) = self.next_change() else { return };
        // What was deleted meanwhile cannot be changed, and names are taken once.
        if simulator.change(&change).is_ok() {
            self.changes += 1;
        }
    }

    /// Has some of the next answers go wrong.
    pub fn disturb(&mut self, simulator: &RunningSimulator) {
        let dice = &mut self.dice;
        let mut action = FaultAction::default();
        match dice.below(8) {
            0 => action.status = Some(*dice.pick(&[500, 502, 503])),
            1 => action.body = Some(json!("{\"value\": [{\"id\": ")),
            2 => action.body = Some(json!({ "message": "not what was asked for" })),
            3 => {
                // With 200 it would be the page to sign in on, which says that the credential is refused.
                action.status = Some(503);
                action.body = Some(json!("<html>an error page</html>"));
            }
            4 => action.drop_connection = true,
            5 => drop(action.quirks.insert(*dice.pick(&[Quirk::ByteOrderMark, Quirk::Chunked]))),
            _ => {
                let late = dice.between(Duration::from_millis(50), LATEST_ANSWER);
                action.delay_ms = u64::try_from(late.as_millis()).ok();
            }
        }
        let matching = FaultMatch { nth: u64::try_from(1 + dice.below(5)).ok(), ..FaultMatch::default() };
        let times = u64::try_from(1 + dice.below(2)).unwrap_or(1);
        simulator.install_fault(Fault { matching, action, times }).expect("the fault can happen");
        self.faults += 1;
    }

    /// Takes back what would stay hidden: the world is at rest, and whole.
    pub fn rest(&mut self, simulator: &RunningSimulator) {
        simulator.clear_faults();
    }

    fn next_change(&mut self) -> Option<Change> {
        if self.dice.below(12) == 0
            && let Some(resource) = self.deleted.pop()
        {
            return Some(Change { change: ChangeKind::RestoreRepository, ..of_repository(&resource) });
        }
        let resource = self.dice.pick(&self.resources).clone();
        let dice = &mut self.dice;
        Some(match resource.kind {
            TruthKind::Repository => return Some(self.change_repository(&resource)),
            TruthKind::Project => {
                let kinds = [ChangeKind::DisableClassicPipelines, ChangeKind::EnableClassicPipelines];
                match dice.below(3) {
                    0 => Change {
                        change: ChangeKind::RenameProject,
                        name: Some(format!("renamed {}", dice.below(1_000_000))),
                        ..of_project(&resource)
                    },
                    _ => Change { change: *dice.pick(&kinds), ..of_project(&resource) },
                }
            }
            TruthKind::ServiceConnection => Change {
                change: *dice.pick(&[ChangeKind::OpenConnection, ChangeKind::CloseConnection]),
                connection: Some(resource.id.clone()),
                ..of_project(&resource)
            },
            TruthKind::VariableGroup => Change {
                change: *dice.pick(&[ChangeKind::OpenVariableGroup, ChangeKind::CloseVariableGroup]),
                variable_group: Some(resource.id.clone()),
                ..of_project(&resource)
            },
            TruthKind::SecureFile => Change {
                change: *dice.pick(&[ChangeKind::OpenSecureFile, ChangeKind::CloseSecureFile]),
                secure_file: Some(resource.id.clone()),
                ..of_project(&resource)
            },
            TruthKind::Pipeline => Change {
                change: ChangeKind::SetForks,
                pipeline: Some(resource.id.clone()),
                forks: Some(*dice.pick(&FORKS)),
                ..of_project(&resource)
            },
        })
    }

    fn change_repository(&mut self, resource: &TruthResource) -> Change {
        let dice = &mut self.dice;
        let change = of_repository(resource);
        match dice.below(10) {
            0 => {
                self.deleted.push(resource.clone());
                Change { change: ChangeKind::DeleteRepository, ..change }
            }
            1 => {
                let name = Some(format!("renamed-{}", dice.below(1_000_000)));
                Change { change: ChangeKind::RenameRepository, name, ..change }
            }
            2 => Change {
                change: *dice.pick(&[ChangeKind::DisableRepository, ChangeKind::EnableRepository]),
                ..change
            },
            3 | 4 => {
                let branch = Some((*dice.pick(&BRANCHES)).to_owned());
                Change { change: ChangeKind::SetDefaultBranch, branch, ..change }
            }
            5 | 6 => {
                let kinds = [ChangeKind::EnableAdvancedSecurity, ChangeKind::DisableAdvancedSecurity];
                Change { change: *dice.pick(&kinds), ..change }
            }
            _ => Change { change: ChangeKind::SetReviewers, intent: Some(*dice.pick(&REVIEWERS)), ..change },
        }
    }
}

fn of_project(resource: &TruthResource) -> Change {
    Change {
        organization: Some(resource.organization.clone()),
        project: Some(resource.project_id.to_string()),
        ..Change::default()
    }
}

fn of_repository(resource: &TruthResource) -> Change {
    Change {
        organization: Some(resource.organization.clone()),
        repository: Some(resource.id.clone()),
        ..Change::default()
    }
}
