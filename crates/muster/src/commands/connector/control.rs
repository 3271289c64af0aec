//! `muster connector pause` and `muster connector resume`.

use super::list::Shown;
use crate::cli::Global;
use crate::exit::Failed;
use crate::lookup;
use crate::output::{note, print_rows};
use crate::session::Session;
use clap::Args;
use muster_domain::arm;
use muster_domain::connector::Connector;
use muster_store::StoreError;
use muster_store::inbox::RequestEffects;
use serde_json::json;

pub(super) const PAUSE_EXAMPLES: &str = "\
Examples:
  muster connector pause contoso";

pub(super) const RESUME_EXAMPLES: &str = "\
Examples:
  muster connector resume contoso
  muster connector list --state needs_permission -o json | jq -r '.[].id' |
    xargs muster connector resume";

#[derive(Debug, Args)]
pub(crate) struct Control {
    /// Names or ids of the connectors.
    #[arg(value_name = "NAME|ID", required = true)]
    connectors: Vec<String>,
}

/// What is done to a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Pause,
    Resume,
}

impl Control {
    pub(super) async fn run(self, global: &Global, deed: Deed) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let mut connectors = Vec::new();
            // All are looked up before the first is changed: a mistyped name changes nothing.
            for name in &self.connectors {
                connectors.push(lookup::connector(&session.store, name).await?);
            }
            let mut rows = Vec::new();
            for connector in connectors {
                rows.push(deed.apply(session, connector).await?);
            }
            print_rows(global.output, &rows)
        })
        .await
    }
}

impl Deed {
    async fn apply(self, session: &Session, connector: Connector) -> Result<Shown, Failed> {
        let store = &session.store;
        let (action, effects) = match self {
            Self::Pause => ("connector.pause", RequestEffects::pause(&connector)),
            Self::Resume => ("connector.resume", RequestEffects::resume(&connector, &session.asked())),
        };
        store.inbox().perform(&effects).await.map_err(|error| cannot(&connector, error))?;
        let id = connector.id;
        session.note(action, &arm::connector_id(&connector), json!({ "id": id })).await;
        let changed = store.connectors().get(id).await?.unwrap_or_else(|| connector.clone());
        if changed.state == connector.state {
            note(&format!("the connector {} is {}, as before", changed.name, changed.state));
        }
        let credential = super::show::credential_name(store, &changed).await?;
        Ok(Shown::of(changed, credential))
    }
}

fn cannot(connector: &Connector, error: StoreError) -> Failed {
    match error {
        StoreError::Transition(_) => Failed::conflict(format!(
            "the connector {} is {}: what is being removed neither pauses nor goes on; create it anew with `muster \
             connector create`",
            connector.name, connector.state
        )),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::list::tests::connector;
    use super::*;
    use crate::exit::Exit;
    use muster_domain::connector::{ConnectorEvent, ConnectorState, InvalidTransition, OrganizationsChoice};

    #[test]
    fn a_connector_that_is_being_removed_is_a_conflict_with_the_remedy() {
        let mut removed = connector(OrganizationsChoice::AllExistingAndFuture);
        removed.state = ConnectorState::Removing;
        let refused = InvalidTransition { state: removed.state, event: ConnectorEvent::Pause };
        let failed = cannot(&removed, StoreError::Transition(refused));
        assert_eq!(failed.exit, Exit::Conflict);
        assert!(failed.message.contains("contoso") && failed.message.contains("removing"), "{failed}");
    }
}
