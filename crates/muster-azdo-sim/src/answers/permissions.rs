//! Which protected resources are open to every pipeline of a project.

use axum::response::Response;
use serde_json::{Value, json};

use crate::http::Call;
use crate::http::refusal::Refusal;
use crate::options::AuthorizedResourcesMode;
use crate::world::{Project, ResourceKind};

/// The kinds that the list knows, in its order.
const LISTED_KINDS: [ResourceKind; 4] =
    [ResourceKind::Endpoint, ResourceKind::Queue, ResourceKind::VariableGroup, ResourceKind::SecureFile];

struct Protected {
    kind: ResourceKind,
    id: String,
    name: String,
    is_open: bool,
}

pub(crate) fn authorized_resources(call: &Call<'_>) -> Result<Response, Refusal> {
    let project = call.project()?;
    let (kind, id) = (call.query.get("type"), call.query.get("id"));
    let is_complete = kind.is_some() && id.is_some();
    if call.state.options.authorized_resources == AuthorizedResourcesMode::NeedsTypeAndId && !is_complete {
        return Ok(call.list::<Value>(&[]));
    }
    let list: Vec<Value> = LISTED_KINDS
        .into_iter()
        .filter(|listed| kind.is_none_or(|wanted| listed.name().eq_ignore_ascii_case(wanted)))
        .flat_map(|kind| protected(call, project, kind))
        .filter(|resource| resource.is_open && id.is_none_or(|wanted| resource.id.eq_ignore_ascii_case(wanted)))
        .map(|resource| {
            json!({"authorized": true, "id": resource.id, "name": resource.name, "type": resource.kind.name()})
        })
        .collect();
    Ok(call.list(&list))
}

pub(crate) fn pipeline_permissions(call: &Call<'_>) -> Result<Response, Refusal> {
    let (_, organization) = call.organization()?;
    let project = call.project()?;
    let (kind_name, id) = (call.argument(0), call.argument(1));
    let unknown = || Refusal::UnknownResource { kind: kind_name.to_owned(), id: id.to_owned() };
    let kind = ResourceKind::parse(kind_name).ok_or_else(unknown)?;
    let author = call.author(organization, 0);
    let authorized_on = &project.last_update_time;
    if kind == ResourceKind::Repository {
        let resource = json!({"type": kind.name(), "id": id});
        return Ok(call.json(&json!({"pipelines": [], "resource": resource})));
    }
    let found =
        protected(call, project, kind).into_iter().find(|resource| resource.id.eq_ignore_ascii_case(id));
    let found = found.ok_or_else(unknown)?;
    let grant = |id: usize| json!({"id": id, "authorized": true, "authorizedBy": author, "authorizedOn": authorized_on});
    let pipelines: Vec<Value> = call
        .view
        .definitions(project.index)
        .take(found.name.len() % 3)
        .map(|found| grant(found.id))
        .collect();
    let mut answer = json!({
        "pipelines": pipelines,
        "resource": {"type": kind.name(), "id": found.id, "name": found.name}
    });
    if found.is_open {
        answer["allPipelines"] =
            json!({"authorized": true, "authorizedBy": author, "authorizedOn": authorized_on});
    }
    Ok(call.json(&answer))
}

fn protected(call: &Call<'_>, project: &Project, kind: ResourceKind) -> Vec<Protected> {
    if kind == ResourceKind::Endpoint {
        let connections = call.view.connections(project.index);
        return connections
            .map(|found| Protected {
                kind,
                id: found.id.to_string(),
                name: found.name,
                is_open: found.is_open,
            })
            .collect();
    }
    let resources = call.view.library(project.index, kind).into_iter();
    resources
        .map(|found| Protected { kind, id: found.id, name: found.name, is_open: found.is_open })
        .collect()
}
