//! Pipeline settings of the project.

use super::ReadError;
use crate::pass::Pass;
use muster_domain::read::Read;

pub(super) async fn read(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    let settings = pass.session.general_settings(&pass.organization, pass.project_id).await?;
    pass.document(Read::GeneralSettings, "", &settings, 1);
    Ok(())
}
