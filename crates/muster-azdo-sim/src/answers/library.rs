//! Agent queues, variable groups, secure files and environments of a project.

use axum::response::Response;
use serde_json::{Value, json};

use crate::answers::paging;
use crate::http::refusal::Refusal;
use crate::http::{Call, with_continuation};
use crate::world::{AgentPool, LibraryResource, Organization, Project, ResourceKind, Secrets};

pub(crate) fn list(call: &Call<'_>, kind: ResourceKind) -> Result<Response, Refusal> {
    let (_, organization) = call.organization()?;
    let project = call.project()?;
    let resources = call.view.library(project.index, kind);
    let (page, token) = match default_page(kind) {
        Some(size) => paging::page_of(call, resources.into_iter(), size)?,
        None => (resources, None),
    };
    let list: Vec<Value> =
        page.iter().map(|found| to_json(call, organization, project, kind, found)).collect();
    Ok(with_continuation(call.list(&list), token))
}

/// How many come to a page when the caller does not say; queues and secure files are never paged.
fn default_page(kind: ResourceKind) -> Option<usize> {
    match kind {
        ResourceKind::VariableGroup => Some(7),
        ResourceKind::Environment => Some(5),
        _ => None,
    }
}

fn to_json(
    call: &Call<'_>,
    organization: &Organization,
    project: &Project,
    kind: ResourceKind,
    found: &LibraryResource,
) -> Value {
    let number = found.id.parse::<u64>().ok();
    let author = call.author(organization, found.name.len());
    let mut answer = json!({
        "id": number.map_or_else(|| json!(found.id), |number| json!(number)),
        "name": found.name
    });
    match kind {
        ResourceKind::Queue => {
            answer["projectId"] = json!(project.id);
            let pool = AgentPool::of_queue(&found.name);
            answer["pool"] = json!({
                "id": pool.id, "scope": found.owner, "name": pool.name, "isHosted": pool.is_hosted,
                "poolType": pool.pool_type, "size": pool.size, "isLegacy": false, "options": "none"
            });
        }
        ResourceKind::VariableGroup => {
            answer["description"] = json!("");
            add_variables(&mut answer, found);
            answer["modifiedBy"] = author.clone();
            answer["isShared"] = json!(false);
            answer["createdBy"] = author;
            answer["createdOn"] = json!(found.created);
            answer["modifiedOn"] = json!(found.created);
            answer["variableGroupProjectReferences"] = json!([{
                "name": found.name, "projectReference": {"id": project.id, "name": project.name}
            }]);
        }
        ResourceKind::SecureFile => {
            answer["createdBy"] = author;
            answer["createdOn"] = json!(found.created);
            answer["modifiedOn"] = json!(found.created);
            answer["properties"] = json!({});
        }
        _ => {
            answer["description"] = json!("");
            answer["createdBy"] = author;
            answer["createdOn"] = json!(found.created);
            answer["lastModifiedOn"] = json!(found.created);
            answer["project"] = json!({"id": project.id, "name": project.name});
        }
    }
    answer
}

/// Values of secrets come as null; a group of a key vault has nothing but secrets, and no values at all.
fn add_variables(answer: &mut Value, found: &LibraryResource) {
    let (kind, variables) = match found.secrets {
        Secrets::Absent => ("Vsts", json!({"REGION": {"value": "westeurope"}, "RETRIES": {"value": "3"}})),
        Secrets::Variables => (
            "Vsts",
            json!({"REGION": {"value": "westeurope"}, "PASSWORD": {"value": null, "isSecret": true}}),
        ),
        Secrets::KeyVault => {
            answer["providerData"] = json!({
                "serviceEndpointId": found.owner, "vault": format!("{}-vault", found.name),
                "lastRefreshedOn": found.created
            });
            (
                "AzureKeyVault",
                json!({"connection-string": {"isSecret": true, "value": null, "enabled": true, "contentType": ""}}),
            )
        }
    };
    answer["type"] = json!(kind);
    answer["variables"] = variables;
}
