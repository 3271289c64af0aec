//! Variable groups of the project; values are not kept.

use super::ReadError;
use super::resources::{Listed, read_resources};
use crate::pass::Pass;
use muster_azdo::VariableGroupItem;
use muster_domain::properties::Properties;
use muster_domain::read::Read;
use muster_domain::resource::ResourceKind;

pub(super) async fn read(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    read_resources(
        pass,
        (Read::VariableGroups, ResourceKind::VariableGroup),
        |session, organization, project, page| async move {
            session.variable_groups(&organization, project, page).await
        },
        |item: VariableGroupItem| Listed {
            id: item.id.to_string(),
            name: item.name,
            properties: Properties::VariableGroup(item.properties),
        },
    )
    .await
}
