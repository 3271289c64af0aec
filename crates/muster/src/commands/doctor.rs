//! `muster doctor`: looks at everything that Muster needs.

mod broker;
mod check;
mod configuration;
mod connectors;
mod data_folder;
mod database;
mod management;
mod operations;
mod services;

use crate::cli::Global;
use crate::exit::{Exit, Failed};
use crate::output::{note, print_rows};
use crate::process::open_store;
use crate::session::Session;
use check::{Report, Status};
use clap::Args;
use muster_runtime::configuration::Configuration;
use muster_runtime::lifecycle::DATABASE_CLOSE;
use muster_store::{Durability, Store};
use std::time::Duration;
use tokio::time::timeout;

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
        within("broker", report, async |report| broker::examine(&configuration, report).await).await;
        within("broker", report, async |report| management::examine(&configuration, report).await).await;
        let mut opened = None;
        within("database", report, async |report| opened = open(&configuration, report).await).await;
        let Some(store) = opened else {
            if !self.offline {
                within("services", report, async |report| {
                    services::examine(&configuration, &[], report).await;
                })
                .await;
            }
            return;
        };
        let session = Session { configuration, store };
        let mut is_known = false;
        let mut credentials = Vec::new();
        within("database", report, async |report| {
            is_known = database::examine(&session, report).await;
            if is_known {
                credentials = database::examine_credentials(&session, report).await;
            }
        })
        .await;
        if !self.offline {
            within("services", report, async |report| {
                services::examine(&session.configuration, &credentials, report).await;
            })
            .await;
        }
        if is_known {
            within("operations", report, async |report| operations::examine(&session, report).await).await;
            within("connectors", report, async |report| {
                connectors::examine(&session, self.offline, report).await;
            })
            .await;
        }
        match timeout(DATABASE_CLOSE, session.store.close()).await {
            Ok(Ok(())) => (),
            Ok(Err(error)) => tracing::warn!(error = %error, "the database was not closed cleanly"),
            Err(_) => tracing::warn!("the database did not close in time and is left"),
        }
    }
}

/// Longest that one area may take: whoever asks what is wrong must not wait for what is wrong.
const AREA_DEADLINE: Duration = Duration::from_secs(60);

/// Looks at one area; what was found stays also where it takes too long.
async fn within(area: &'static str, report: &mut Report, look: impl AsyncFnOnce(&mut Report)) {
    if timeout(AREA_DEADLINE, look(&mut *report)).await.is_err() {
        report.failed(
            area,
            "answer",
            format!("not everything answered within {} s", AREA_DEADLINE.as_secs()),
            "see to what does not answer: it accepts connections and is silent",
        );
    }
}

async fn open(configuration: &Configuration, report: &mut Report) -> Option<Store> {
    match open_store(configuration, Durability::EveryCommit).await {
        Ok(store) => Some(store),
        Err(failed) => {
            report.failed("database", "reachable", failed.message, "see the message");
            None
        }
    }
}

/// A check as it is told in tests.
#[cfg(test)]
fn statuses(report: &Report) -> Vec<(String, Status)> {
    report.checks().iter().map(|check| (check.check.clone(), check.status)).collect()
}
