//! Service endpoints, as they are seen from one project.

use axum::response::Response;
use serde_json::{Value, json};

use crate::http::Call;
use crate::http::refusal::Refusal;
use crate::world::{Connection, Organization};

pub(crate) fn list(call: &Call<'_>) -> Result<Response, Refusal> {
    let (_, organization) = call.organization()?;
    let project = call.project()?;
    let wanted_type = call.query.get("type");
    let is_wanted =
        |found: &Connection| wanted_type.is_none_or(|wanted| found.type_name.eq_ignore_ascii_case(wanted));
    let list: Vec<Value> = call
        .view
        .connections(project.index)
        .filter(is_wanted)
        .map(|connection| to_json(call, organization, &connection))
        .collect();
    Ok(call.list(&list))
}

fn to_json(call: &Call<'_>, organization: &Organization, connection: &Connection) -> Value {
    let references: Vec<Value> = connection
        .projects
        .iter()
        .map(|project| call.view.project(*project))
        .map(|project| {
            json!({
                "projectReference": {"id": project.id, "name": project.name},
                "name": connection.name,
                "description": ""
            })
        })
        .collect();
    json!({
        "data": data(connection),
        "id": connection.id,
        "name": connection.name,
        "type": connection.type_name,
        "url": url(connection),
        "createdBy": call.author(organization, connection.index.position),
        "creationDate": connection.created,
        "description": "",
        "authorization": {"parameters": parameters(call, connection), "scheme": connection.scheme},
        "isShared": connection.is_shared(),
        "isReady": connection.is_ready,
        "isOutdated": false,
        "owner": "Library",
        "serviceEndpointProjectReferences": references
    })
}

fn url(connection: &Connection) -> &'static str {
    match connection.type_name {
        "azurerm" => "https://management.azure.com/",
        "azure" => "https://management.core.windows.net/",
        "github" => "https://github.com/",
        "dockerregistry" => "https://registry.contoso.example/",
        _ => "https://service.contoso.example/",
    }
}

fn data(connection: &Connection) -> Value {
    match connection.type_name {
        "azurerm" => json!({
            "subscriptionId": connection.id,
            "subscriptionName": format!("{} subscription", connection.name),
            "environment": "AzureCloud",
            "scopeLevel": "Subscription",
            "creationMode": if connection.scheme == "ServicePrincipal" { "Manual" } else { "Automatic" }
        }),
        "azure" => json!({
            "subscriptionId": connection.id,
            "subscriptionName": format!("{} subscription", connection.name),
            "environment": "AzureCloud"
        }),
        "dockerregistry" => json!({"registrytype": "Others"}),
        _ => json!({}),
    }
}

/// Secrets come as null: the service never tells them.
fn parameters(call: &Call<'_>, connection: &Connection) -> Value {
    let tenant = call.view.world.tenant_id;
    match connection.scheme {
        "ServicePrincipal" => json!({
            "tenantid": tenant, "serviceprincipalid": connection.id,
            "authenticationType": "spnKey", "serviceprincipalkey": null
        }),
        "Certificate" if connection.type_name == "azure" => json!({"certificate": null}),
        "Certificate" => json!({
            "tenantid": tenant, "serviceprincipalid": connection.id,
            "authenticationType": "spnCertificate", "servicePrincipalCertificate": null
        }),
        "WorkloadIdentityFederation" => json!({"tenantid": tenant, "serviceprincipalid": connection.id}),
        "ManagedServiceIdentity" => json!({"tenantid": tenant}),
        "Token" => json!({"AccessToken": null}),
        _ => json!({"username": "deploy", "password": null}),
    }
}
