//! Policy configurations of all repositories and branches of the project.

use super::ReadError;
use crate::pass::{Listing, Pass};
use muster_azdo::{PageGuard, PageRequest};
use muster_domain::policy::PolicyConfiguration;
use muster_domain::read::Read;
use serde_json::Value;

pub(super) async fn read(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    let mut listing = pass.progress.listing.take().unwrap_or_default();
    let mut guard = PageGuard::in_project(Read::PolicyConfigurations, &pass.organization, pass.project_id);
    let mut request = PageRequest { continuation: listing.continuation.take() };
    if let Some(token) = &request.continuation {
        guard.admit(token)?;
    }
    loop {
        let answer =
            pass.session.policy_configurations(&pass.organization, pass.project_id, request.clone()).await;
        let page = match answer {
            Ok(page) => page,
            Err(error) => {
                // What was paid for is kept: the next run goes on at this page.
                pass.progress.listing = Some(Listing { continuation: request.continuation, ..listing });
                return Err(error.into());
            }
        };
        let next = guard.next(&page)?;
        let items = page.items.iter().filter(|configuration| is_kept(configuration));
        listing
            .items
            .extend(items.map(|configuration| serde_json::to_value(configuration).unwrap_or_default()));
        match next {
            Some(next) => request = next,
            None => break,
        }
    }
    pass.progress.listing = None;
    // The order of the pages is not promised; an equal set must hash alike.
    listing.items.sort_by_key(|item| item.get("id").and_then(Value::as_i64));
    listing.items.dedup();
    pass.document(Read::PolicyConfigurations, "", &listing.items, listing.items.len());
    Ok(())
}

/// Kinds whose settings no rule judges, and configurations that are deleted, are not kept.
fn is_kept(configuration: &PolicyConfiguration) -> bool {
    use muster_domain::policy::PolicySettings;
    !configuration.is_deleted && !matches!(configuration.settings, PolicySettings::NotKept)
}
