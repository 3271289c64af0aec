//! Pipeline settings of the organization.

use super::writing::document;
use crate::discover_organization::Discovery;
use crate::step::StepError;
use muster_domain::read::Read;
use muster_store::changes::Changes;

pub(super) async fn read(discovery: &mut Discovery<'_>) -> Result<Changes, StepError> {
    let settings = discovery.work.session.organization_pipeline_settings(&discovery.organization).await?;
    document(discovery, Read::OrganizationPipelineSettings, &settings, 1).await
}
