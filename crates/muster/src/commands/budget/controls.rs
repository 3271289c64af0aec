//! `muster budget controls`: what people set about consumption.

use crate::cli::Global;
use crate::exit::Failed;
use crate::lookup;
use crate::output::{Row, moment, or_dash, print_rows};
use crate::session::Session;
use clap::Args;
use muster_api::views::consumption::ConsumptionDocument;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster budget controls
  muster budget controls --connector contoso -o json";

#[derive(Debug, Args)]
pub(super) struct Controls {
    /// Only those of this connector.
    #[arg(long, value_name = "NAME|ID")]
    connector: Option<String>,
}

impl Controls {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let store = &session.store;
            let connectors = match &self.connector {
                Some(name) => vec![lookup::connector(store, name).await?],
                None => store.connectors().list().await?,
            };
            let now = store.now().await?;
            let controls = store.consumption_controls().list().await?.into_iter();
            let rows = controls.filter_map(|control| {
                let id = control.scope.connector_id;
                let connector = connectors.iter().find(|connector| connector.id == id)?;
                Some(ConsumptionDocument::of(connector, control, now))
            });
            print_rows(global.output, &rows.collect::<Vec<_>>())
        })
        .await
    }
}

impl Row for ConsumptionDocument {
    const COLUMNS: &'static [&'static str] = &[
        "connector",
        "organization",
        "paused",
        "share",
        "quiet hours",
        "rests until",
        "reason",
        "changed by",
        "changed",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.connector.clone(),
            or_dash(self.organization.as_ref()),
            if self.paused { "yes" } else { "no" }.to_owned(),
            or_dash(self.share),
            or_dash(self.quiet_hours.as_ref()),
            or_dash(self.rests_until.map(moment)),
            or_dash(self.reason.as_ref()),
            or_dash(self.changed_by.as_ref()),
            or_dash(self.changed_at.map(moment)),
        ]
    }
}
