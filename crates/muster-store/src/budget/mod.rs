//! The shared consumption budget: one row an identity, locked while a pure decision of the domain is made on it.

mod list;
pub(crate) mod scopes;

pub use list::{IdentityBudget, ScopeSpent, ScopeWaiting};

use crate::Store;
use crate::apply::Applied;
use crate::error::StoreError;
use crate::outbox;
use crate::session::{Session, values};
use chrono::{DateTime, Utc};
use muster_domain::budget::{
    BoxFuture, BudgetSettings, BudgetState, Caller, ConsumptionGate, GateUnavailable, Grant, NoRoom,
    ThrottleSignals,
};
use muster_domain::read::Read;
use muster_domain::{CredentialId, IdentityKey};
use muster_messages::Fact;
use muster_messages::fact::{FactPayload, IdentityThrottled};
use scopes::ControlledScopes;

/// The one door that every call to Azure DevOps goes through, over the database that all processes share.
#[derive(Clone, Debug)]
pub struct BudgetGate {
    store: Store,
    settings: BudgetSettings,
}

impl BudgetGate {
    pub(crate) fn new(store: Store, settings: BudgetSettings) -> Self {
        Self { store, settings }
    }

    async fn take(
        &self,
        identity: &IdentityKey,
        read: Read,
        caller: &Caller,
    ) -> Result<Result<Grant, NoRoom>, StoreError> {
        let settings = &self.settings;
        self.store
            .transaction(|session| async move {
                let mut row = lock(&session, identity).await?;
                let mut scopes = match &caller.scope {
                    Some(scope) => ControlledScopes::read(&session, settings, &row, scope).await?,
                    None => ControlledScopes::default(),
                };
                if let Err(no_room) = scopes.check(settings, &mut row, read, caller.class) {
                    return Ok(Err(no_room));
                }
                let mut granted = row.state.reserve(settings, &row.identity, read, caller.class, row.now);
                // A refusal writes nothing.
                if let Ok(grant) = &mut granted {
                    grant.scope.clone_from(&caller.scope);
                    row.save(&session, false).await?;
                    scopes.take(&session, settings, &row, grant).await?;
                }
                Ok(granted)
            })
            .await
    }

    async fn give_back(&self, grant: &Grant, signals: Option<ThrottleSignals>) -> Result<(), StoreError> {
        let settings = &self.settings;
        let installation = self.store.installation_id().await?;
        let max_attempts = self.store.inner.max_attempts;
        self.store
            .transaction(|session| async move {
                let mut row = lock(&session, &grant.identity).await?;
                let effect = row.state.settle(settings, grant, signals, row.now);
                row.save(&session, effect.pause_began.is_some()).await?;
                scopes::settle(&session, settings, &row, grant, effect.cost_tstu).await?;
                if let Some(until) = effect.pause_began {
                    let now_ms = row.now.timestamp_millis();
                    let applied = Applied { installation, now_ms, max_attempts };
                    outbox::put(&session, &applied, &[(throttled(&row, until), None)]).await?;
                }
                Ok(())
            })
            .await
    }
}

impl ConsumptionGate for BudgetGate {
    fn reserve<'a>(
        &'a self,
        identity: &'a IdentityKey,
        read: Read,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Result<Grant, NoRoom>, GateUnavailable>> {
        Box::pin(async move { self.take(identity, read, caller).await.map_err(unavailable) })
    }

    fn settle<'a>(
        &'a self,
        grant: &'a Grant,
        signals: Option<ThrottleSignals>,
    ) -> BoxFuture<'a, Result<(), GateUnavailable>> {
        Box::pin(async move { self.give_back(grant, signals).await.map_err(unavailable) })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a function for map_err")]
fn unavailable(error: StoreError) -> GateUnavailable {
    GateUnavailable(error.to_string())
}

/// A locked row with the moment after the lock was waited for.
struct LockedBudget {
    identity: IdentityKey,
    state: BudgetState,
    change_sequence: i64,
    now: DateTime<Utc>,
}

