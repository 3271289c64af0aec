//! Listings of a project that come in pages: committed page by page, gone on with after a pause.

use super::ReadError;
use crate::pass::{Listing, Pass};
use muster_azdo::{CallError, Page, PageGuard, PageRequest, Session};
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId};
use serde_json::Value;

/// Reads every page of a listing, from where an earlier run stopped. `note` writes what changed of an item and returns
/// what of it is needed at the end of the listing; all of that is returned.
pub(super) async fn read_pages<T, Fetch, Answer>(
    pass: &mut Pass<'_>,
    read: Read,
    fetch: Fetch,
    mut note: impl FnMut(&mut Pass<'_>, T) -> Option<Value> + Send,
) -> Result<Vec<Value>, ReadError>
where
    T: Send,
    Fetch: Fn(Session, OrganizationName, ProjectId, PageRequest) -> Answer + Send,
    Answer: Future<Output = Result<Page<T>, CallError>> + Send,
{
    let mut listing = pass.progress.listing.take().unwrap_or_default();
    let mut request = PageRequest { continuation: listing.continuation.take() };
    let mut guard = PageGuard::in_project(read, &pass.organization, pass.project_id)
        .going_on(listing.pages, request.continuation.as_deref())?;
    loop {
        let answer =
            fetch(pass.session.clone(), pass.organization.clone(), pass.project_id, request.clone()).await;
        let page = match answer {
            Ok(page) => page,
            Err(error) => {
                // What was paid for is kept: the next run goes on at this page.
                pass.progress.listing = Some(Listing { continuation: request.continuation, ..listing });
                return Err(error.into());
            }
        };
        let next = guard.next(&page)?;
        for item in page.items {
            listing.items.extend(note(pass, item));
        }
        let Some(next) = next else {
            pass.progress.listing = None;
            return Ok(listing.items);
        };
        request = next;
        listing.pages = guard.pages();
        let (continuation, pages, items) =
            (request.continuation.clone(), listing.pages, listing.items.clone());
        pass.progress.listing = Some(Listing { continuation, pages, items });
        pass.keep().await?;
    }
}
