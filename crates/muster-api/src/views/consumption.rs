//! What people set about consumption.

use chrono::{DateTime, Utc};
use muster_domain::connector::Connector;
use muster_domain::consumption_control::{ConsumptionControl, ControlScope, QuietHours, Share};
use muster_domain::{ConnectorId, OrganizationName};
use serde::Serialize;

/// What is set for a connector, or for one organization of it. What is absent is not set.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumptionDocument {
    /// The connector.
    pub connector_id: ConnectorId,
    /// Its name.
    pub connector: String,
    /// The organization; absent for the whole connector.
    pub organization: Option<OrganizationName>,
    /// Nothing of it calls Azure DevOps.
    pub paused: bool,
    /// The part of the stated limit that it may use.
    pub share: Option<Share>,
    /// When background work rests.
    pub quiet_hours: Option<QuietHours>,
    /// Until when it rests, if it does now.
    pub rests_until: Option<DateTime<Utc>>,
    /// Why, in the words of who set it.
    pub reason: Option<String>,
    /// Who set it last.
    pub changed_by: Option<String>,
    /// When.
    pub changed_at: Option<DateTime<Utc>>,
}

impl ConsumptionDocument {
    /// What is set for a scope of a connector.
    pub fn of(connector: &Connector, control: ConsumptionControl, now: DateTime<Utc>) -> Self {
        Self {
            connector_id: connector.id,
            connector: connector.name.clone(),
            rests_until: control.rests_until(now),
            organization: control.scope.organization,
            paused: control.paused,
            share: control.share,
            quiet_hours: control.quiet_hours,
            reason: control.reason,
            changed_by: Some(control.changed_by),
            changed_at: Some(control.changed_at),
        }
    }

    /// Where nothing is set.
    pub fn nothing(connector: &Connector, scope: ControlScope) -> Self {
        Self {
            connector_id: connector.id,
            connector: connector.name.clone(),
            organization: scope.organization,
            paused: false,
            share: None,
            quiet_hours: None,
            rests_until: None,
            reason: None,
            changed_by: None,
            changed_at: None,
        }
    }
}
