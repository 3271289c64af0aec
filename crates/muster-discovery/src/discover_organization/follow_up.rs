//! What is read and judged after a discovery.

use super::Discovery;
use crate::priority::{priority_of, priority_of_each};
use muster_domain::cause::is_asked_for;
use muster_domain::job::{JobKind, JobSubject};
use muster_runtime::{HandlerError, Outcome};
use muster_store::changes::Changes;

impl Discovery<'_> {
    /// Reads every project where somebody asked, else those that were not read for long or hold something new.
    /// Projects that were read before and changed are judged anew, and the organization where it changed.
    pub(super) async fn finish(&self) -> Result<Outcome, HandlerError> {
        let connector_id = self.work.connector.id;
        let now = self.work.slice.store().now().await?;
        let cause = &self.work.job.cause;
        let mut changes = Changes::default();
        for project_id in &self.progress.projects.listed {
            let subject = JobSubject::project(connector_id, self.organization.clone(), *project_id);
            let read_at = self.last_read.get(project_id);
            let is_fresh = !self.progress.unread_projects.contains(project_id)
                && read_at.is_some_and(|at| {
                    (now - *at).to_std().unwrap_or_default() < self.work.settings.sync_every
                });
            if is_asked_for(cause) || !is_fresh {
                let sync = self.work.next_job(JobKind::ProjectSync, subject.clone(), priority_of_each(cause));
                changes.jobs.push(sync);
            }
            // A project that was never read is not among them: it is judged when it is.
            if self.progress.changed_projects.contains(project_id) {
                changes.jobs.push(self.work.next_job(JobKind::ProjectRefresh, subject, priority_of(cause)));
            }
        }
        if self.progress.organization_changed {
            let subject = JobSubject::organization(connector_id, self.organization.clone());
            changes.jobs.push(self.work.next_job(JobKind::OrganizationRefresh, subject, priority_of(cause)));
        }
        Ok(Outcome::done(changes))
    }
}
