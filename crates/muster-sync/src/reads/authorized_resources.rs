//! Resources that all pipelines of the project may use: the list form, of every type.

use super::ReadError;
use crate::pass::Pass;
use muster_domain::read::Read;

pub(super) async fn read(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    let list = pass.session.authorized_resources(&pass.organization, pass.project_id).await?;
    pass.document(Read::AuthorizedResources, "", &list, list.len());
    pass.progress.open = Some(list);
    Ok(())
}
