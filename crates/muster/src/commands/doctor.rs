//! `muster doctor`: looks at everything that Muster needs.

mod broker;
mod check;
mod configuration;
mod connectors;
mod data_folder;
mod database;
mod services;

use crate::cli::Global;
use crate::exit::{Exit, Failed};
use crate::output::{note, print_rows};
use crate::process::open_store;
use crate::session::Session;
use check::{Report, Status};
use clap::Args;
use muster_store::Durability;

pub(crate) const EXAMPLES: &str = "\
Ends with exit code 1 where anything failed; warnings do not fail. No secret is shown.

Examples:
  muster doctor
  muster doctor -o json | jq '.[] | select(.status != \"ok\") | {check, detail, remedy}'";

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Call neither Azure DevOps nor Microsoft Entra.
    #[arg(long)]
    offline: bool,
}

impl Doctor {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        let mut report = Report::default();
        self.examine(global, &mut report).await;
        let checks = report.checks();
        print_rows(global.output, checks)?;
        let count = |status| checks.iter().filter(|check| check.status == status).count();
        let (warnings, failed) = (count(Status::Warning), count(Status::Failed));
        note(&format!("{} ok, {warnings} warnings, {failed} failed", count(Status::Ok)));
        if failed > 0 {
            return Err(Failed::new(
                Exit::Failure,
                format!("{failed} of {} checks failed; see their remedies", checks.len()),
            ));
        }
        Ok(())
    }

    async fn examine(&self, global: &Global, report: &mut Report) {
        let Some(configuration) = configuration::examine(global, report) else { return };
        data_folder::examine(&configuration, report);
        broker::examine(&configuration, report).await;
        let store = match open_store(&configuration, Durability::EveryCommit).await {
            Ok(store) => store,
            Err(failed) => {
                report.failed("database", "reachable", failed.message, "see the message");
                if !self.offline {
                    services::examine(&configuration, &[], report).await;
                }
                return;
            }
        };
        let session = Session { configuration, store };
        if database::examine(&session, report).await {
            let credentials = database::examine_credentials(&session, report).await;
            if !self.offline {
                services::examine(&session.configuration, &credentials, report).await;
            }
            connectors::examine(&session, self.offline, report).await;
        } else if !self.offline {
            services::examine(&session.configuration, &[], report).await;
        }
        if let Err(error) = session.store.close().await {
            tracing::warn!(error = %error, "the database was not closed cleanly");
        }
    }
}

/// A check as it is told in tests.
#[cfg(test)]
fn statuses(report: &Report) -> Vec<(String, Status)> {
    report.checks().iter().map(|check| (check.check.clone(), check.status)).collect()
}
