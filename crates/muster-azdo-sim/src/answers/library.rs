//! Agent queues, variable groups, secure files and environments of a project.

use axum::response::Response;
use serde_json::{Value, json};

use crate::http::Call;
use crate::http::refusal::Refusal;
use crate::world::{LibraryResource, Organization, Project, ResourceKind};

pub(crate) fn list(call: &Call<'_>, kind: ResourceKind) -> Result<Response, Refusal> {
    let (_, organization) = call.organization()?;
    let project = call.project()?;
    let resources = call.view.library(project.index, kind);
    let list: Vec<Value> =
        resources.iter().map(|found| to_json(call, organization, project, kind, found)).collect();
    Ok(call.list(&list))
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
            answer["pool"] = json!({
                "id": number, "scope": found.owner, "name": found.name,
                "isHosted": found.name == "Azure Pipelines", "poolType": "automation", "size": 1
            });
        }
        ResourceKind::VariableGroup => {
            answer["type"] = json!("Vsts");
            answer["description"] = json!("");
            answer["variables"] = variables(found);
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

fn variables(found: &LibraryResource) -> Value {
    if found.has_secret {
        json!({"REGION": {"value": "westeurope"}, "PASSWORD": {"value": null, "isSecret": true}})
    } else {
        json!({"REGION": {"value": "westeurope"}})
    }
}
