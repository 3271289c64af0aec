//! The list of budgets.

use super::tstu;
use crate::cli::Global;
use crate::exit::Failed;
use crate::output::{Row, Snapshot, Watch, moment, or_dash, rows_text};
use crate::process::budget_settings;
use crate::session::Session;
use clap::Args;
use muster_api::views::budget::{BudgetDocument, BudgetStanding};

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    watch: Watch,
}

impl List {
    pub(super) fn is_watching(&self) -> bool {
        self.watch.is_on()
    }

    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let look = async || {
                let rows = budgets(session).await?;
                Ok(Snapshot { data: rows_text(global.output, &rows)?, note: None })
            };
            self.watch.show(look).await
        })
        .await
    }
}

/// All budgets, each with who acts as its identity.
pub(super) async fn budgets(session: &Session) -> Result<Vec<BudgetDocument>, Failed> {
    let store = &session.store;
    let credentials = store.credentials().list().await?;
    let budgets = store.budget(budget_settings(&session.configuration)).list().await?;
    Ok(budgets.into_iter().map(|budget| BudgetDocument::of(budget, &credentials)).collect())
}

/// How a budget stands, as it is written.
pub(super) fn standing(budget: &BudgetDocument) -> &'static str {
    match budget.standing {
        BudgetStanding::Open => "open",
        BudgetStanding::Full => "full",
        BudgetStanding::Paused => "paused",
    }
}

impl Row for BudgetDocument {
    const COLUMNS: &'static [&'static str] = &[
        "identity",
        "credentials",
        "standing",
        "spent",
        "share",
        "limit",
        "by others",
        "remaining told",
        "blocked until",
        "calls",
        "in flight",
        "throttled",
        "waiting jobs",
    ];

    fn cells(&self) -> Vec<String> {
        let view = &self.budget.view;
        vec![
            self.budget.identity.to_string(),
            or_dash((!self.credentials.is_empty()).then(|| self.credentials.join(", "))),
            standing(self).to_owned(),
            tstu(view.spent_tstu),
            tstu(view.share_tstu),
            tstu(view.limit_tstu),
            tstu(view.foreign_tstu),
            or_dash(view.remaining_told.map(tstu)),
            or_dash(view.blocked_until.map(moment)),
            view.calls_in_window.values().sum::<u32>().to_string(),
            view.in_flight.to_string(),
            view.throttled_count.to_string(),
            self.budget.waiting.iter().map(|waiting| waiting.jobs).sum::<u64>().to_string(),
        ]
    }
}
