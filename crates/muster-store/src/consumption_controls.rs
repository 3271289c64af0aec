//! What people set about consumption: pause, share and quiet hours, each change audited with itself.

use crate::Store;
use crate::error::StoreError;
use crate::session::{Row, Session, values};
use chrono::{DateTime, Utc};
use muster_domain::consumption_control::{
    ConsumptionControl, ControlChange, ControlScope, QuietHours, Share,
};
use muster_domain::{ConnectorId, OrganizationName};
use uuid::Uuid;

/// The consumption controls of a store.
#[derive(Clone, Debug)]
pub struct ConsumptionControls {
    pub(crate) store: Store,
}

const COLUMNS: &str = "connector_id, organization_folded, organization, paused, share, quiet_hours, reason, \
     changed_by, changed_at_ms";

impl ConsumptionControls {
    /// Everything that is set, by connector, each connector's own before those of its organizations.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn list(&self) -> Result<Vec<ConsumptionControl>, StoreError> {
        let statement =
            format!("SELECT {COLUMNS} FROM consumption_control ORDER BY connector_id, organization_folded");
        let rows = self.store.reader().all("consumption_control", &statement, values![]).await?;
        rows.iter().map(control).collect()
    }

    /// What is set for exactly this scope.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn get(&self, scope: &ControlScope) -> Result<Option<ConsumptionControl>, StoreError> {
        find(&self.store.reader(), scope, "").await
    }

    /// Changes what is set for a scope. Jobs that it let wait are due at once where it does so no more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] without such a connector; [`StoreError::Unavailable`].
    pub async fn set(
        &self,
        scope: &ControlScope,
        change: ControlChange,
        actor: &str,
    ) -> Result<ConsumptionControl, StoreError> {
        let change = &change;
        self.store
            .transaction(|session| async move { set(&session, scope, change.clone(), actor).await })
            .await
    }

    /// Takes away everything that is set for a scope; what was set, if anything.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn clear(
        &self,
        scope: &ControlScope,
        actor: &str,
    ) -> Result<Option<ConsumptionControl>, StoreError> {
        self.store.transaction(|session| async move { clear(&session, scope, actor).await }).await
    }

    /// Brings the ends of rests up to date that quiet hours say: dispatchers look at them. How many began or ended.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn keep_rests(&self) -> Result<u64, StoreError> {
        let statement = format!(
            "SELECT {COLUMNS}, rests_until_ms FROM consumption_control WHERE quiet_hours IS NOT NULL"
        );
        let rows = self.store.reader().all("consumption_control", &statement, values![]).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let now = self.store.now().await?;
        let mut changed = 0;
        for row in rows {
            let (control, known_ms): (_, i64) = (control(&row)?, row.get("rests_until_ms")?);
            let rests_until_ms = rests_until_ms(control.quiet_hours.as_ref(), now);
            // A rest that is over needs no new number.
            if rests_until_ms == known_ms || (rests_until_ms == 0 && known_ms <= now.timestamp_millis()) {
                continue;
            }
            let (connector, folded) = key(&control.scope);
            // Only what was not set anew meanwhile.
            let parameters =
                values![connector, folded, rests_until_ms, control.changed_at.timestamp_millis()];
            let parameters = &parameters;
            changed += self
                .store
                .transaction(|session| async move { session.run(KEEP_REST, parameters.clone()).await })
                .await?;
        }
        Ok(changed)
    }
}

const KEEP_REST: &str = "UPDATE consumption_control SET rests_until_ms = $3 \
     WHERE connector_id = $1 AND organization_folded = $2 AND changed_at_ms = $4";

