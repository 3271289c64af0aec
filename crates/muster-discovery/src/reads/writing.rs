//! From what was read of an organization to what must be written.

use crate::discover_organization::Discovery;
use crate::inventory_difference::Sighting;
use crate::step::StepError;
use muster_domain::properties::Properties;
use muster_domain::read::Read;
use muster_domain::resource::{ContentHash, Resource, ResourceKey, ResourceKind};
use muster_store::changes::{Changes, ReadingDocument, ReadingWrite};
use serde::Serialize;

/// A document of the organization, and whether it is judged anew.
pub(super) async fn document<T: Serialize>(
    discovery: &mut Discovery<'_>,
    read: Read,
    document: &T,
    item_count: usize,
) -> Result<Changes, StepError> {
    let content_hash = ContentHash::of(document);
    let before = discovery.last_reading(read).await?;
    let is_same =
        before.is_some_and(|before| before.outcome.is_ok_and(|before| before.content_hash == content_hash));
    if !is_same {
        discovery.note_outcome_changed(read);
    }
    let outcome = Ok(ReadingDocument {
        // Documents are plain structs with text keys: they always serialise.
        document: serde_json::to_value(document).unwrap_or_default(),
        content_hash,
        item_count: u64::try_from(item_count).unwrap_or(u64::MAX),
    });
    let reading = ReadingWrite { key: discovery.reading_key(read, None)?, outcome };
    Ok(Changes { readings: vec![reading], ..Changes::default() })
}

/// One resource of a listing: Azure DevOps' id, name, what is kept.
pub(super) type ListedResource = (String, String, Properties);

/// Resources that lie in no project: what is new, what changed, what is missing.
pub(super) async fn resources(
    discovery: &mut Discovery<'_>,
    read: Read,
    kind: ResourceKind,
    listed: impl Iterator<Item = ListedResource>,
) -> Result<Changes, StepError> {
    let organization_id = discovery.organization_id()?;
    let mut difference = discovery.difference(kind).await?;
    let mut changes = Changes::default();
    let mut is_changed = false;
    for (external_id, name, properties) in listed {
        let key = ResourceKey { kind, organization_id, project_id: None, external_id };
        is_changed |= difference.listed(Resource { key, name, properties }, &mut changes) != Sighting::Same;
    }
    is_changed |= difference.mark_missing(&mut changes);
    // What was unknown is known again, even where nothing changed meanwhile.
    let before = discovery.last_reading(read).await?;
    is_changed |= before.is_none_or(|before| before.outcome.is_err());
    if is_changed {
        discovery.note_outcome_changed(read);
    }
    changes.readings.push(discovery.listing(read, difference.count())?);
    Ok(changes)
}
