//! Asks Azure DevOps, for a person who waits, what a credential reaches. Nothing is kept.

use crate::exit::{Exit, Failed};
use crate::process::azure_devops;
use crate::session::Session;
use muster_azdo::{CallError, PageGuard, PageRequest, ProjectItem, Session as Calls};
use muster_discovery::{Claimant, ownership};
use muster_domain::budget::ConsumptionClass;
use muster_domain::connector::OrganizationAccess;
use muster_domain::credential::Credential;
use muster_domain::read::Read;
use muster_domain::{ConnectorId, OrganizationId, OrganizationName, TenantId};
use muster_store::Store;

/// Calls with one credential.
pub(crate) struct Survey<'a> {
    pub(crate) store: &'a Store,
    pub(crate) calls: Calls,
    credential: Credential,
    is_catalog_on: bool,
}

/// How an organization would stand with a connector.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) organization: OrganizationName,
    pub(crate) organization_id: Option<OrganizationId>,
    pub(crate) tenant_id: Option<TenantId>,
    pub(crate) access: OrganizationAccess,
    /// Why, where it is not connected.
    pub(crate) reason: Option<String>,
    /// Whom the credential acts as there.
    pub(crate) subject: Option<String>,
}

impl<'a> Survey<'a> {
    pub(crate) async fn with(session: &'a Session, credential: &Credential) -> Result<Self, Failed> {
        let secret = session.store.credentials().reveal(credential.id).await?;
        let client = azure_devops(&session.configuration, &session.store)?;
        let off = session.configuration.reads.switched_off();
        Ok(Self {
            store: &session.store,
            calls: client.session_of(credential, secret, ConsumptionClass::Interactive),
            credential: credential.clone(),
            is_catalog_on: !off.contains(&Read::EnterpriseCatalog),
        })
    }

    /// The organizations that the credential reaches, as discovery would list them: those of the account behind it,
    /// else those of the tenant.
    pub(crate) async fn organizations(
        &self,
        tenant: Option<TenantId>,
    ) -> Result<Vec<OrganizationName>, Failed> {
        let accounts = match self.calls.profile().await {
            Ok(profile) => match self.calls.accounts(profile.id).await {
                Ok(accounts) => accounts,
                Err(error) if is_refusal(&error) => Vec::new(),
                Err(error) => return Err(error.into()),
            },
            Err(error) if is_refusal(&error) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        if !accounts.is_empty() {
            return Ok(accounts.into_iter().map(|account| account.name).collect());
        }
        let tenant = tenant.or(self.credential.kind.tenant_id());
        if let Some(tenant) = tenant.filter(|_| self.is_catalog_on) {
            match self.calls.enterprise_catalog(tenant).await {
                Ok(entries) if !entries.is_empty() => {
                    return Ok(entries.into_iter().map(|entry| entry.name).collect());
                }
                Err(error @ (CallError::Throttled { .. } | CallError::GateUnavailable { .. })) => {
                    return Err(error.into());
                }
                Ok(_) | Err(_) => {}
            }
        }
        Err(Failed::new(
            Exit::Authorization,
            format!(
                "the credential {} cannot list its organizations: name them with --organization, or store a token that \
                 is valid for all accessible organizations",
                self.credential.name
            ),
        ))
    }

    /// How an organization would stand with the connector (or with a new one) of that tenant.
    pub(crate) async fn look(
        &self,
        organization: &OrganizationName,
        tenant: Option<TenantId>,
        connector: Option<ConnectorId>,
    ) -> Result<Found, Failed> {
        let mut found = Found {
            organization: organization.clone(),
            organization_id: None,
            tenant_id: None,
            access: OrganizationAccess::Connected,
            reason: None,
            subject: None,
        };
        let data = match self.calls.connection_data(organization).await {
            Ok(data) => data,
            Err(error) => {
                found.access = error.organization_access().ok_or_else(|| Failed::from(error.clone()))?;
                found.reason = Some(error.to_string());
                return Ok(found);
            }
        };
        found.organization_id = Some(data.organization_id);
        found.tenant_id = data.tenant_id;
        let claimant = Claimant { connector, tenant };
        let ownership = ownership(self.store, claimant, organization, &data).await?;
        if let Some((access, reason)) = ownership.refusal() {
            found.access = access;
            found.reason = Some(reason);
        }
        found.subject = Some(data.subject_descriptor);
        Ok(found)
    }

    /// The projects of an organization.
    pub(crate) async fn projects(
        &self,
        organization: &OrganizationName,
    ) -> Result<Vec<ProjectItem>, CallError> {
        let mut guard = PageGuard::in_organization(Read::Projects, organization);
        let mut request = Some(PageRequest::first());
        let mut projects = Vec::new();
        while let Some(asked) = request {
            let page = self.calls.projects(organization, asked).await?;
            request = guard.next(&page)?;
            projects.extend(page.items);
        }
        Ok(projects)
    }

    /// How many repositories an organization has.
    pub(crate) async fn repositories(&self, organization: &OrganizationName) -> Result<u64, CallError> {
        let mut batches = self.calls.repositories(organization).await?;
        let mut count = 0;
        while let Some(batch) = batches.next_batch().await? {
            count += batch.len() as u64;
        }
        Ok(count)
    }
}

fn is_refusal(error: &CallError) -> bool {
    matches!(error, CallError::Unauthorized { .. } | CallError::Forbidden { .. })
}