const UPSERT: &str = "
    INSERT INTO consumption_control (connector_id, organization_folded, organization, paused, share, quiet_hours,
        rests_until_ms, reason, changed_by, changed_at_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (connector_id, organization_folded) DO UPDATE SET
        organization = excluded.organization, paused = excluded.paused, share = excluded.share,
        quiet_hours = excluded.quiet_hours, rests_until_ms = excluded.rests_until_ms, reason = excluded.reason,
        changed_by = excluded.changed_by, changed_at_ms = excluded.changed_at_ms";

async fn set(
    session: &Session,
    scope: &ControlScope,
    change: ControlChange,
    actor: &str,
) -> Result<ConsumptionControl, StoreError> {
    let connector = session
        .one(
            "connector",
            "SELECT id FROM connector WHERE id = $1 {for_update}",
            values![scope.connector_id.0],
        )
        .await?;
    if connector.is_none() {
        return Err(StoreError::not_found("connector", &scope.connector_id));
    }
    let before = find(session, scope, "{for_update}").await?;
    let now_ms = session.now_ms().await?;
    let changed_at = moment(now_ms)?;
    let (share, quiet_hours, reason, paused) = match &before {
        Some(before) => (before.share, before.quiet_hours.clone(), before.reason.clone(), before.paused),
        None => (None, None, None, false),
    };
    let control = ConsumptionControl {
        scope: scope.clone(),
        paused: change.paused.unwrap_or(paused),
        share: change.share.applied_to(share),
        quiet_hours: change.quiet_hours.applied_to(quiet_hours),
        reason: change.reason.or(reason),
        changed_by: actor.to_owned(),
        changed_at,
    };
    let (connector, folded) = key(scope);
    let quiet_hours = match &control.quiet_hours {
        Some(hours) => Some(document(hours)?),
        None => None,
    };
    let parameters = values![
        connector,
        folded,
        scope.organization.as_ref().map(|name| name.as_str().to_owned()),
        control.paused,
        control.share.map(Share::part),
        quiet_hours,
        rests_until_ms(control.quiet_hours.as_ref(), changed_at),
        control.reason.clone(),
        actor,
        now_ms
    ];
    session.run(UPSERT, parameters).await?;
    if share.is_some() && control.share.is_none() {
        forget_window(session, scope).await?;
    }
    wake(session, scope).await?;
    audit(session, "consumption_control.set", &control, actor).await?;
    Ok(control)
}

async fn clear(
    session: &Session,
    scope: &ControlScope,
    actor: &str,
) -> Result<Option<ConsumptionControl>, StoreError> {
    let Some(control) = find(session, scope, "{for_update}").await? else { return Ok(None) };
    let (connector, folded) = key(scope);
    session
        .run(
            "DELETE FROM consumption_control WHERE connector_id = $1 AND organization_folded = $2",
            values![connector, folded],
        )
        .await?;
    forget_window(session, scope).await?;
    wake(session, scope).await?;
    audit(session, "consumption_control.clear", &control, actor).await?;
    Ok(Some(control))
}

async fn find(
    session: &Session,
    scope: &ControlScope,
    lock: &str,
) -> Result<Option<ConsumptionControl>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM consumption_control WHERE connector_id = $1 AND organization_folded = $2 {lock}"
    );
    let (connector, folded) = key(scope);
    session
        .one("consumption_control", &statement, values![connector, folded])
        .await?
        .as_ref()
        .map(control)
        .transpose()
}

/// A window that is not kept any more would be older than it looks when there is a share again.
async fn forget_window(session: &Session, scope: &ControlScope) -> Result<(), StoreError> {
    let statement = "UPDATE consumption_scope SET state = NULL WHERE fairness_key = $1";
    session.run(statement, values![scope.fairness_key()]).await?;
    Ok(())
}

/// What waits for room may look again: what still holds it parks it again.
async fn wake(session: &Session, scope: &ControlScope) -> Result<(), StoreError> {
    let (of_scope, value) = match &scope.organization {
        Some(_) => ("fairness_key = $2", scope.fairness_key()),
        // Every organization of the connector, and itself.
        None => ("fairness_key >= $2", String::new()),
    };
    let statement = format!(
        "UPDATE job SET due_at_ms = {{now}}, updated_at_ms = {{now}} WHERE connector_id = $1 AND {of_scope} \
         AND state = 'pending' AND waiting_reason = 'throttled' AND due_at_ms > {{now}}"
    );
    session.run(&statement, values![scope.connector_id.0, value]).await?;
    Ok(())
}

async fn audit(
    session: &Session,
    action: &str,
    control: &ConsumptionControl,
    actor: &str,
) -> Result<(), StoreError> {
    let detail = serde_json::to_value(control).map_err(|error| StoreError::Invalid(error.to_string()))?;
    session
        .run(
            "INSERT INTO audit (id, at_ms, actor, action, target, detail) VALUES ($1, {now}, $2, $3, $4, $5)",
            values![Uuid::now_v7(), actor, action, control.scope.fairness_key(), detail],
        )
        .await?;
    Ok(())
}

/// Connector and folded organization: the key of a control.
pub(crate) fn key(scope: &ControlScope) -> (Uuid, String) {
    (scope.connector_id.0, scope.organization.as_ref().map(OrganizationName::folded).unwrap_or_default())
}

fn control(row: &Row) -> Result<ConsumptionControl, StoreError> {
    let organization: Option<String> = row.get("organization")?;
    let share: Option<f64> = row.get("share")?;
    let share = share.map(|part| Share::new(part).map_err(|error| row.broken("share", error))).transpose()?;
    Ok(ConsumptionControl {
        scope: ControlScope {
            connector_id: row.id::<ConnectorId>("connector_id")?,
            organization: organization.map(OrganizationName::new),
        },
        paused: row.get("paused")?,
        share,
        quiet_hours: quiet_hours(row)?,
        reason: row.get("reason")?,
        changed_by: row.get("changed_by")?,
        changed_at: row.time("changed_at_ms")?,
    })
}

/// Until when background work rests by the quiet hours in a row.
pub(crate) fn rests_until(row: &Row, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, StoreError> {
    Ok(quiet_hours(row)?.and_then(|hours| hours.rests_until(now)))
}

fn quiet_hours(row: &Row) -> Result<Option<QuietHours>, StoreError> {
    match row.get::<Option<serde_json::Value>>("quiet_hours")? {
        Some(_) => row.json("quiet_hours").map(Some),
        None => Ok(None),
    }
}

fn rests_until_ms(hours: Option<&QuietHours>, now: DateTime<Utc>) -> i64 {
    hours.and_then(|hours| hours.rests_until(now)).map_or(0, |end| end.timestamp_millis())
}

fn document(hours: &QuietHours) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(hours).map_err(|error| StoreError::Invalid(error.to_string()))
}

fn moment(now_ms: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_millis(now_ms)
        .ok_or_else(|| StoreError::Statement(format!("{now_ms} is not a moment")))
}
