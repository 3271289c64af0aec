//! Who am I here, which organization is this, and may the connector have it.

use super::Discovery;
use crate::inventory_difference::Sighting;
use crate::organization_access::is_known_elsewhere;
use crate::ownership::ownership;
use crate::step::StepError;
use muster_azdo::{CallError, ConnectionData};
use muster_domain::IdentityKey;
use muster_domain::connector::{ConnectorEvent, OrganizationAccess};
use muster_domain::properties::{OrganizationProperties, Properties};
use muster_domain::resource::{Resource, ResourceKey, ResourceKind};
use muster_runtime::HandlerError;
use muster_store::changes::{Changes, ClaimWrite, IdentityWrite};

/// Claims the organization. `Some`: the connector may not have it, and what that changes.
pub(super) async fn identify(discovery: &mut Discovery<'_>) -> Result<Option<Changes>, StepError> {
    let data = match discovery.work.session.connection_data(&discovery.organization).await {
        Ok(data) => data,
        Err(error @ CallError::Unauthorized { .. })
            if is_known_elsewhere(&discovery.work, std::slice::from_ref(&discovery.organization)).await? =>
        {
            let access = OrganizationAccess::Refused;
            let reason = Some(error.to_string());
            let organizations = vec![discovery.work.stands(&discovery.organization, None, access, reason)];
            return Ok(Some(Changes { organizations, ..Changes::default() }));
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(refused) = refused(discovery, &data).await? {
        return Ok(Some(refused));
    }
    discovery.commit(claim(discovery, &data)).await?;
    // Two connectors may have asked at the same moment, and two organizations of one connector may have taught it two
    // tenants: what was committed first holds.
    let connectors = discovery.work.slice.store().connectors();
    if let Some(connector) = connectors.get(discovery.work.connector.id).await? {
        discovery.work.connector = connector;
    }
    if let Some(mut refused) = refused(discovery, &data).await? {
        let connector_id = discovery.work.connector.id;
        refused.claims.push(ClaimWrite::Release { connector_id, organization_id: data.organization_id });
        return Ok(Some(refused));
    }
    discovery.progress.organization_id = Some(data.organization_id);
    let changes = connected(discovery, &data).await?;
    discovery.commit(changes).await?;
    Ok(None)
}

async fn refused(discovery: &Discovery<'_>, data: &ConnectionData) -> Result<Option<Changes>, HandlerError> {
    let work = &discovery.work;
    let ownership = ownership(work.slice.store(), work.claimant(), &discovery.organization, data).await?;
    let Some((access, reason)) = ownership.refusal() else { return Ok(None) };
    let id = Some(data.organization_id);
    let organizations = vec![work.stands(&discovery.organization, id, access, Some(reason))];
    Ok(Some(Changes { organizations, ..Changes::default() }))
}

/// The claim, the identity that the calls were made as, and the tenant, which is learnt once.
fn claim(discovery: &Discovery<'_>, data: &ConnectionData) -> Changes {
    let work = &discovery.work;
    let mut changes = Changes::default();
    changes.claims.push(ClaimWrite::Claim {
        connector_id: work.connector.id,
        organization_id: data.organization_id,
        organization: discovery.organization.clone(),
        tenant_id: data.tenant_id,
    });
    let identity = IdentityKey::subject(data.subject_descriptor.clone());
    if work.credential.identity.as_ref() != Some(&identity) {
        changes.identities.push(IdentityWrite { credential_id: work.credential.id, identity });
    }
    if work.connector.tenant_id.is_none() && data.tenant_id.is_some() {
        let mut transition = work.transition(ConnectorEvent::Authorized, None);
        transition.tenant_id = data.tenant_id;
        changes.connectors.push(transition);
    }
    changes
}

async fn connected(discovery: &mut Discovery<'_>, data: &ConnectionData) -> Result<Changes, HandlerError> {
    let mut changes = Changes::default();
    let id = Some(data.organization_id);
    let access = OrganizationAccess::Connected;
    changes.organizations.push(discovery.work.stands(&discovery.organization, id, access, None));
    let properties = OrganizationProperties { tenant_id: data.tenant_id, web_url: data.web_url.clone() };
    let resource = Resource {
        key: ResourceKey::organization(data.organization_id),
        name: discovery.organization.as_str().to_owned(),
        properties: Properties::Organization(properties),
    };
    let mut difference = discovery.difference(ResourceKind::Organization).await?;
    if difference.listed(resource, &mut changes) != Sighting::Same {
        discovery.progress.organization_changed = true;
    }
    Ok(changes)
}
