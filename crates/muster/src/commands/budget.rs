//! `muster budget`: what is left of the consumption limit of every identity.

use crate::cli::Global;
use crate::exit::Failed;
use crate::output::{Row, Snapshot, Watch, moment, or_dash, rows_text};
use crate::process::budget_settings;
use crate::session::Session;
use chrono::{DateTime, Utc};
use clap::Args;
use muster_domain::IdentityKey;
use muster_domain::budget::BudgetView;
use muster_store::budget::IdentityBudget;
use serde::Serialize;

/// The consumption budget of every identity.
#[derive(Debug, Args)]
pub(crate) struct Budget {
    #[command(flatten)]
    watch: Watch,
}

pub(crate) const EXAMPLES: &str = "\
Examples:
  muster budget --watch=5
  muster budget -o json | jq '.[] | {identity, costs}'";

impl Budget {
    pub(crate) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let gate = session.store.budget(budget_settings(&session.configuration));
            let look = async || {
                let rows: Vec<Shown> = gate.list().await?.into_iter().map(Shown::from).collect();
                Ok(Snapshot { data: rows_text(global.output, &rows)?, note: None })
            };
            self.watch.show(look).await
        })
        .await
    }
}

/// A budget as it is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    identity: IdentityKey,
    #[serde(flatten)]
    view: BudgetView,
    updated_at: DateTime<Utc>,
}

impl From<IdentityBudget> for Shown {
    fn from(budget: IdentityBudget) -> Self {
        Self { identity: budget.identity, view: budget.view, updated_at: budget.updated_at }
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] = &[
        "identity",
        "spent",
        "share",
        "limit",
        "by others",
        "remaining told",
        "blocked until",
        "calls",
        "in flight",
        "throttled",
    ];

    fn cells(&self) -> Vec<String> {
        let view = &self.view;
        vec![
            self.identity.to_string(),
            tstu(view.spent_tstu),
            tstu(view.share_tstu),
            tstu(view.limit_tstu),
            tstu(view.foreign_tstu),
            or_dash(view.remaining_told.map(tstu)),
            or_dash(view.blocked_until.map(moment)),
            view.calls_in_window.values().sum::<u32>().to_string(),
            view.in_flight.to_string(),
            view.throttled_count.to_string(),
        ]
    }
}

/// An amount for people: more digits than one would promise what an estimate does not hold.
fn tstu(amount: f64) -> String {
    format!("{amount:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_domain::read::Read;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn json_has_the_cost_and_the_calls_of_every_read() {
        let shown = Shown {
            identity: IdentityKey::subject("aad.abc"),
            view: BudgetView {
                limit_tstu: 200.0,
                share_tstu: 180.0,
                spent_tstu: 12.34,
                foreign_tstu: 0.0,
                remaining_told: None,
                blocked_until: Some(DateTime::UNIX_EPOCH),
                costs: BTreeMap::from([(Read::Projects, 0.1)]),
                calls_in_window: BTreeMap::from([(Read::Projects, 3), (Read::Repositories, 4)]),
                in_flight: 1,
                throttled_count: 2,
            },
            updated_at: DateTime::UNIX_EPOCH,
        };
        let json = serde_json::to_value(&shown).unwrap();
        assert_eq!(json["identity"], "aad.abc");
        assert_eq!(json["limitTstu"], json!(200.0));
        assert_eq!(json["remainingTold"], json!(null));
        assert_eq!(json["costs"], json!({"projects": 0.1}));
        assert_eq!(json["callsInWindow"], json!({"projects": 3, "repositories": 4}));
        assert_eq!(json["throttledCount"], json!(2));
        let cells = shown.cells();
        assert_eq!(cells.len(), Shown::COLUMNS.len());
        assert_eq!((cells[1].as_str(), cells[5].as_str(), cells[7].as_str()), ("12.3", "-", "7"));
    }
}
