//! Approvals and checks that stand before the resources which were listed in this pass.

use super::ReadError;
use crate::pass::{Listing, Pass};
use muster_azdo::{CHECKS_PER_CALL, CheckConfigurationItem};
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use serde::Serialize;
use serde_json::Value;

/// What is kept of one check.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckDocument {
    id: i64,
    type_id: String,
    type_name: Option<String>,
    resource: ProtectedResource,
    resource_id: String,
    timeout_minutes: Option<i64>,
    is_disabled: bool,
}

impl From<CheckConfigurationItem> for CheckDocument {
    fn from(item: CheckConfigurationItem) -> Self {
        Self {
            id: item.id,
            type_id: item.type_id,
            type_name: item.type_name,
            resource: item.resource,
            resource_id: item.resource_id,
            timeout_minutes: item.timeout_minutes,
            is_disabled: item.is_disabled,
        }
    }
}

/// Asks about many resources at a time; repositories are left out, so that calls do not grow with their number.
pub(super) async fn read(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    let listed = pass.progress.protected.iter();
    let resources: Vec<(ProtectedResource, String)> =
        listed.flat_map(|(resource, ids)| ids.iter().map(|id| (*resource, id.clone()))).collect();
    let mut listing = pass.progress.listing.take().unwrap_or_default();
    let asked = listing.continuation.as_deref().and_then(|asked| asked.parse().ok()).unwrap_or(0_usize);
    for (index, batch) in resources.chunks(CHECKS_PER_CALL).enumerate().skip(asked) {
        match pass.session.check_configurations(&pass.organization, pass.project_id, batch).await {
            Ok(checks) => {
                let checks = checks.into_iter().map(CheckDocument::from);
                listing.items.extend(checks.map(|check| serde_json::to_value(check).unwrap_or_default()));
            }
            Err(error) => {
                // What was paid for is kept: the next run goes on at this batch.
                pass.progress.listing = Some(Listing { continuation: Some(index.to_string()), ..listing });
                return Err(error.into());
            }
        }
    }
    let mut checks = listing.items;
    // The order of the answers is not promised; an equal set must hash alike.
    checks.sort_by_key(|check| check.get("id").and_then(Value::as_i64));
    checks.dedup();
    pass.document(Read::CheckConfigurations, "", &checks, checks.len());
    Ok(())
}
