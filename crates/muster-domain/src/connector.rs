//! A connector: one connection to Azure DevOps, its choice of organizations and its states.

use crate::{ConnectorId, CredentialId, OrganizationName, TenantId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One connection to Azure DevOps (`Microsoft.Security/securityConnectors`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connector {
    /// Identifier for its whole life.
    pub id: ConnectorId,
    /// Name, unique within subscription and resource group.
    pub name: String,
    /// Azure subscription id.
    pub subscription_id: String,
    /// Azure resource group.
    pub resource_group: String,
    /// Azure region in its short form, for example `centralus`.
    pub region: String,
    /// Tenant that the organizations must belong to; learnt from the first organization when absent.
    pub tenant_id: Option<TenantId>,
    /// What is paid for.
    pub plan: Plan,
    /// Credential that every call is made with.
    pub credential_id: CredentialId,
    /// Which organizations are connected.
    pub organizations: OrganizationsChoice,
    /// Where it stands.
    pub state: ConnectorState,
    /// Why it stands there, for people: what is wrong and what to do. Absent while all is well.
    pub state_reason: Option<String>,
    /// When the state was entered.
    pub state_since: DateTime<Utc>,
    /// Counts every change of the connector: the sequence of its facts.
    pub change_sequence: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// What is paid for. Shown as capability `DCSPM_ENABLED` where it changes something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Plan {
    /// Foundational posture management, free.
    #[default]
    Foundational,
    /// Defender Cloud Security Posture Management.
    DefenderCspm,
}

impl Plan {
    /// The name on the wire and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Foundational => "Foundational",
            Self::DefenderCspm => "DefenderCspm",
        }
    }
}

/// Which organizations are connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "autoDiscovery", rename_all_fields = "camelCase")]
pub enum OrganizationsChoice {
    /// All that the credential reaches, now and later (`autoDiscovery: Enabled`).
    #[serde(rename = "Enabled")]
    AllExistingAndFuture,
    /// `autoDiscovery: Disabled`: the named ones, or, when none is named, all that exist at creation.
    #[serde(rename = "Disabled")]
    Selected {
        /// The named organizations.
        organizations: Vec<OrganizationName>,
    },
}

/// Where a connector stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectorState {
    /// Created, its credential not proved yet.
    Pending,
    /// At work.
    Active,
    /// The credential is refused; nothing is asked until it is renewed.
    NeedsAuth,
    /// The credential works but may not read what is needed.
    NeedsPermission,
    /// Its organizations belong to another connector.
    Conflict,
    /// Stopped by a person.
    Paused,
    /// Being taken apart.
    Removing,
    /// Gone; kept for the record.
    Removed,
}

/// What happened to a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectorEvent {
    /// The credential proved itself and at least one organization can be read.
    Authorized,
    /// The credential was refused.
    AuthorizationLost,
    /// A right is missing on everything that is asked for.
    PermissionMissing,
    /// Every organization is claimed by another connector.
    OrganizationsClaimedElsewhere,
    /// A person stops it.
    Pause,
    /// A person lets it go on; it proves itself anew.
    Resume,
    /// A person or a request removes it.
    Remove,
    /// Everything it held is gone.
    RemovalFinished,
}

/// An event that a state does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a connector that is {state} cannot be told {event:?}")]
pub struct InvalidTransition {
    /// The state it is in.
    pub state: ConnectorState,
    /// The event that it does not know.
    pub event: ConnectorEvent,
}

impl ConnectorState {
    /// Every state, in the order of a connector's life.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Active,
        Self::NeedsAuth,
        Self::NeedsPermission,
        Self::Conflict,
        Self::Paused,
        Self::Removing,
        Self::Removed,
    ];

    /// The state after `event`; the same state where the event says nothing new.
    ///
    /// # Errors
    /// [`InvalidTransition`] when the event makes no sense in this state.
    pub fn after(self, event: ConnectorEvent) -> Result<Self, InvalidTransition> {
        use ConnectorEvent as Event;
        let next = match (self, event) {
            (Self::Removed, Event::RemovalFinished | Event::Remove) => Self::Removed,
            (Self::Removing, Event::RemovalFinished) => Self::Removed,
            // A worker that was still running may report; what is being removed stays so.
            (
                Self::Removing | Self::Removed,
                Event::Authorized
                | Event::AuthorizationLost
                | Event::PermissionMissing
                | Event::OrganizationsClaimedElsewhere,
            ) => self,
            (Self::Removing, Event::Remove) => Self::Removing,
            (Self::Removing | Self::Removed, Event::Pause | Event::Resume)
            | (_, Event::RemovalFinished) => return Err(InvalidTransition { state: self, event }),
            (_, Event::Remove) => Self::Removing,
            (_, Event::Pause) => Self::Paused,
            // Only a person ends a pause; a late report does not.
            (
                Self::Paused,
                Event::Authorized
                | Event::AuthorizationLost
                | Event::PermissionMissing
                | Event::OrganizationsClaimedElsewhere,
            ) => Self::Paused,
            (Self::Paused | Self::NeedsAuth | Self::NeedsPermission | Self::Conflict, Event::Resume) => {
                Self::Pending
            }
            (Self::Pending | Self::Active, Event::Resume) => self,
            (_, Event::Authorized) => Self::Active,
            (_, Event::AuthorizationLost) => Self::NeedsAuth,
            (_, Event::PermissionMissing) => Self::NeedsPermission,
            (_, Event::OrganizationsClaimedElsewhere) => Self::Conflict,
        };
        Ok(next)
    }

    /// True where its jobs may run.
    pub fn may_work(self) -> bool {
        matches!(self, Self::Pending | Self::Active | Self::NeedsPermission | Self::Conflict)
    }

    /// Azure's `DevOpsProvisioningState` for this state.
    /// Source: azure-rest-api-specs, securityConnectorsDevOps.json (2024-04-01).
    pub fn provisioning_state(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Active | Self::Paused => "Succeeded",
            Self::NeedsAuth | Self::NeedsPermission | Self::Conflict => "Failed",
            Self::Removing => "PendingDeletion",
            Self::Removed => "DeletionSuccess",
        }
    }

    /// The name on the wire and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::NeedsAuth => "needs_auth",
            Self::NeedsPermission => "needs_permission",
            Self::Conflict => "conflict",
            Self::Paused => "paused",
            Self::Removing => "removing",
            Self::Removed => "removed",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl fmt::Display for ConnectorState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Regions in which the connector exists in the commercial cloud.
/// Source: Microsoft's DevOps support and prerequisites page (2025-01).
pub const REGIONS: [&str; 9] = [
    "eastasia",
    "australiaeast",
    "canadacentral",
    "westeurope",
    "northeurope",
    "swedencentral",
    "uksouth",
    "eastus",
    "centralus",
];

/// A region in its short form: `Central US` and `centralus` are one.
pub fn normalize_region(region: &str) -> String {
    region.chars().filter(|character| !character.is_whitespace()).flat_map(char::to_lowercase).collect()
}
