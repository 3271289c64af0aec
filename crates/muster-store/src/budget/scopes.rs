//! What connectors and organizations spend of a budget, and what people set about it.
//!
//! Rows of `consumption_scope` are only changed while the row of their identity's budget is locked.

use super::LockedBudget;
use crate::consumption_controls::{key, rests_until};
use crate::error::StoreError;
use crate::session::{Row, Session, milliseconds, values};
use chrono::{DateTime, TimeDelta, Utc};
use muster_domain::IdentityKey;
use muster_domain::budget::{BudgetSettings, ConsumptionClass, Grant, NoRoom, NoRoomReason, ScopeWindow};
use muster_domain::consumption_control::{ControlScope, Share};
use muster_domain::read::Read;
use std::time::Duration;

/// Who is paused looks again so much later: it is dispatched again when it is resumed, not before.
const LOOK_AGAIN_IN_PAUSE: TimeDelta = TimeDelta::minutes(5);

/// What a scope had spent at some moment.
#[derive(Clone, Debug)]
pub(crate) struct Spent {
    pub(crate) identity: String,
    pub(crate) scope: ControlScope,
    tstu: f64,
    noted_at: DateTime<Utc>,
}

impl Spent {
    /// What of it is recent at that moment: it fades linearly over one window.
    pub(crate) fn at(&self, now: DateTime<Utc>, window: Duration) -> f64 {
        let age = (now - self.noted_at).to_std().unwrap_or_default();
        let left = 1.0 - age.as_secs_f64() / window.as_secs_f64().max(f64::MIN_POSITIVE);
        self.tstu * left.clamp(0.0, 1.0)
    }
}

/// What every scope spent, recent or not. A row that is not understood must not hold all dispatching up: it is left out.
pub(crate) async fn spent_lately(session: &Session) -> Result<Vec<Spent>, StoreError> {
    let statement = "SELECT identity_key, fairness_key, spent_tstu, spent_at_ms FROM consumption_scope WHERE spent_tstu > 0";
    let rows = session.all("consumption_scope", statement, values![]).await?;
    let understood = rows.iter().filter_map(|row| {
        spent(row).inspect_err(|error| tracing::error!(%error, "what was spent cannot be read")).ok()
    });
    Ok(understood.collect())
}

fn spent(row: &Row) -> Result<Spent, StoreError> {
    Ok(Spent {
        identity: row.get("identity_key")?,
        scope: row.parse("fairness_key", ControlScope::parse)?,
        tstu: row.get("spent_tstu")?,
        noted_at: row.time("spent_at_ms")?,
    })
}

/// The controls that hold for a call.
#[derive(Default)]
pub(super) struct ControlledScopes(Vec<Controlled>);

struct Controlled {
    fairness_key: String,
    paused: bool,
    rests_until: Option<DateTime<Utc>>,
    share: Option<(Share, ScopeWindow)>,
}

const CONTROLS: &str = "
    SELECT control.organization_folded, control.paused, control.share, control.quiet_hours, spent.state
    FROM consumption_control control
    LEFT JOIN consumption_scope spent ON spent.identity_key = $3
        AND spent.fairness_key = CASE WHEN control.organization_folded = '' THEN $4 ELSE $5 END
    WHERE control.connector_id = $1 AND control.organization_folded IN ('', $2)
    ORDER BY control.organization_folded";

impl ControlledScopes {
    pub(super) async fn read(
        session: &Session,
        settings: &BudgetSettings,
        budget: &LockedBudget,
        scope: &ControlScope,
    ) -> Result<Self, StoreError> {
        let (connector, folded) = key(scope);
        let wide = ControlScope::connector(scope.connector_id).fairness_key();
        let narrow = scope.fairness_key();
        let parameters = values![connector, folded, budget.identity.as_str(), wide.as_str(), narrow.as_str()];
        let mut scopes = Vec::new();
        for row in session.all("consumption_control", CONTROLS, parameters).await? {
            let is_wide = row.get::<String>("organization_folded")?.is_empty();
            let fairness_key = if is_wide { wide.clone() } else { narrow.clone() };
            let share = match row.get::<Option<f64>>("share")? {
                Some(part) => {
                    let share = Share::new(part).map_err(|error| row.broken("share", error))?;
                    let window = match row.get::<Option<serde_json::Value>>("state")? {
                        Some(_) => row.json("state")?,
                        None => begin_window(session, settings, budget, &fairness_key).await?,
                    };
                    Some((share, window))
                }
                None => None,
            };
            scopes.push(Controlled {
                fairness_key,
                paused: row.get("paused")?,
                rests_until: rests_until(&row, budget.now)?,
                share,
            });
        }
        Ok(Self(scopes))
    }

    /// Whether one more call keeps to what is set.
    pub(super) fn check(
        &mut self,
        settings: &BudgetSettings,
        budget: &mut LockedBudget,
        read: Read,
        class: ConsumptionClass,
    ) -> Result<(), NoRoom> {
        let now = budget.now;
        if self.0.iter().any(|scope| scope.paused) {
            return Err(NoRoom { retry_at: now + LOOK_AGAIN_IN_PAUSE, reason: NoRoomReason::Paused });
        }
        if class == ConsumptionClass::Interactive {
            return Ok(());
        }
        if let Some(retry_at) = self.0.iter().filter_map(|scope| scope.rests_until).max() {
            return Err(NoRoom { retry_at, reason: NoRoomReason::QuietHours });
        }
        for (share, window) in self.0.iter_mut().filter_map(|scope| scope.share.as_mut()) {
            window
                .check_room(settings, &mut budget.state, *share, read, now)
                .map_err(|retry_at| NoRoom { retry_at, reason: NoRoomReason::ShareFull })?;
        }
        Ok(())
    }

