//! Listings whose items are resources: compared with what is known, and only differences written.

use super::paged::read_pages;
use super::{ReadError, protected_of};
use crate::links;
use crate::pass::{Known, Pass};
use muster_azdo::{CallError, Page, PageRequest, Session};
use muster_domain::properties::Properties;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use muster_domain::resource::{Resource, ResourceKind};
use muster_domain::{OrganizationName, ProjectId, ResourceId};
use serde_json::Value;
use std::collections::HashSet;

/// A resource as it is listed.
pub(super) struct Listed {
    /// Azure DevOps' id.
    pub id: String,
    /// Present name.
    pub name: String,
    /// What is kept of it.
    pub properties: Properties,
}

/// Reads a listing of `kind` to its end: what differs from what is known is written, what is not listed any more is
/// missing, and the reading is noted. A listing that fails on the way marks nothing missing.
pub(super) async fn read_resources<T, Fetch, Answer>(
    pass: &mut Pass<'_>,
    (read, kind): (Read, ResourceKind),
    fetch: Fetch,
    mut describe: impl FnMut(T) -> Listed + Send,
) -> Result<(), ReadError>
where
    T: Send,
    Fetch: Fn(Session, OrganizationName, ProjectId, PageRequest) -> Answer + Send,
    Answer: Future<Output = Result<Page<T>, CallError>> + Send,
{
    let known = pass.known(kind).await?;
    let protected = protected_of(read);
    if let (Some(protected), None) = (protected, &pass.progress.listing) {
        // Without what an attempt listed that had to begin anew.
        pass.progress.protected.insert(protected, Vec::new());
    }
    let ids = read_pages(pass, read, fetch, |pass, item| {
        let listed = describe(item);
        let id = Value::from(listed.id.as_str());
        if let Some(protected) = protected {
            note_protected(pass, protected, &listed);
        }
        note(pass, kind, &known, listed);
        Some(id)
    })
    .await?;
    links::end_old(pass).await?;
    let ids = ids.iter().filter_map(Value::as_str);
    let listed: HashSet<ResourceId> =
        ids.map(|id| pass.key(kind, id).resource_id(pass.connector.id)).collect();
    pass.missing(&known, &listed);
    pass.document(read, "", &(), listed.len());
    Ok(())
}

/// An answer that comes unpaged, as the only page.
pub(super) fn only_page<T>(items: Vec<T>) -> Page<T> {
    Page { items, continuation: None }
}

fn note(pass: &mut Pass<'_>, kind: ResourceKind, known: &Known, listed: Listed) {
    let key = pass.key(kind, listed.id);
    let is_known = known.contains_key(&key.resource_id(pass.connector.id));
    let resource = Resource { key, name: listed.name, properties: listed.properties };
    if pass.resource(known, resource.clone()) {
        links::begin_new(pass, &resource, is_known);
    }
}

fn note_protected(pass: &mut Pass<'_>, protected: ProtectedResource, listed: &Listed) {
    let ids = pass.progress.protected.entry(protected).or_default();
    // An item that a listing holds twice is one resource.
    if !ids.contains(&listed.id) {
        ids.push(listed.id.clone());
    }
    if let Properties::VariableGroup(group) = &listed.properties {
        if group.has_secrets() {
            pass.progress.groups_without_secrets.remove(&listed.id);
        } else {
            pass.progress.groups_without_secrets.insert(listed.id.clone());
        }
    }
}
