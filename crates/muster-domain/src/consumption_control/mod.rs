//! What people set about consumption: pause, share and quiet hours of a connector or of one organization in it.
//!
//! The control of a connector holds for each of its organizations, beside their own. In a pause nothing of the scope
//! calls Azure DevOps. In quiet hours background work rests; what a person waits for goes on. A share bounds the
//! scope's own sliding window, for background work.

use crate::job::JobSubject;
use crate::{ConnectorId, OrganizationName};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

mod quiet_hours;

pub use quiet_hours::{QuietHours, QuietHoursError};

/// Where a control holds, and where a call belongs to: a connector, or one organization in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ControlScope {
    /// The connector.
    pub connector_id: ConnectorId,
    /// One organization of it; absent for the whole connector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationName>,
}

impl ControlScope {
    /// A whole connector.
    pub fn connector(connector_id: ConnectorId) -> Self {
        Self { connector_id, organization: None }
    }

    /// One organization of a connector.
    pub fn organization(connector_id: ConnectorId, organization: OrganizationName) -> Self {
        Self { connector_id, organization: Some(organization) }
    }

    /// What its calls and jobs are counted under: the same as [`JobSubject::fairness_key`].
    pub fn fairness_key(&self) -> String {
        match &self.organization {
            Some(organization) => format!("{}/{}", self.connector_id, organization.folded()),
            None => self.connector_id.to_string(),
        }
    }

    /// The scope of a [`ControlScope::fairness_key`]; nothing if it is none.
    pub fn parse(fairness_key: &str) -> Option<Self> {
        let (connector, organization) = match fairness_key.split_once('/') {
            Some((connector, organization)) => (connector, Some(OrganizationName::new(organization))),
            None => (fairness_key, None),
        };
        Some(Self { connector_id: connector.parse().ok()?, organization })
    }

    /// The scopes whose controls hold here, the widest first.
    pub fn with_parents(&self) -> Vec<Self> {
        let connector = Self::connector(self.connector_id);
        if self.organization.is_some() { vec![connector, self.clone()] } else { vec![connector] }
    }
}

impl From<&JobSubject> for ControlScope {
    fn from(subject: &JobSubject) -> Self {
        Self { connector_id: subject.connector_id, organization: subject.organization.clone() }
    }
}

/// Part of the stated limit, more than nothing and at most all of it.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

/// Not a share.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is no share: it must be more than 0 and at most 1")]
pub struct NotAShare(pub f64);

impl Share {
    /// The share of that size.
    ///
    /// # Errors
    /// [`NotAShare`] outside of 0 to 1.
    pub fn new(part: f64) -> Result<Self, NotAShare> {
        if part > 0.0 && part <= 1.0 { Ok(Self(part)) } else { Err(NotAShare(part)) }
    }

    /// The part, more than 0, at most 1.
    pub fn part(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = NotAShare;

    fn try_from(part: f64) -> Result<Self, Self::Error> {
        Self::new(part)
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Parts are shown in percent.
        const PERCENT: f64 = 100.0;
        write!(formatter, "{} %", self.0 * PERCENT)
    }
}

/// What was set for a scope.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumptionControl {
    /// Where it holds.
    pub scope: ControlScope,
    /// Nothing of the scope calls Azure DevOps.
    pub paused: bool,
    /// Bound of the scope's own sliding window, for background work.
    pub share: Option<Share>,
    /// When background work rests.
    pub quiet_hours: Option<QuietHours>,
    /// Why, in the words of who set it.
    pub reason: Option<String>,
    /// Who set it last.
    pub changed_by: String,
    /// When.
    pub changed_at: DateTime<Utc>,
}

impl ConsumptionControl {
    /// Until when background work rests by quiet hours, if it does.
    pub fn rests_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.quiet_hours.as_ref().and_then(|hours| hours.rests_until(now))
    }
}

/// What becomes of one setting.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Setting<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is taken away.
    Clear,
    /// It becomes this.
    Set(T),
}

impl<T> Setting<T> {
    /// The setting after the change.
    pub fn applied_to(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Keep => before,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// A change of a control; what is not named stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ControlChange {
    /// Pause or resume.
    pub paused: Option<bool>,
    /// Another share.
    pub share: Setting<Share>,
    /// Other quiet hours.
    pub quiet_hours: Setting<QuietHours>,
    /// Why; replaces the reason that was given before.
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests;
