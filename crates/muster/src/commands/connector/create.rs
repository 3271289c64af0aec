//! `muster connector create`: an onboarding request, asked for directly.

use super::list::Shown;
use super::options::Options;
use crate::cli::Global;
use crate::exit::{Exit, Failed};
use crate::lookup;
use crate::output::print_row;
use crate::session::Session;
use clap::Args;
use muster_domain::arm;
use muster_store::StoreError;
use muster_store::inbox::RequestEffects;
use serde_json::json;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster connector create contoso --credential contoso-reader --organization contoso \\
    --subscription-id 20ff7fc3-e762-44dd-bd96-b71116dcdc23 \\
    --resource-group rg-security --region westeurope

  muster connector create everything --credential contoso-reader --all-organizations \\
    --subscription-id \"$(az account show --query id -o tsv)\" \\
    --resource-group rg-security --region centralus";

#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    options: Options,
}

impl Create {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        let request = self.options.request()?;
        Session::run(global, async |session| {
            let credential = lookup::credential(&session.store, &request.credential).await?;
            let effects = RequestEffects::onboard(&request, credential.id, &session.asked());
            session.store.inbox().perform(&effects).await.map_err(cannot_create)?;
            let id = effects.connectors.first().map(|connector| connector.id);
            let connector = match id {
                Some(id) => session.store.connectors().get(id).await?,
                None => None,
            };
            let connector =
                connector.ok_or(StoreError::NotFound { what: "connector", key: request.name.clone() })?;
            session
                .note("connector.create", &arm::connector_id(&connector), json!({ "id": connector.id }))
                .await;
            print_row(global.output, &Shown::of(connector, Some(credential.name)))
        })
        .await
    }
}

fn cannot_create(error: StoreError) -> Failed {
    match error {
        StoreError::Conflict { what, .. } => Failed::new(
            Exit::Conflict,
            format!("{what}; choose another name, or remove that connector first"),
        ),
        error => error.into(),
    }
}