impl LockedBudget {
    async fn save(&mut self, session: &Session, pause_began: bool) -> Result<(), StoreError> {
        if pause_began {
            self.change_sequence += 1;
        }
        let blocked_until_ms = self.state.blocked_until().map_or(0, |until| until.timestamp_millis());
        let state = serde_json::to_value(&self.state)
            .map_err(|error| StoreError::Invalid(format!("budget of {}: {error}", self.identity)))?;
        session
            .run(
                "UPDATE budget SET state = $2, blocked_until_ms = $3, change_sequence = $4, updated_at_ms = $5 \
                 WHERE identity_key = $1",
                values![
                    self.identity.as_str(),
                    state,
                    blocked_until_ms,
                    self.change_sequence,
                    self.now.timestamp_millis()
                ],
            )
            .await?;
        Ok(())
    }
}

/// Locks the row of an identity, and makes it where there is none.
async fn lock(session: &Session, identity: &IdentityKey) -> Result<LockedBudget, StoreError> {
    const SELECT: &str =
        "SELECT identity_key, state, change_sequence FROM budget WHERE identity_key = $1 {for_update}";
    let identity = resolve(session, identity).await?;
    let mut row = session.one("budget", SELECT, values![identity.as_str()]).await?;
    if row.is_none() {
        let state = serde_json::to_value(BudgetState::new())
            .map_err(|error| StoreError::Invalid(format!("budget of {identity}: {error}")))?;
        session
            .run(
                "INSERT INTO budget (identity_key, state, updated_at_ms) VALUES ($1, $2, {now}) \
                 ON CONFLICT (identity_key) DO NOTHING",
                values![identity.as_str(), state],
            )
            .await?;
        row = session.one("budget", SELECT, values![identity.as_str()]).await?;
    }
    let row = row.ok_or_else(|| StoreError::not_found("budget", &identity))?;
    let (state, change_sequence) = (row.json("state")?, row.get("change_sequence")?);
    // Only now: the wait for the lock must not make the present older than what the row holds.
    let now_ms = session.now_ms().await?;
    let now = DateTime::from_timestamp_millis(now_ms)
        .ok_or_else(|| StoreError::Statement(format!("{now_ms} is not a moment")))?;
    Ok(LockedBudget { identity, state, change_sequence, now })
}

/// A credential whose identity became known meanwhile draws on the identity's budget. The credential stays locked
/// until the end, so that its budget is not merged away under the hand.
async fn resolve(session: &Session, identity: &IdentityKey) -> Result<IdentityKey, StoreError> {
    let Some(credential) = provisional_credential(identity) else { return Ok(identity.clone()) };
    let row = session
        .one(
            "credential",
            "SELECT id, budget_key FROM credential WHERE id = $1 {for_share}",
            values![credential.0],
        )
        .await?;
    Ok(match row {
        Some(row) => IdentityKey::subject(row.get::<String>("budget_key")?),
        None => identity.clone(),
    })
}

fn provisional_credential(identity: &IdentityKey) -> Option<CredentialId> {
    let is_provisional = identity.is_provisional();
    identity.as_str().split_once(':').filter(|_| is_provisional).and_then(|(_, id)| id.parse().ok())
}

/// What was counted for a credential alone counts for its identity from now on. The credential is locked.
pub(crate) async fn merge(
    session: &Session,
    applied: &Applied,
    provisional: &IdentityKey,
    identity: &IdentityKey,
) -> Result<(), StoreError> {
    let row = session
        .one(
            "budget",
            "SELECT identity_key, state FROM budget WHERE identity_key = $1 {for_update}",
            values![provisional.as_str()],
        )
        .await?;
    let Some(row) = row else { return Ok(()) };
    let spent: BudgetState = row.json("state")?;
    let mut budget = lock(session, identity).await?;
    budget.state.merge(spent);
    budget.now = applied.now().max(budget.now);
    budget.save(session, false).await?;
    session.run("DELETE FROM budget WHERE identity_key = $1", values![provisional.as_str()]).await?;
    scopes::merge(session, provisional, identity).await
}

fn throttled(row: &LockedBudget, until: DateTime<Utc>) -> Fact {
    Fact {
        subject: row.identity.as_str().to_owned(),
        sequence: row.change_sequence,
        time: row.now,
        payload: FactPayload::IdentityThrottled(IdentityThrottled {
            identity: row.identity.as_str().to_owned(),
            until,
        }),
    }
}
