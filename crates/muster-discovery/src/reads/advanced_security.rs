//! Advanced Security of every repository, in one answer; kept as a document of each project, for that is what is judged.

use crate::discover_organization::Discovery;
use crate::step::StepError;
use muster_domain::read::Read;
use muster_domain::resource::ContentHash;
use muster_domain::snapshot::{AdvancedSecurityEnablement, AdvancedSecurityState};
use muster_domain::{ProjectId, RepositoryId};
use muster_store::changes::{Changes, ReadingDocument, ReadingWrite};
use std::collections::{BTreeMap, HashMap};

const READ: Read = Read::AdvancedSecurityEnablement;
/// Documents of one transaction: as JSON they take a hundred times what is kept of them, and a project may hold hundreds
/// of repositories.
const DOCUMENTS_PER_PAGE: usize = 20;

/// The answer by project, as compact as it can be: repositories of one project may be scattered over all of it, and
/// those of an organization of 100,000 repositories fit into a few MiB.
type ByProject = BTreeMap<ProjectId, Vec<(RepositoryId, AdvancedSecurityState)>>;

/// Reads it and writes the documents that differ. An answer that breaks off writes nothing.
pub(super) async fn read(discovery: &mut Discovery<'_>) -> Result<Changes, StepError> {
    let mut batches = discovery.work.session.advanced_security_enablement(&discovery.organization).await?;
    let mut by_project = ByProject::new();
    let mut count = 0_u64;
    while let Some(batch) = batches.next_batch().await? {
        count += u64::try_from(batch.len()).unwrap_or_default();
        for item in batch {
            by_project.entry(item.project_id).or_default().push((item.repository_id, item.state));
        }
    }
    let inventory = discovery.work.slice.store().inventory();
    let (connector, organization) = (discovery.work.connector.id, discovery.organization_id()?);
    let known = inventory.document_hashes(connector, organization, READ).await?;
    // A document of which the answer says nothing any more is an empty one from now on.
    for project in known.keys() {
        by_project.entry(*project).or_default();
    }
    write_differing(discovery, by_project, &known).await?;
    of_organization(discovery, count).await
}

/// Writes the documents that differ, page by page; their projects are judged anew.
async fn write_differing(
    discovery: &mut Discovery<'_>,
    by_project: ByProject,
    known: &HashMap<ProjectId, ContentHash>,
) -> Result<(), StepError> {
    let mut changes = Changes::default();
    for (project, repositories) in by_project {
        let document = AdvancedSecurityEnablement { repositories: repositories.into_iter().collect() };
        let content_hash = ContentHash::of(&document);
        if known.get(&project) == Some(&content_hash) {
            continue;
        }
        let outcome = Ok(ReadingDocument {
            content_hash,
            item_count: u64::try_from(document.repositories.len()).unwrap_or(u64::MAX),
            // A map of ids to plain structs always serialises.
            document: serde_json::to_value(&document).unwrap_or_default(),
        });
        changes.readings.push(ReadingWrite { key: discovery.reading_key(READ, Some(project))?, outcome });
        discovery.note_changed(project);
        if changes.readings.len() == DOCUMENTS_PER_PAGE {
            discovery.commit(std::mem::take(&mut changes)).await?;
        }
    }
    if !changes.is_empty() {
        discovery.commit(changes).await?;
    }
    Ok(())
}

/// The reading of the organization: that it was read, and of how many repositories.
async fn of_organization(discovery: &mut Discovery<'_>, item_count: u64) -> Result<Changes, StepError> {
    let before = discovery.last_reading(READ).await?;
    if before.is_none_or(|before| before.outcome.is_err()) {
        discovery.note_outcome_changed(READ);
    }
    // What it holds is in the documents of the projects: this one only tells that it is known.
    let content_hash = ContentHash::of(&());
    let outcome = Ok(ReadingDocument { document: serde_json::Value::Null, content_hash, item_count });
    let reading = ReadingWrite { key: discovery.reading_key(READ, None)?, outcome };
    Ok(Changes { readings: vec![reading], ..Changes::default() })
}
