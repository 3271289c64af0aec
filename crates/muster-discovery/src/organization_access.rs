//! Which organizations a connector asks for, and whether it may have them.

use crate::step::StepError;
use crate::work::Work;
use muster_azdo::{CallError, ConnectionData};
use muster_domain::connector::{OrganizationAccess, OrganizationsChoice};
use muster_domain::credential::CredentialKind;
use muster_domain::read::Read;
use muster_domain::{OrganizationId, OrganizationName, TenantId};
use muster_runtime::HandlerError;

/// The organizations that a connector asks for.
pub(crate) enum Organizations {
    /// A person named these.
    Named(Vec<AskedOrganization>),
    /// Azure DevOps listed these.
    Listed(Vec<AskedOrganization>),
    /// The credential cannot tell, and why, for people.
    CannotBeListed(String),
}

/// An organization that a connector asks for.
#[derive(Clone, Debug)]
pub(crate) struct AskedOrganization {
    /// Its id, where the listing told it.
    pub id: Option<OrganizationId>,
    /// Its name.
    pub name: OrganizationName,
}

/// The named organizations, else those of the account behind the credential, else those of the tenant.
///
/// The account's list is empty for service principals, and a personal access token may be refused unless it is valid
/// for all accessible organizations (Microsoft's documentation of the accounts and profile interfaces). Then the
/// catalogue of the tenant is asked, which is not documented: what it lists and refuses the credential says so itself.
pub(crate) async fn organizations_of(work: &Work<'_>) -> Result<Organizations, CallError> {
    if let OrganizationsChoice::Selected { organizations } = &work.connector.organizations
        && !organizations.is_empty()
    {
        let named = organizations.iter().cloned().map(|name| AskedOrganization { id: None, name });
        return Ok(Organizations::Named(named.collect()));
    }
    let why = match accounts(work).await? {
        Ok(accounts) => return Ok(Organizations::Listed(accounts)),
        Err(why) => why,
    };
    let without_catalog = match catalog(work).await? {
        Ok(organizations) => return Ok(Organizations::Listed(organizations)),
        Err(why) => why,
    };
    Ok(Organizations::CannotBeListed(format!(
        "the credential {} {why}, and {without_catalog}: name the organizations in the connector, or store a token \
         that is valid for all accessible organizations",
        work.credential.name
    )))
}

/// The organizations of the person behind the credential, or why there are none.
async fn accounts(work: &Work<'_>) -> Result<Result<Vec<AskedOrganization>, &'static str>, CallError> {
    let refused = "may not list its organizations";
    let profile = match work.session.profile().await {
        Ok(profile) => profile,
        Err(CallError::Unauthorized { .. } | CallError::Forbidden { .. }) => return Ok(Err(refused)),
        Err(error) => return Err(error),
    };
    let accounts = match work.session.accounts(profile.id).await {
        Ok(accounts) => accounts,
        Err(CallError::Unauthorized { .. } | CallError::Forbidden { .. }) => return Ok(Err(refused)),
        Err(error) => return Err(error),
    };
    if accounts.is_empty() {
        return Ok(Err(
            "is a member of no organization, or a service principal, for which Azure DevOps lists none",
        ));
    }
    let found =
        accounts.into_iter().map(|account| AskedOrganization { id: Some(account.id), name: account.name });
    Ok(Ok(found.collect()))
}

/// The organizations of the tenant, or why there are none.
async fn catalog(work: &Work<'_>) -> Result<Result<Vec<AskedOrganization>, String>, CallError> {
    let read = Read::EnterpriseCatalog;
    if !work.settings.is_on(read) {
        return Ok(Err("the catalogue of the tenant's organizations is switched off".to_owned()));
    }
    let Some(tenant) = tenant_of(work) else {
        return Ok(Err("no tenant is known whose organizations could be listed".to_owned()));
    };
    match work.session.enterprise_catalog(tenant).await {
        Ok(entries) if entries.is_empty() => {
            Ok(Err(format!("the catalogue of tenant {tenant} holds no organization")))
        }
        Ok(entries) => {
            let found = entries
                .into_iter()
                .map(|entry| AskedOrganization { id: entry.organization_id, name: entry.name });
            Ok(Ok(found.collect()))
        }
        // The limit is everybody's, and without the budget nothing was asked.
        Err(error @ (CallError::Throttled { .. } | CallError::GateUnavailable { .. })) => Err(error),
        // Not documented: whatever else comes of it is no failure.
        Err(
            error @ (CallError::Unauthorized { .. }
            | CallError::Forbidden { .. }
            | CallError::NotFound { .. }
            | CallError::OrganizationStopped { .. }
            | CallError::Transient { .. }
            | CallError::Unexpected { .. }),
        ) => {
            tracing::info!(read = %read, error = %error, "the catalogue of the tenant gives nothing");
            Ok(Err(format!("the catalogue of tenant {tenant} gives nothing ({error})")))
        }
    }
}

/// The tenant of the connector, else that of the application behind the credential.
fn tenant_of(work: &Work<'_>) -> Option<TenantId> {
    work.connector.tenant_id.or(match work.credential.kind {
        CredentialKind::ClientSecret { tenant_id, .. } => Some(tenant_id),
        CredentialKind::PersonalAccessToken => None,
    })
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

impl Ownership {
    /// How the organization stands, and why, where the connector may not have it.
    pub(crate) fn refusal(self) -> Option<(OrganizationAccess, String)> {
        match self {
            Self::Free => None,
            Self::ClaimedElsewhere(reason) => Some((OrganizationAccess::ClaimedElsewhere, reason)),
            Self::OtherTenant(reason) => Some((OrganizationAccess::OtherTenant, reason)),
        }
    }
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

/// True where another organization of the connector still knows the credential: then one that refuses it refuses it
/// alone, and the credential is not lost.
pub(crate) async fn is_known_elsewhere(
    work: &Work<'_>,
    organization: &OrganizationName,
) -> Result<bool, StepError> {
    let standings = work.slice.store().connectors().organizations(Some(work.connector.id)).await?;
    let connected = standings.into_iter().find(|standing| {
        standing.access == OrganizationAccess::Connected && standing.organization != *organization
    });
    let Some(other) = connected else { return Ok(false) };
    match work.session.connection_data(&other.organization).await {
        Ok(_) | Err(CallError::Forbidden { .. }) => Ok(true),
        Err(
            CallError::Unauthorized { .. }
            | CallError::NotFound { .. }
            | CallError::OrganizationStopped { .. },
        ) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
