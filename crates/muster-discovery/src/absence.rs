//! Takes parts of the inventory out, page by page: a connector, an organization, a project.

use muster_domain::resource::Presence;
use muster_domain::{ConnectorId, OrganizationId, ProjectId};
use muster_runtime::{HandlerError, Slice};
use muster_store::changes::{Changes, PresenceWrite};
use muster_store::inventory::ResourceFilter;
use muster_store::ledger::ClaimedJob;
use serde_json::Value;

/// Resources that one page takes out: what one transaction writes.
const PAGE: u32 = 1_000;

/// A part of the inventory with everything in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub connector: ConnectorId,
    pub organization: Option<OrganizationId>,
    pub project: Option<ProjectId>,
}

/// Gives everything of `part` that is not gone this presence, as far as the slice reaches. Every page is committed with
/// `progress`; what has the presence already costs no write, so that beginning anew does no harm. False where the slice
/// is over before the end.
pub(crate) async fn set_presence(
    slice: &Slice<'_>,
    job: &ClaimedJob,
    part: Part,
    presence: Presence,
    progress: &Value,
) -> Result<bool, HandlerError> {
    let mut filter = ResourceFilter {
        connector: Some(part.connector),
        organization: part.organization,
        project: part.project,
        limit: PAGE,
        ..ResourceFilter::default()
    };
    loop {
        let page = slice.store().inventory().list(&filter).await?;
        let Some(last) = page.last() else { return Ok(true) };
        filter.after = Some(last.id);
        let differing = page.iter().filter(|stored| stored.presence != presence);
        let writes: Vec<_> =
            differing.map(|stored| PresenceWrite { resource_id: stored.id, presence }).collect();
        if !writes.is_empty() {
            let changes = Changes { presence: writes, ..Changes::default() };
            slice.commit_page(job, changes, progress.clone()).await?;
        }
        if slice.is_over() {
            return Ok(false);
        }
    }
}
