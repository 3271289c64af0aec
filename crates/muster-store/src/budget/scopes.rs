//! What connectors and organizations spend of a budget, and the windows of those that have a share of their own.
//!
//! Rows are only touched while the row of their identity's budget is locked.

use crate::error::StoreError;
use crate::session::{Session, values};
use chrono::{DateTime, Utc};
use muster_domain::consumption_control::ControlScope;
use std::time::Duration;

/// What a scope had spent at some moment.
#[derive(Clone, Debug)]
pub(crate) struct Spent {
    pub(crate) identity: String,
    pub(crate) scope: ControlScope,
    pub(crate) tstu: f64,
    pub(crate) noted_at: DateTime<Utc>,
}

impl Spent {
    /// What of it is recent at that moment: it fades linearly over one window.
    pub(crate) fn at(&self, now: DateTime<Utc>, window: Duration) -> f64 {
        faded(self.tstu, (now - self.noted_at).to_std().unwrap_or_default(), window)
    }
}

/// What is left of an amount after a time.
pub(super) fn faded(tstu: f64, age: Duration, window: Duration) -> f64 {
    let left = 1.0 - age.as_secs_f64() / window.as_secs_f64().max(f64::MIN_POSITIVE);
    tstu * left.clamp(0.0, 1.0)
}

/// What every scope spent; older than a window or not.
pub(crate) async fn spent_lately(session: &Session) -> Result<Vec<Spent>, StoreError> {
    let rows = session
        .all(
            "consumption_scope",
            "SELECT identity_key, fairness_key, spent_tstu, spent_at_ms FROM consumption_scope WHERE spent_tstu > 0",
            values![],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Spent {
                identity: row.get("identity_key")?,
                scope: row.parse("fairness_key", ControlScope::parse)?,
                tstu: row.get("spent_tstu")?,
                noted_at: row.time("spent_at_ms")?,
            })
        })
        .collect()
}
