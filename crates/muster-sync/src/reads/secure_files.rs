//! Secure files of the project; their content is never asked for.

use super::ReadError;
use super::resources::{Listed, only_page, read_resources};
use crate::pass::Pass;
use muster_azdo::SecureFileItem;
use muster_domain::properties::Properties;
use muster_domain::read::Read;
use muster_domain::resource::ResourceKind;

pub(super) async fn read(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    read_resources(
        pass,
        (Read::SecureFiles, ResourceKind::SecureFile),
        |session, organization, project, _| async move {
            session.secure_files(&organization, project).await.map(only_page)
        },
        |item: SecureFileItem| Listed {
            id: item.id,
            name: item.name,
            properties: Properties::SecureFile(item.properties),
        },
    )
    .await
}