    /// Counts a granted call in the windows that are kept.
    pub(super) async fn take(
        &mut self,
        session: &Session,
        settings: &BudgetSettings,
        budget: &LockedBudget,
        grant: &Grant,
    ) -> Result<(), StoreError> {
        for scope in &mut self.0 {
            if let Some((_, window)) = &mut scope.share {
                window.take(settings, grant, budget.now);
                save_window(session, &budget.identity, &scope.fairness_key, window).await?;
            }
        }
        Ok(())
    }
}

/// A window for a scope that has a share from now on: what it spent before counts for one window more.
async fn begin_window(
    session: &Session,
    settings: &BudgetSettings,
    budget: &LockedBudget,
    fairness_key: &str,
) -> Result<ScopeWindow, StoreError> {
    // A connector's own key, and behind a slash its organizations': `0` is the character after the slash.
    let statement = "SELECT identity_key, fairness_key, spent_tstu, spent_at_ms FROM consumption_scope \
         WHERE identity_key = $1 AND (fairness_key = $2 OR (fairness_key >= $3 AND fairness_key < $4))";
    let (from, to) = (format!("{fairness_key}/"), format!("{fairness_key}0"));
    let parameters = values![budget.identity.as_str(), fairness_key, from, to];
    let mut before = 0.0;
    for row in session.all("consumption_scope", statement, parameters).await? {
        before += spent(&row)?.at(budget.now, settings.window);
    }
    Ok(ScopeWindow::begin(settings, before, budget.now))
}

async fn save_window(
    session: &Session,
    identity: &IdentityKey,
    fairness_key: &str,
    window: &ScopeWindow,
) -> Result<(), StoreError> {
    let state = serde_json::to_value(window)
        .map_err(|error| StoreError::Invalid(format!("window of {fairness_key}: {error}")))?;
    session
        .run(
            "INSERT INTO consumption_scope (identity_key, fairness_key, state) VALUES ($1, $2, $3) \
             ON CONFLICT (identity_key, fairness_key) DO UPDATE SET state = excluded.state",
            values![identity.as_str(), fairness_key, state],
        )
        .await?;
    Ok(())
}

/// What was spent before fades by the time since then, in the same statement.
const BOOK: &str = "
    INSERT INTO consumption_scope (identity_key, fairness_key, spent_tstu, spent_at_ms) VALUES ($1, $2, $3, $4)
    ON CONFLICT (identity_key, fairness_key) DO UPDATE SET
        spent_tstu = excluded.spent_tstu + consumption_scope.spent_tstu * (1.0 - {least}(1.0,
            {greatest}(0, excluded.spent_at_ms - consumption_scope.spent_at_ms) / ($5 * 1.0))),
        spent_at_ms = {greatest}(consumption_scope.spent_at_ms, excluded.spent_at_ms)";

/// Books what a call cost for its scope, and in the windows that are kept.
pub(super) async fn settle(
    session: &Session,
    settings: &BudgetSettings,
    budget: &LockedBudget,
    grant: &Grant,
    cost_tstu: f64,
) -> Result<(), StoreError> {
    let Some(scope) = &grant.scope else { return Ok(()) };
    let identity = budget.identity.as_str();
    let narrow = scope.fairness_key();
    let now_ms = budget.now.timestamp_millis();
    let window_ms = milliseconds(settings.window).max(1);
    session.run(BOOK, values![identity, narrow.as_str(), cost_tstu, now_ms, window_ms]).await?;
    let wide = ControlScope::connector(scope.connector_id).fairness_key();
    let kept = "SELECT fairness_key, state FROM consumption_scope \
         WHERE identity_key = $1 AND fairness_key IN ($2, $3) AND state IS NOT NULL";
    for row in session.all("consumption_scope", kept, values![identity, narrow, wide]).await? {
        let mut window: ScopeWindow = row.json("state")?;
        window.settle(settings, grant, budget.now);
        save_window(session, &budget.identity, &row.get::<String>("fairness_key")?, &window).await?;
    }
    Ok(())
}

/// What was spent on a credential alone was spent on its identity. Both budgets are locked.
pub(super) async fn merge(
    session: &Session,
    provisional: &IdentityKey,
    identity: &IdentityKey,
) -> Result<(), StoreError> {
    session
        .run(
            "INSERT INTO consumption_scope (identity_key, fairness_key, spent_tstu, spent_at_ms) \
             SELECT $2, fairness_key, spent_tstu, spent_at_ms FROM consumption_scope WHERE identity_key = $1 \
             ON CONFLICT (identity_key, fairness_key) DO UPDATE SET \
                spent_tstu = consumption_scope.spent_tstu + excluded.spent_tstu, \
                spent_at_ms = {greatest}(consumption_scope.spent_at_ms, excluded.spent_at_ms)",
            values![provisional.as_str(), identity.as_str()],
        )
        .await?;
    forget(session, provisional).await
}

/// Forgets what was spent of a budget that is no more.
pub(crate) async fn forget(session: &Session, identity: &IdentityKey) -> Result<(), StoreError> {
    session.run("DELETE FROM consumption_scope WHERE identity_key = $1", values![identity.as_str()]).await?;
    Ok(())
}
