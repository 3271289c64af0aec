//! Service connections of the project.

use super::ReadError;
use super::resources::{Listed, only_page, read_resources};
use crate::pass::Pass;
use muster_azdo::ServiceConnectionItem;
use muster_domain::properties::Properties;
use muster_domain::read::Read;
use muster_domain::resource::ResourceKind;

pub(super) async fn read(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    read_resources(
        pass,
        (Read::ServiceEndpoints, ResourceKind::ServiceConnection),
        |session, organization, project, _| async move {
            session.service_endpoints(&organization, project).await.map(only_page)
        },
        |item: ServiceConnectionItem| Listed {
            id: item.id,
            name: item.name,
            properties: Properties::ServiceConnection(item.properties),
        },
    )
    .await
}
