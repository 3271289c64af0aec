//! Policies of the organization.

use super::writing::document;
use crate::discover_organization::Discovery;
use crate::step::StepError;
use muster_domain::read::Read;
use muster_store::changes::Changes;

pub(super) async fn read(discovery: &mut Discovery<'_>) -> Result<Changes, StepError> {
    let policies = discovery.work.session.organization_policies(&discovery.organization).await?;
    document(discovery, Read::OrganizationPolicies, &policies, policies.policies.len()).await
}
