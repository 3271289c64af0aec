//! How organizations stand with a connector, and what that means for it.

use super::ConnectorEvent;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How one organization stands with a connector that asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrganizationAccess {
    /// Not asked yet.
    Pending,
    /// It is read.
    Connected,
    /// Another connector has it; first come, first served.
    ClaimedElsewhere,
    /// It belongs to another tenant than the connector.
    OtherTenant,
    /// The credential is not admitted, or lacks a right without which nothing can be read.
    Refused,
    /// There is no organization of that name, or none that the credential may know of.
    NotFound,
    /// Azure DevOps has stopped it (503 with TF24668); it is probed once a day.
    Stopped,
}

impl OrganizationAccess {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Connected,
        Self::ClaimedElsewhere,
        Self::OtherTenant,
        Self::Refused,
        Self::NotFound,
        Self::Stopped,
    ];

    /// The name on the wire and in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Connected => "connected",
            Self::ClaimedElsewhere => "claimed_elsewhere",
            Self::OtherTenant => "other_tenant",
            Self::Refused => "refused",
            Self::NotFound => "not_found",
            Self::Stopped => "stopped",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|access| access.as_str() == name)
    }

    /// Azure's `OnboardingState` of an organization.
    /// Source: azure-rest-api-specs, securityConnectorsDevOps.json (2024-04-01).
    pub fn onboarding_state(self) -> &'static str {
        match self {
            Self::Connected => "Onboarded",
            Self::ClaimedElsewhere => "OnboardedByOtherConnector",
            Self::Pending | Self::OtherTenant | Self::Refused | Self::NotFound | Self::Stopped => {
                "NotOnboarded"
            }
        }
    }
}

impl fmt::Display for OrganizationAccess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What the standing of all organizations means for their connector: one that is read is enough. `None`: nothing to
/// say yet.
pub fn standing(organizations: &[OrganizationAccess]) -> Option<ConnectorEvent> {
    use OrganizationAccess::{ClaimedElsewhere, Connected, Pending};
    if organizations.contains(&Connected) {
        return Some(ConnectorEvent::Authorized);
    }
    if organizations.is_empty() || organizations.contains(&Pending) {
        return None;
    }
    if organizations.iter().all(|access| *access == ClaimedElsewhere) {
        return Some(ConnectorEvent::OrganizationsClaimedElsewhere);
    }
    Some(ConnectorEvent::PermissionMissing)
}

#[cfg(test)]
mod tests {
    use super::OrganizationAccess as Access;
    use super::*;

    #[test]
    fn one_organization_that_is_read_is_enough_and_none_says_why() {
        for (organizations, event) in [
            (vec![], None),
            (vec![Access::Pending, Access::Refused], None),
            (vec![Access::Connected, Access::Refused, Access::Pending], Some(ConnectorEvent::Authorized)),
            (vec![Access::ClaimedElsewhere; 2], Some(ConnectorEvent::OrganizationsClaimedElsewhere)),
            (vec![Access::ClaimedElsewhere, Access::Stopped], Some(ConnectorEvent::PermissionMissing)),
            (vec![Access::OtherTenant], Some(ConnectorEvent::PermissionMissing)),
        ] {
            assert_eq!(standing(&organizations), event, "{organizations:?}");
        }
        for access in Access::ALL {
            assert_eq!(serde_json::to_value(access).unwrap(), access.as_str());
            assert_eq!(Access::parse(access.as_str()), Some(access));
        }
    }
}
