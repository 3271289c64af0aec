//! Connectors and their organizations, as they are named from outside.

use muster_domain::OrganizationName;
use muster_domain::connector::{Connector, OrganizationsChoice};
use muster_store::{Store, StoreError};

/// The organization of a connector by that name, in its own spelling: one that the connector names, or that was found
/// for it. `None` where it has no such organization.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
pub async fn organization_of(
    store: &Store,
    connector: &Connector,
    name: &OrganizationName,
) -> Result<Option<OrganizationName>, StoreError> {
    let mut known: Vec<OrganizationName> = match &connector.organizations {
        OrganizationsChoice::Selected { organizations } => organizations.clone(),
        OrganizationsChoice::AllExistingAndFuture => Vec::new(),
    };
    let standings = store.connectors().organizations(Some(connector.id)).await?;
    known.extend(standings.into_iter().map(|standing| standing.organization));
    let found = store.inventory().organizations(connector.id).await?;
    known.extend(found.into_iter().map(|found| found.name));
    Ok(known.into_iter().rev().find(|known| known == name))
}
