//! Which organizations a connector asks for, and whether it may have them.

use crate::work::Work;
use muster_azdo::{CallError, ConnectionData};
use muster_domain::OrganizationName;
use muster_domain::connector::OrganizationsChoice;
use muster_runtime::HandlerError;

/// The organizations that a connector asks for.
pub(crate) enum Organizations {
    /// These.
    Named(Vec<OrganizationName>),
    /// The credential cannot tell, and why, for people.
    CannotBeListed(String),
}

/// The named organizations, or those of the account behind the credential.
///
/// The list is empty for service principals, and a personal access token may be refused unless it is valid for all
/// accessible organizations (Microsoft's documentation of the accounts and profile interfaces): then the
/// organizations must be named.
pub(crate) async fn organizations_of(work: &Work<'_>) -> Result<Organizations, CallError> {
    if let OrganizationsChoice::Selected { organizations } = &work.connector.organizations
        && !organizations.is_empty()
    {
        return Ok(Organizations::Named(organizations.clone()));
    }
    let profile = match work.session.profile().await {
        Ok(profile) => profile,
        Err(CallError::Unauthorized { .. } | CallError::Forbidden { .. }) => {
            return Ok(Organizations::CannotBeListed(format!(
                "the credential {} may not list its organizations: name them in the connector, or store a token \
                 that is valid for all accessible organizations",
                work.credential.name
            )));
        }
        Err(error) => return Err(error),
    };
    let accounts = work.session.accounts(profile.id).await?;
    if accounts.is_empty() {
        return Ok(Organizations::CannotBeListed(format!(
            "the credential {} is a member of no organization, or a service principal, for which Azure DevOps lists \
             none: name the organizations in the connector",
            work.credential.name
        )));
    }
    Ok(Organizations::Named(accounts.into_iter().map(|account| account.name).collect()))
}

/// Whether a connector may have an organization.
pub(crate) enum Ownership {
    /// It may.
    Free,
    /// Another connector has it, and which, for people.
    ClaimedElsewhere(String),
    /// It belongs to another tenant, for people.
    OtherTenant(String),
}

/// Asks whether the connector may have the organization that `data` describes.
pub(crate) async fn ownership(
    work: &Work<'_>,
    organization: &OrganizationName,
    data: &ConnectionData,
) -> Result<Ownership, HandlerError> {
    if let (Some(wanted), Some(found)) = (work.connector.tenant_id, data.tenant_id)
        && wanted != found
    {
        return Ok(Ownership::OtherTenant(format!(
            "organization {organization} belongs to tenant {found}, the connector to tenant {wanted}: connect it from \
             a subscription of its own tenant, or link the organization to the connector's tenant"
        )));
    }
    let store = work.slice.store();
    match store.inventory().claimed_by(data.organization_id).await? {
        Some(owner) if owner != work.connector.id => {
            let name = match store.connectors().get(owner).await? {
                Some(owner) => owner.name,
                None => owner.to_string(),
            };
            Ok(Ownership::ClaimedElsewhere(format!(
                "organization {organization} belongs to the connector {name}: remove it there first, an organization \
                 can be connected once"
            )))
        }
        Some(_) | None => Ok(Ownership::Free),
    }
}
