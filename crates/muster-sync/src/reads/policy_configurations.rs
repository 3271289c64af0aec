//! Policy configurations of all repositories and branches of the project.

use super::ReadError;
use super::paged::read_pages;
use crate::pass::Pass;
use muster_domain::policy::{PolicyConfiguration, PolicySettings};
use muster_domain::read::Read;
use serde_json::Value;

pub(super) async fn read(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    let mut kept = read_pages(
        pass,
        Read::PolicyConfigurations,
        |session, organization, project, page| async move {
            session.policy_configurations(&organization, project, page).await
        },
        |_, configuration| {
            is_kept(&configuration).then(|| serde_json::to_value(configuration).unwrap_or_default())
        },
    )
    .await?;
    // The order of the pages is not promised; an equal set must hash alike.
    kept.sort_by_key(|configuration| configuration.get("id").and_then(Value::as_i64));
    kept.dedup();
    pass.document(Read::PolicyConfigurations, "", &kept, kept.len());
    Ok(())
}

/// Kinds whose settings no rule judges, and configurations that are deleted, are not kept.
fn is_kept(configuration: &PolicyConfiguration) -> bool {
    !configuration.is_deleted && !matches!(configuration.settings, PolicySettings::NotKept)
}
