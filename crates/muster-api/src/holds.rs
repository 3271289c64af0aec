//! What holds jobs back that are due: their connector, a pause of their identity, and what people set. The dispatcher
//! goes by the same (`muster-store`); their rows do not say it, so that a hold that ends touches none of them.

use chrono::{DateTime, Utc};
use muster_domain::budget::BudgetSettings;
use muster_domain::connector::ConnectorState;
use muster_domain::consumption_control::{ConsumptionControl, ControlScope};
use muster_domain::job::{JobKind, JobState};
use muster_domain::{ConnectorId, CredentialId};
use muster_store::ledger::{JobView, REQUESTED_PRIORITY};
use muster_store::{Store, StoreError};
use serde::Serialize;
use std::collections::HashMap;

/// Everything that may hold a job back, at one moment.
#[derive(Clone, Debug)]
pub struct Holds {
    now: DateTime<Utc>,
    connectors: HashMap<ConnectorId, ConnectorState>,
    controls: Vec<ConsumptionControl>,
    blocked: HashMap<CredentialId, DateTime<Utc>>,
}

/// What holds a job back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldBy {
    /// Its connector is paused, refused or being removed.
    Connector,
    /// A person paused its connector's or organization's consumption.
    ConsumptionPaused,
    /// Azure DevOps asked its identity to pause.
    IdentityPaused,
    /// Its connector or organization has quiet hours.
    QuietHours,
}

impl HeldBy {
    /// Its name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connector => "connector",
            Self::ConsumptionPaused => "consumption_paused",
            Self::IdentityPaused => "identity_paused",
            Self::QuietHours => "quiet_hours",
        }
    }
}

/// A hold with its end, where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What holds.
    pub by: HeldBy,
    /// Until when, where nobody needs to do something.
    pub until: Option<DateTime<Utc>>,
}

impl Holds {
    /// Looks at everything once, for any number of jobs.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn look(store: &Store, budget: &BudgetSettings) -> Result<Self, StoreError> {
        let budgets = store.budget(budget.clone()).list().await?;
        let credentials = store.credentials().list().await?;
        let until = |credential: &muster_domain::credential::Credential| {
            let budget = budgets.iter().find(|budget| budget.identity == credential.budget_key())?;
            Some((credential.id, budget.view.blocked_until?))
        };
        let connectors = store.connectors().list().await?;
        Ok(Self {
            now: store.now().await?,
            connectors: connectors.iter().map(|connector| (connector.id, connector.state)).collect(),
            controls: store.consumption_controls().list().await?,
            blocked: credentials.iter().filter_map(until).collect(),
        })
    }

    /// What holds this job back, where something does. What only a person ends is named before what ends by itself.
    pub fn of(&self, job: &JobView) -> Option<Hold> {
        if job.state != JobState::Pending {
            return None;
        }
        let connector = self.connectors.get(&job.subject.connector_id);
        // What proves a credential or takes a connector apart runs in every state.
        let needs_connector = !matches!(job.kind, JobKind::ConnectorAuthorize | JobKind::ConnectorRemove);
        if needs_connector && connector.is_some_and(|state| !state.may_work()) {
            return Some(Hold { by: HeldBy::Connector, until: None });
        }
        if !job.kind.spends_budget() {
            return None;
        }
        let scopes = ControlScope::from(&job.subject).with_parents();
        let mut controls = self.controls.iter().filter(|control| scopes.contains(&control.scope));
        if controls.clone().any(|control| control.paused) {
            return Some(Hold { by: HeldBy::ConsumptionPaused, until: None });
        }
        let blocked = job.credential_id.and_then(|credential| self.blocked.get(&credential));
        if let Some(until) = blocked {
            return Some(Hold { by: HeldBy::IdentityPaused, until: Some(*until) });
        }
        if job.priority <= i64::from(REQUESTED_PRIORITY) {
            return None;
        }
        let until = controls.find_map(|control| control.rests_until(self.now))?;
        Some(Hold { by: HeldBy::QuietHours, until: Some(until) })
    }
}
