//! Changes of one repository.

use chrono::{DateTime, SecondsFormat};

use crate::change::{Change, ChangeKind};
use crate::input::InputError;
use crate::world::{AdvancedSecurity, Changes, Presence, ProjectIndex, Repository, RepositoryChange, View};

impl Change {
    pub(super) fn change_repository(
        &self,
        view: &View,
        changes: &mut Changes,
        now_unix_seconds: u64,
    ) -> Result<(), InputError> {
        let repository = self.find_repository(view)?;
        if repository.presence == Presence::Purged {
            let remedy = "take a repository that is there, or was deleted and not purged";
            return Err(InputError::new("repository", "it was purged", remedy));
        }
        if self.change == ChangeKind::MoveRepository {
            changes.move_repository(repository.index, self.free_place(view, &repository)?);
            return Ok(());
        }
        let change = changes.repositories.entry(repository.index).or_default();
        match self.change {
            ChangeKind::DeleteRepository => {
                change.presence = Presence::Deleted;
                change.deleted_on = Some(moment_of(now_unix_seconds));
            }
            ChangeKind::PurgeRepository if repository.presence == Presence::Deleted => {
                change.presence = Presence::Purged;
            }
            ChangeKind::PurgeRepository => {
                let problem = "it is not in the recycle bin";
                return Err(InputError::new("repository", problem, "delete it first"));
            }
            ChangeKind::RestoreRepository => change.presence = Presence::Listed,
            ChangeKind::HideRepository => change.presence = Presence::Hidden,
            ChangeKind::DisableRepository => change.is_disabled = Some(true),
            ChangeKind::EnableRepository => change.is_disabled = Some(false),
            ChangeKind::EnableAdvancedSecurity => change.security = Some(AdvancedSecurity::On),
            ChangeKind::DisableAdvancedSecurity => change.security = Some(AdvancedSecurity::Off),
            ChangeKind::SetDefaultBranch => change.default_branch = Some(self.new_branch(&repository)?),
            ChangeKind::SetReviewers => self.set_reviewers(&repository, change)?,
            _ => change.name = Some(self.free_name(names_beside(view, &repository, repository.project))?),
        }
        Ok(())
    }

    /// New policies are for the branch that is the default now.
    fn set_reviewers(
        &self,
        repository: &Repository,
        change: &mut RepositoryChange,
    ) -> Result<(), InputError> {
        let intent = self.intent;
        let missing = || InputError::missing("intent", "an intent, such as twoReviewers");
        change.intent = Some(intent.ok_or_else(missing)?);
        change.policy_branch = repository.default_branch;
        Ok(())
    }

    fn new_branch(&self, repository: &Repository) -> Result<&'static str, InputError> {
        let branch = self.branch.as_deref().ok_or_else(|| InputError::missing("branch", "a branch"))?;
        if repository.default_branch.is_none() {
            return Err(InputError::new("repository", "it is empty", "take one that has a default branch"));
        }
        let known = Repository::BRANCHES.into_iter().find(|known| *known == branch);
        known.ok_or_else(|| {
            let remedy = format!("give one of {}", Repository::BRANCHES.join(", "));
            InputError::new("branch", format!("there is no {branch}"), remedy)
        })
    }

    /// The project to move to, where no repository has the same name.
    fn free_place(&self, view: &View, repository: &Repository) -> Result<ProjectIndex, InputError> {
        let target = self.target.as_deref();
        let target = target.ok_or_else(|| InputError::missing("target", "the project to move it to"))?;
        let organization = self.find_organization(view)?;
        let found = view.find_project(organization, target).ok_or_else(|| {
            let remedy = "take one of the organization's projects";
            InputError::new("target", format!("there is no {target}"), remedy)
        })?;
        if names_beside(view, repository, found).any(|name| name.eq_ignore_ascii_case(&repository.name)) {
            let problem = "a repository of the target has its name";
            return Err(InputError::new("target", problem, "rename it first, or take another project"));
        }
        Ok(found)
    }
}

fn names_beside(view: &View, repository: &Repository, project: ProjectIndex) -> impl Iterator<Item = String> {
    let index = repository.index;
    view.all_repositories(project).filter(move |other| other.index != index).map(|other| other.name)
}

fn moment_of(unix_seconds: u64) -> String {
    let seconds = i64::try_from(unix_seconds).unwrap_or_default();
    let moment = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}
