//! Resources that all pipelines of the project may use: the list form.

use super::ReadError;
use crate::pass::Pass;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use std::collections::BTreeSet;

pub(super) async fn read(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    let list = pass.session.authorized_resources(&pass.organization, pass.project_id).await?;
    pass.document(Read::AuthorizedResources, "", &list, list.len());
    pass.progress.open_endpoints =
        list.open.get(&ProtectedResource::Endpoint).cloned().or_else(|| Some(BTreeSet::default()));
    Ok(())
}
