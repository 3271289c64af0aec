//! A connector: one connection to Azure DevOps, its choice of organizations and its states.

mod organizations;

pub use organizations::{OrganizationAccess, standing};

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
            (Self::Removing | Self::Removed, Event::Pause | Event::Resume) | (_, Event::RemovalFinished) => {
                return Err(InvalidTransition { state: self, event });
            }
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

    /// True where its jobs may ask Azure DevOps; `connector.remove`, which asks nothing, runs in any state.
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

#[cfg(test)]
mod tests {
    use super::*;
    use ConnectorState::{Active, Conflict, NeedsAuth, NeedsPermission, Paused, Pending, Removed, Removing};

    /// Every event, in the order of the table below; the match makes a new event fail to compile.
    const EVENTS: [ConnectorEvent; 8] = [
        ConnectorEvent::Authorized,
        ConnectorEvent::AuthorizationLost,
        ConnectorEvent::PermissionMissing,
        ConnectorEvent::OrganizationsClaimedElsewhere,
        ConnectorEvent::Pause,
        ConnectorEvent::Resume,
        ConnectorEvent::Remove,
        ConnectorEvent::RemovalFinished,
    ];

    fn column(event: ConnectorEvent) -> usize {
        match event {
            ConnectorEvent::Authorized => 0,
            ConnectorEvent::AuthorizationLost => 1,
            ConnectorEvent::PermissionMissing => 2,
            ConnectorEvent::OrganizationsClaimedElsewhere => 3,
            ConnectorEvent::Pause => 4,
            ConnectorEvent::Resume => 5,
            ConnectorEvent::Remove => 6,
            ConnectorEvent::RemovalFinished => 7,
        }
    }

    /// Row: the state before. Columns: the state after each of [`EVENTS`]; `None` is refused.
    #[rustfmt::skip]
    const AFTER: [(ConnectorState, [Option<ConnectorState>; 8]); 8] = [
        (Pending,         [Some(Active),   Some(NeedsAuth), Some(NeedsPermission), Some(Conflict), Some(Paused), Some(Pending), Some(Removing), None]),
        (Active,          [Some(Active),   Some(NeedsAuth), Some(NeedsPermission), Some(Conflict), Some(Paused), Some(Active),  Some(Removing), None]),
        (NeedsAuth,       [Some(Active),   Some(NeedsAuth), Some(NeedsPermission), Some(Conflict), Some(Paused), Some(Pending), Some(Removing), None]),
        (NeedsPermission, [Some(Active),   Some(NeedsAuth), Some(NeedsPermission), Some(Conflict), Some(Paused), Some(Pending), Some(Removing), None]),
        (Conflict,        [Some(Active),   Some(NeedsAuth), Some(NeedsPermission), Some(Conflict), Some(Paused), Some(Pending), Some(Removing), None]),
        (Paused,          [Some(Paused),   Some(Paused),    Some(Paused),          Some(Paused),   Some(Paused), Some(Pending), Some(Removing), None]),
        (Removing,        [Some(Removing), Some(Removing),  Some(Removing),        Some(Removing), None,         None,          Some(Removing), Some(Removed)]),
        (Removed,         [Some(Removed),  Some(Removed),   Some(Removed),         Some(Removed),  None,         None,          Some(Removed),  Some(Removed)]),
    ];

    #[test]
    fn every_state_answers_every_event_as_the_table_says() {
        assert_eq!(AFTER.map(|(state, _)| state), ConnectorState::ALL);
        for (index, event) in EVENTS.into_iter().enumerate() {
            assert_eq!(column(event), index);
            for (state, row) in AFTER {
                let expected = row[index].ok_or(InvalidTransition { state, event });
                assert_eq!(state.after(event), expected, "{state} + {event:?}");
            }
        }
    }

    #[test]
    fn events_delivered_twice_change_nothing_the_second_time() {
        for state in ConnectorState::ALL {
            for event in EVENTS {
                if let Ok(next) = state.after(event) {
                    assert_eq!(next.after(event), Ok(next), "{state} + {event:?} twice");
                }
            }
        }
    }

    #[test]
    fn removal_always_ends_and_nothing_comes_back_from_it() {
        for state in ConnectorState::ALL {
            let removing = state.after(ConnectorEvent::Remove).expect("a connector can always be removed");
            assert!(!removing.may_work());
            let removed = removing.after(ConnectorEvent::RemovalFinished);
            assert_eq!(removed, Ok(Removed));
            assert!(EVENTS.iter().all(|event| Removed.after(*event).unwrap_or(Removed) == Removed));
        }
    }

    #[test]
    fn a_refused_event_says_what_and_why() {
        let error = Removing.after(ConnectorEvent::Pause).unwrap_err();
        assert_eq!(error.to_string(), "a connector that is removing cannot be told Pause");
    }

    #[test]
    fn only_some_states_may_ask_azure_devops() {
        let working: Vec<_> = ConnectorState::ALL.into_iter().filter(|state| state.may_work()).collect();
        assert_eq!(working, [Pending, Active, NeedsPermission, Conflict]);
    }

    /// Azure's clients poll a resource until it says Succeeded, Failed or Canceled: nothing that lives and waits
    /// for a person may say anything else, or they poll for ever.
    #[test]
    fn states_that_wait_for_a_person_end_polling() {
        for state in [Active, NeedsAuth, NeedsPermission, Conflict, Paused] {
            assert!(["Succeeded", "Failed"].contains(&state.provisioning_state()), "{state}");
        }
        assert_eq!(Pending.provisioning_state(), "Pending");
        assert_eq!(Removing.provisioning_state(), "PendingDeletion");
        assert_eq!(Removed.provisioning_state(), "DeletionSuccess");
    }

    #[test]
    fn names_are_the_same_on_the_wire_in_tables_and_for_people() {
        for state in ConnectorState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(ConnectorState::parse(state.as_str()), Some(state));
            assert_eq!(state.to_string(), state.as_str());
        }
        assert_eq!(ConnectorState::parse("Active"), None);
        for plan in [Plan::Foundational, Plan::DefenderCspm] {
            assert_eq!(serde_json::to_value(plan).unwrap(), plan.as_str());
        }
        assert_eq!(Plan::default(), Plan::Foundational);
    }

    #[test]
    fn the_choice_of_organizations_is_written_as_azure_writes_auto_discovery() {
        let selected =
            OrganizationsChoice::Selected { organizations: vec![OrganizationName::new("Contoso")] };
        for (choice, json) in [
            (OrganizationsChoice::AllExistingAndFuture, serde_json::json!({"autoDiscovery": "Enabled"})),
            (selected, serde_json::json!({"autoDiscovery": "Disabled", "organizations": ["Contoso"]})),
        ] {
            assert_eq!(serde_json::to_value(&choice).unwrap(), json);
            assert_eq!(serde_json::from_value::<OrganizationsChoice>(json).unwrap(), choice);
        }
    }

    #[test]
    fn regions_are_recognised_in_both_forms() {
        for (written, short) in
            [("Central US", "centralus"), ("  West  Europe ", "westeurope"), ("UKSOUTH", "uksouth")]
        {
            assert_eq!(normalize_region(written), short);
            assert!(REGIONS.contains(&short));
        }
        assert!(REGIONS.iter().all(|region| normalize_region(region) == *region));
    }
}
