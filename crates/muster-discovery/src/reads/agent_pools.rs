//! Agent pools of the organization.

use super::writing::resources;
use crate::discover_organization::Discovery;
use crate::step::StepError;
use muster_domain::properties::Properties;
use muster_domain::read::Read;
use muster_domain::resource::ResourceKind;
use muster_store::changes::Changes;

pub(super) async fn read(discovery: &mut Discovery<'_>) -> Result<Changes, StepError> {
    let items = discovery.work.session.agent_pools(&discovery.organization).await?;
    let listed = items
        .into_iter()
        .map(|item| (item.id.to_string(), item.name, Properties::AgentPool(item.properties)));
    resources(discovery, Read::AgentPools, ResourceKind::AgentPool, listed).await
}
