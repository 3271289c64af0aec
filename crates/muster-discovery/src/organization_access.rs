//! Which organizations a connector asks for, and whether they know its credential.

use crate::step::StepError;
use crate::work::Work;
use muster_azdo::CallError;
use muster_domain::connector::OrganizationsChoice;
use muster_domain::read::Read;
use muster_domain::{OrganizationId, OrganizationName};

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
    let Some(tenant) = work.connector.tenant_id.or(work.credential.kind.tenant_id()) else {
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
        Err(
            error @ (CallError::Throttled { .. }
            | CallError::HostUnavailable { .. }
            | CallError::GateUnavailable { .. }),
        ) => Err(error),
        // Not documented: whatever else comes of it is no failure.
        Err(
            error @ (CallError::Unauthorized { .. }
            | CallError::Forbidden { .. }
            | CallError::NotFound { .. }
            | CallError::OrganizationStopped { .. }
            | CallError::Transient { .. }
            | CallError::CertificateRefused { .. }
            | CallError::Unexpected { .. }),
        ) => {
            tracing::info!(read = %read, error = %error, "the catalogue of the tenant gives nothing");
            Ok(Err(format!("the catalogue of tenant {tenant} gives nothing ({error})")))
        }
    }
}

/// True where another organization still knows the credential, of this connector or of another one that has it: then
/// those that refuse it refuse it alone, and the credential is not lost.
pub(crate) async fn is_known_elsewhere(
    work: &Work<'_>,
    refusing: &[OrganizationName],
) -> Result<bool, StepError> {
    let connectors = work.slice.store().connectors();
    let Some(other) = connectors.admitting(work.credential.id, refusing).await? else { return Ok(false) };
    match work.session.connection_data(&other).await {
        Ok(_) | Err(CallError::Forbidden { .. }) => Ok(true),
        Err(
            CallError::Unauthorized { .. }
            | CallError::NotFound { .. }
            | CallError::OrganizationStopped { .. },
        ) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
