//! `muster connector delete`.

use crate::cli::Global;
use crate::exit::{Exit, Failed};
use crate::lookup;
use crate::output::{Row, note, print_row};
use crate::session::Session;
use clap::Args;
use muster_domain::connector::{Connector, ConnectorState};
use muster_domain::{ConnectorId, arm};
use muster_store::Store;
use muster_store::inbox::RequestEffects;
use serde::Serialize;
use serde_json::json;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

pub(super) const EXAMPLES: &str = "\
What goes: the inventory and the assessments of the connector, and its claims on organizations.
What stays: the history of the assessments, the audit, the credential, and all of Azure DevOps.

Examples:
  muster connector delete contoso
  muster connector delete contoso --yes --wait";

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Name or id of the connector.
    #[arg(value_name = "NAME|ID")]
    connector: String,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    /// Wait until it is removed; a worker must run.
    #[arg(long)]
    wait: bool,
    /// Wait at most so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, requires = "wait")]
    timeout: u64,
}

/// Pause between two looks at the connector.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Delete {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let store = &session.store;
            let connector = lookup::connector(store, &self.connector).await?;
            if !self.yes {
                confirm(store, &connector).await?;
            }
            let effects = RequestEffects::offboard(&connector, &session.asked());
            store.inbox().perform(&effects).await?;
            let detail = json!({ "id": connector.id, "name": connector.name });
            session.note("connector.delete", &arm::connector_id(&connector), detail).await;
            note("history of the assessments, audit and credential are kept");
            let state = if self.wait {
                tokio::select! {
                    state = follow(store, connector.id, Duration::from_secs(self.timeout)) => state?,
                    interrupted = tokio::signal::ctrl_c() => {
                        interrupted?;
                        return Err(Failed::interrupted());
                    }
                }
            } else {
                store
                    .connectors()
                    .get(connector.id)
                    .await?
                    .map_or(ConnectorState::Removed, |found| found.state)
            };
            print_row(global.output, &Shown { id: connector.id, name: connector.name, state })
        })
        .await
    }
}

/// Asks the person at the terminal; without one, nobody can agree.
async fn confirm(store: &Store, connector: &Connector) -> Result<(), Failed> {
    if !std::io::stdin().is_terminal() {
        return Err(Failed::usage(format!(
            "nobody can be asked whether the connector {} shall be deleted: pass --yes",
            connector.name
        )));
    }
    let organizations = store.inventory().organizations(connector.id).await?.len();
    let mut error = std::io::stderr();
    write!(
        error,
        "Delete the connector {} with what it found in {organizations} organizations? Type its name: ",
        connector.name
    )?;
    error.flush()?;
    let typed = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    let typed = typed.await.map_err(|error| Failed::new(Exit::Failure, error.to_string()))??;
    if typed.trim().eq_ignore_ascii_case(&connector.name) {
        return Ok(());
    }
    Err(Failed::new(Exit::Failure, "nothing is deleted"))
}

async fn follow(store: &Store, id: ConnectorId, timeout: Duration) -> Result<ConnectorState, Failed> {
    let deadline = tokio::time::Instant::now() + timeout;
    loop {
        let state = store.connectors().get(id).await?.map_or(ConnectorState::Removed, |found| found.state);
        if state == ConnectorState::Removed {
            return Ok(state);
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(Failed::unavailable(format!(
                "the connector is still {state} after {} s: is a worker of the role discovery running? It goes on by \
                 itself",
                timeout.as_secs()
            )));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// What became of the connector.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: ConnectorId,
    name: String,
    state: ConnectorState,
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] = &["name", "state", "id"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.state.to_string(), self.id.to_string()]
    }
}
