//! `muster job retry` and `muster job cancel`.

use super::list::holds;
use super::show::no_job;
use crate::cli::Global;
use crate::exit::Failed;
use crate::output::{Format, note, print_rows};
use crate::session::Session;
use clap::Args;
use muster_api::views::job::JobEntry;
use muster_domain::JobId;
use muster_domain::job::JobState;
use muster_store::ledger::{JobControlError, JobDeed};
use serde_json::json;

pub(super) const RETRY_EXAMPLES: &str = "\
Examples:
  muster job retry 0191d6a0-1111-7000-8000-000000000001
  muster job list --state dead -o json | jq -r '.[].id' |
    xargs muster job retry --reason 'network is back'";

pub(super) const CANCEL_EXAMPLES: &str = "\
Examples:
  muster job cancel 0191d6a0-1111-7000-8000-000000000001 --reason 'not needed any more'";

#[derive(Debug, Args)]
pub(crate) struct Control {
    /// Ids of the jobs, as `muster job list` shows them.
    #[arg(value_name = "ID", required = true)]
    jobs: Vec<JobId>,
    /// Why, kept with the job and in the audit.
    #[arg(long, value_name = "TEXT", default_value = "asked for on the command line")]
    reason: String,
}

impl Control {
    /// Does it to every job; the first one that could not be changed decides how the command ends.
    pub(super) async fn run(self, global: &Global, deed: JobDeed) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let ledger = session.store.ledger();
            let mut changed = Vec::new();
            let mut failures: Vec<Failed> = Vec::new();
            for job in &self.jobs {
                let result = match deed {
                    JobDeed::Retry => ledger.retry(*job, &self.reason).await,
                    JobDeed::Cancel => ledger.cancel(*job, &self.reason).await,
                };
                match result {
                    Ok(view) => {
                        let detail = json!({ "reason": self.reason, "state": view.state });
                        session.note(action(deed), &job.to_string(), detail).await;
                        changed.push(JobEntry::of(view, &holds(session).await?));
                    }
                    Err(error) => failures.push(refusal(error)),
                }
            }
            if !changed.is_empty() || global.output == Format::Json {
                print_rows(global.output, &changed)?;
            }
            let mut failures = failures.into_iter();
            let Some(first) = failures.next() else { return Ok(()) };
            failures.for_each(|failure| note(&format!("muster: {failure}")));
            Err(first)
        })
        .await
    }
}

/// The name in the audit.
fn action(deed: JobDeed) -> &'static str {
    match deed {
        JobDeed::Retry => "job.retry",
        JobDeed::Cancel => "job.cancel",
    }
}

fn refusal(error: JobControlError) -> Failed {
    match error {
        JobControlError::NotFound(job) => no_job(job),
        JobControlError::WrongState { job, state, .. } => Failed::conflict(format!(
            "the job {job} is {state}: {}",
            match state {
                JobState::Running => "wait for its end, or cancel it first with `muster job cancel`",
                JobState::Done =>
                    "it is over; ask for the work anew, for example with `muster connector update`",
                JobState::Dead => "it is over already; `muster job retry` lets it run again",
                JobState::Pending | JobState::Dispatched | JobState::Cancelled => "nothing can be done to it",
            }
        )),
        JobControlError::SameWorkIsLive { job, live } => Failed::conflict(format!(
            "the job {job} cannot run again: the job {live} does the same work; see `muster job show {live}`"
        )),
        JobControlError::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use uuid::Uuid;

    #[test]
    fn refusals_name_the_job_and_what_to_do() {
        let [job, live] = [1, 2].map(|number| JobId(Uuid::from_u128(number)));
        let missing = refusal(JobControlError::NotFound(job));
        assert_eq!(missing.exit, Exit::NotFound);
        for state in JobState::ALL {
            let refused = refusal(JobControlError::WrongState { job, state, deed: JobDeed::Retry });
            assert_eq!(refused.exit, Exit::Conflict, "{state}");
            assert!(refused.message.contains(&job.to_string()), "{refused}");
        }
        let twin = refusal(JobControlError::SameWorkIsLive { job, live });
        assert_eq!(twin.exit, Exit::Conflict);
        assert!(twin.message.contains(&format!("muster job show {live}")), "{twin}");
    }
}
