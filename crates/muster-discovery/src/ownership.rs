//! Whether a connector may have an organization: one connector per organization, and one tenant per connector.

use muster_azdo::ConnectionData;
use muster_domain::connector::OrganizationAccess;
use muster_domain::{ConnectorId, OrganizationName, TenantId};
use muster_store::{Store, StoreError};

/// Who wants an organization.
#[derive(Clone, Copy, Debug)]
pub struct Claimant {
    /// The connector; absent where it is not created yet.
    pub connector: Option<ConnectorId>,
    /// The tenant to which its organizations must belong, where that is known.
    pub tenant: Option<TenantId>,
}

/// Whether a connector may have an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// It may.
    Free,
    /// Another connector has it, and which, for people.
    ClaimedElsewhere(String),
    /// It belongs to another tenant, for people.
    OtherTenant(String),
}

impl Ownership {
    /// How the organization stands, and why, where the connector may not have it.
    pub fn refusal(self) -> Option<(OrganizationAccess, String)> {
        match self {
            Self::Free => None,
            Self::ClaimedElsewhere(reason) => Some((OrganizationAccess::ClaimedElsewhere, reason)),
            Self::OtherTenant(reason) => Some((OrganizationAccess::OtherTenant, reason)),
        }
    }
}

/// Asks whether the claimant may have the organization that `data` describes.
///
/// # Errors
/// Those of the store.
pub async fn ownership(
    store: &Store,
    claimant: Claimant,
    organization: &OrganizationName,
    data: &ConnectionData,
) -> Result<Ownership, StoreError> {
    if let (Some(wanted), Some(found)) = (claimant.tenant, data.tenant_id)
        && wanted != found
    {
        return Ok(Ownership::OtherTenant(format!(
            "organization {organization} belongs to tenant {found}, the connector to tenant {wanted}: connect it from \
             a subscription of its own tenant, or link the organization to the connector's tenant"
        )));
    }
    let owner = store.inventory().claimed_by(data.organization_id).await?;
    let Some(owner) = owner.filter(|owner| claimant.connector != Some(*owner)) else {
        return Ok(Ownership::Free);
    };
    let name = match store.connectors().get(owner).await? {
        Some(owner) => owner.name,
        None => owner.to_string(),
    };
    Ok(Ownership::ClaimedElsewhere(format!(
        "organization {organization} belongs to the connector {name}: remove it there first, an organization can be \
         connected once"
    )))
}
