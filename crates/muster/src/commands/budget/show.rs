//! `muster budget show`.

use super::list::{budgets, standing};
use super::tstu;
use crate::cli::Global;
use crate::exit::Failed;
use crate::lookup::one;
use crate::output::{Fields, Format, moment, or_dash, print_json, print_rows};
use crate::session::Session;
use clap::Args;
use muster_api::views::budget::BudgetDocument;
use muster_domain::connector::Connector;
use muster_domain::{ConnectorId, OrganizationName};
use muster_store::budget::{ScopeSpent, ScopeWaiting};

pub(super) const EXAMPLES: &str = "\
Examples:
  muster budget show contoso
  muster budget show aad.MTIzNDU -o json | jq .costs";

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The identity, as `muster budget` lists it, or the name of a credential that acts as it.
    #[arg(value_name = "IDENTITY|CREDENTIAL")]
    name: String,
}

impl Show {
    pub(super) async fn run(self, global: &Global) -> Result<(), Failed> {
        Session::run(global, async |session| {
            let budget = chosen(budgets(session).await?, &self.name)?;
            if global.output == Format::Json {
                return print_json(&budget);
            }
            let connectors = session.store.connectors().list().await?;
            print_rows(global.output, fields(&budget, &connectors).rows())
        })
        .await
    }
}

/// The budget that is meant: by its identity, or by a credential.
fn chosen(budgets: Vec<BudgetDocument>, name: &str) -> Result<BudgetDocument, Failed> {
    let is_meant = |budget: &BudgetDocument| {
        budget.budget.identity.as_str().eq_ignore_ascii_case(name)
            || budget.credentials.iter().any(|credential| credential.eq_ignore_ascii_case(name))
    };
    let found: Vec<BudgetDocument> = budgets.into_iter().filter(is_meant).collect();
    if found.is_empty() {
        return Err(Failed::not_found(format!(
            "there is no budget of {name}: nothing was called as that identity yet; list them with `muster budget`"
        )));
    }
    let candidates: Vec<String> = found.iter().map(|budget| budget.budget.identity.to_string()).collect();
    one(found, &candidates, name, "budgets", "give the identity")
}

fn fields(document: &BudgetDocument, connectors: &[Connector]) -> Fields {
    let (budget, view) = (&document.budget, &document.budget.view);
    let mut fields = Fields::default();
    fields
        .add("identity", &budget.identity)
        .add_all("credentials", &document.credentials)
        .add("standing", standing(document))
        .add("reason", or_dash(document.standing_reason))
        .add("blocked until", or_dash(view.blocked_until.map(moment)))
        .add("limit", tstu(view.limit_tstu))
        .add("share of workers", tstu(view.share_tstu))
        .add("spent", tstu(view.spent_tstu))
        .add("spent by others", tstu(view.foreign_tstu))
        .add("left for workers", tstu(document.left_tstu))
        .add("remaining, as told", or_dash(view.remaining_told.map(tstu)))
        .add("told", or_dash(view.remaining_told_at.map(moment)))
        .add("calls in flight", view.in_flight)
        .add("throttled answers", view.throttled_count)
        .add("last call", moment(budget.updated_at))
        .add_all(
            "cost of a call",
            view.costs.iter().map(|(read, cost)| {
                let calls = view.calls_in_window.get(read).copied().unwrap_or_default();
                format!("{}: {cost:.3} TSTU, {calls} in the window", read.as_str())
            }),
        )
        .add_all("spent lately for", budget.spent.iter().map(|spent| spent_for(spent, connectors)))
        .add_all("waiting", budget.waiting.iter().map(|waiting| waiting_for(waiting, connectors)));
    fields
}

fn spent_for(spent: &ScopeSpent, connectors: &[Connector]) -> String {
    /// Parts are shown in percent.
    const PERCENT: f64 = 100.0;
    let scope = scope(spent.connector_id, spent.organization.as_ref(), connectors);
    format!("{scope}: {} TSTU, {:.0} %", tstu(spent.tstu), spent.share * PERCENT)
}

fn waiting_for(waiting: &ScopeWaiting, connectors: &[Connector]) -> String {
    let scope = scope(waiting.connector_id, waiting.organization.as_ref(), connectors);
    format!(
        "{scope}: {} jobs of {}, {} of them asked for, the first due {}",
        waiting.jobs,
        waiting.role,
        waiting.interactive,
        moment(waiting.next_due_at)
    )
}

fn scope(id: ConnectorId, organization: Option<&OrganizationName>, connectors: &[Connector]) -> String {
    let connector = connectors.iter().find(|connector| connector.id == id);
    let connector = connector.map_or_else(|| id.to_string(), |connector| connector.name.clone());
    organization.map_or_else(|| connector.clone(), |organization| format!("{connector}/{organization}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use chrono::DateTime;
    use muster_domain::IdentityKey;
    use muster_domain::budget::{BudgetSettings, BudgetState};
    use muster_domain::job::Role;
    use muster_domain::read::Read;
    use muster_store::budget::IdentityBudget;
    use uuid::Uuid;

    fn document(identity: &str, credential: &str) -> BudgetDocument {
        let connector_id = ConnectorId(Uuid::from_u128(1));
        let organization = || Some(OrganizationName::new("contoso"));
        let mut view = BudgetState::new().view(&BudgetSettings::default(), DateTime::UNIX_EPOCH);
        view.spent_tstu = 12.34;
        view.blocked_until = Some(DateTime::UNIX_EPOCH);
        view.costs.insert(Read::Projects, 0.1);
        view.calls_in_window.insert(Read::Projects, 3);
        let budget = IdentityBudget {
            identity: IdentityKey::subject(identity),
            view,
            updated_at: DateTime::UNIX_EPOCH,
            spent: vec![ScopeSpent { connector_id, organization: organization(), tstu: 6.0, share: 0.5 }],
            waiting: vec![ScopeWaiting {
                connector_id,
                organization: organization(),
                role: Role::Sync,
                jobs: 7,
                next_due_at: DateTime::UNIX_EPOCH,
                interactive: 1,
            }],
        };
        let mut document = BudgetDocument::of(budget, &[]);
        document.credentials.push(credential.to_owned());
        document
    }

    #[test]
    fn a_budget_is_found_by_its_identity_or_by_a_credential() {
        let budgets = || vec![document("aad.one", "reader"), document("aad.two", "other")];
        for (name, identity) in [("aad.two", "aad.two"), ("AAD.ONE", "aad.one"), ("Reader", "aad.one")] {
            assert_eq!(chosen(budgets(), name).unwrap().budget.identity.as_str(), identity);
        }
        let missing = chosen(budgets(), "nobody").unwrap_err();
        assert_eq!(missing.exit, Exit::NotFound);
        assert!(missing.message.contains("nobody") && missing.message.contains("muster budget"), "{missing}");
    }

    #[test]
    fn one_budget_says_what_calls_cost_who_spent_it_and_who_waits() {
        let text = format!("{:?}", fields(&document("aad.one", "reader"), &[]).rows());
        for part in ["projects: 0.100 TSTU, 3 in the window", "50 %", "7 jobs of sync", "paused", "12.3"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }
}
