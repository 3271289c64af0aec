//! How the budgets stand: what is left, who spent it, who waits for it.

use super::BudgetGate;
use crate::error::StoreError;
use crate::session::{Row, values};
use chrono::{DateTime, Utc};
use muster_domain::budget::{BudgetState, BudgetView};
use muster_domain::consumption_control::ControlScope;
use muster_domain::job::Role;
use muster_domain::{ConnectorId, IdentityKey, OrganizationName};
use serde::Serialize;
use std::collections::BTreeMap;

/// The budget of an identity at this moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IdentityBudget {
    /// The identity.
    pub identity: IdentityKey,
    /// How its budget stands.
    #[serde(flatten)]
    pub view: BudgetView,
    /// When a call last changed it.
    pub updated_at: DateTime<Utc>,
    /// What was spent lately for whom, most first.
    pub spent: Vec<ScopeSpent>,
    /// Jobs that are parked until there is room, longest overdue first.
    pub waiting: Vec<ScopeWaiting>,
}

/// What a connector or one of its organizations spent of a budget lately.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScopeSpent {
    /// The connector.
    pub connector_id: ConnectorId,
    /// The organization; absent for what was asked about the whole connector.
    pub organization: Option<OrganizationName>,
    /// Spent lately: fades over one window.
    pub tstu: f64,
    /// The part of all that Muster spent of this budget lately, from 0 to 1.
    pub share: f64,
}

/// Jobs of one role that are parked: the budget, the service, a pause or quiet hours let them wait.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScopeWaiting {
    /// The connector.
    pub connector_id: ConnectorId,
    /// The organization; absent for jobs about the whole connector.
    pub organization: Option<OrganizationName>,
    /// The role that will do them.
    pub role: Role,
    /// How many.
    pub jobs: u64,
    /// When the first of them is due; may have passed where something else holds it.
    pub next_due_at: DateTime<Utc>,
    /// Those of them that a person waits for.
    pub interactive: u64,
}

impl BudgetGate {
    /// The budgets of all identities.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn list(&self) -> Result<Vec<IdentityBudget>, StoreError> {
        let now = self.store.now().await?;
        let reader = self.store.reader();
        let rows = reader
            .all(
                "budget",
                "SELECT identity_key, state, updated_at_ms FROM budget ORDER BY identity_key",
                values![],
            )
            .await?;
        let mut spent = self.spent(now).await?;
        let mut waiting = self.waiting().await?;
        rows.iter()
            .map(|row| {
                let state: BudgetState = row.json("state")?;
                let identity: String = row.get("identity_key")?;
                Ok(IdentityBudget {
                    view: state.view(&self.settings, now),
                    updated_at: row.time("updated_at_ms")?,
                    spent: spent.remove(&identity).unwrap_or_default(),
                    waiting: waiting.remove(&identity).unwrap_or_default(),
                    identity: IdentityKey::subject(identity),
                })
            })
            .collect()
    }

    /// What every scope spent lately, by identity.
    async fn spent(&self, now: DateTime<Utc>) -> Result<BTreeMap<String, Vec<ScopeSpent>>, StoreError> {
        let mut by_identity: BTreeMap<String, Vec<ScopeSpent>> = BTreeMap::new();
        for spent in super::scopes::spent_lately(&self.store.reader()).await? {
            let tstu = spent.at(now, self.settings.window);
            if tstu > 0.0 {
                let ControlScope { connector_id, organization } = spent.scope;
                let entry = ScopeSpent { connector_id, organization, tstu, share: 0.0 };
                by_identity.entry(spent.identity).or_default().push(entry);
            }
        }
        for scopes in by_identity.values_mut() {
            let total: f64 = scopes.iter().map(|scope| scope.tstu).sum();
            scopes.iter_mut().for_each(|scope| scope.share = scope.tstu / total);
            scopes.sort_by(|one, other| other.tstu.total_cmp(&one.tstu));
        }
        Ok(by_identity)
    }

    /// Parked jobs, by identity.
    async fn waiting(&self) -> Result<BTreeMap<String, Vec<ScopeWaiting>>, StoreError> {
        let mut by_identity: BTreeMap<String, Vec<ScopeWaiting>> = BTreeMap::new();
        let interactive = i64::from(crate::ledger::REQUESTED_PRIORITY);
        for row in self.store.reader().all("job", WAITING, values![interactive]).await? {
            by_identity.entry(row.get("budget_key")?).or_default().push(waiting(&row)?);
        }
        Ok(by_identity)
    }
}

/// Parked by the budget, the service, a pause or quiet hours; and due, but held back by them.
const WAITING: &str = "
    SELECT k.budget_key, j.connector_id, j.fairness_key, max(j.organization) AS organization, j.role,
        count(*) AS jobs, min(j.due_at_ms) AS next_due_at_ms,
        CAST(sum(CASE WHEN j.priority <= $1 THEN 1 ELSE 0 END) AS bigint) AS interactive
    FROM job j JOIN credential k ON k.id = j.credential_id
    WHERE j.state = 'pending' AND j.spends_budget AND j.waiting_reason = 'throttled'
    GROUP BY k.budget_key, j.connector_id, j.fairness_key, j.role
    ORDER BY next_due_at_ms, j.fairness_key, j.role";

fn waiting(row: &Row) -> Result<ScopeWaiting, StoreError> {
    Ok(ScopeWaiting {
        connector_id: row.id("connector_id")?,
        organization: row.get::<Option<String>>("organization")?.map(OrganizationName::new),
        role: row.parse("role", Role::parse)?,
        jobs: row.count("jobs")?,
        next_due_at: row.time("next_due_at_ms")?,
        interactive: row.count("interactive")?,
    })
}
