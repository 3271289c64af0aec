//! Build definitions of the project, and which repository each builds.

use super::ReadError;
use super::resources::{Listed, read_resources};
use crate::pass::Pass;
use muster_azdo::PipelineItem;
use muster_domain::properties::Properties;
use muster_domain::read::Read;
use muster_domain::resource::ResourceKind;

pub(super) async fn read(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    read_resources(
        pass,
        (Read::BuildDefinitions, ResourceKind::Pipeline),
        |session, organization, project, page| async move {
            session.build_definitions(&organization, project, page).await
        },
        |item: PipelineItem| Listed {
            id: item.id.to_string(),
            name: item.name,
            properties: Properties::Pipeline(item.properties),
        },
    )
    .await
}
