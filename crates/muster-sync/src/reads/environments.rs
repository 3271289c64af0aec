//! Environments that deployments of the project go to.

use super::ReadError;
use super::resources::{Listed, read_resources};
use crate::pass::Pass;
use muster_azdo::EnvironmentItem;
use muster_domain::properties::Properties;
use muster_domain::read::Read;
use muster_domain::resource::ResourceKind;

pub(super) async fn read(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    read_resources(
        pass,
        (Read::Environments, ResourceKind::Environment),
        |session, organization, project, page| async move {
            session.environments(&organization, project, page).await
        },
        |item: EnvironmentItem| Listed {
            id: item.id.to_string(),
            name: item.name,
            properties: Properties::Environment(item.properties),
        },
    )
    .await
}
