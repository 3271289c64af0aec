//! Who calls, and which organizations there are.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http::Call;
use crate::http::refusal::Refusal;
use crate::identity::IdentityKind;

pub(crate) fn connection_data(call: &Call<'_>) -> Result<Response, Refusal> {
    let (_, organization) = call.organization()?;
    let user = user(call);
    Ok(call.json(&json!({
        "authenticatedUser": user,
        "authorizedUser": user,
        "instanceId": organization.id,
        "deploymentId": "ed30ce5c-9d0a-473c-b580-4315c7f84d83",
        "deploymentType": "hosted",
        "locationServiceData": {
            "serviceOwner": "00025394-6065-48ca-87d9-7f5672854ef7",
            "defaultAccessMappingMoniker": "PublicAccessMapping",
            "lastChangeId": 1,
            "lastChangeId64": 1
        }
    })))
}

fn user(call: &Call<'_>) -> Value {
    let identity = call.identity;
    let tenant = call.view.world.tenant_id;
    json!({
        "id": identity.id,
        "descriptor": format!("Microsoft.IdentityModel.Claims.ClaimsIdentity;{tenant}\\{}", identity.principal_name),
        "subjectDescriptor": identity.subject_descriptor,
        "providerDisplayName": identity.display_name,
        "customDisplayName": identity.display_name,
        "isActive": true,
        "properties": {"Account": {"$type": "System.String", "$value": identity.principal_name}},
        "resourceVersion": 2,
        "metaTypeId": 0
    })
}

pub(crate) fn profile(call: &Call<'_>) -> Response {
    let identity = call.identity;
    let address = match identity.kind {
        IdentityKind::Person => identity.principal_name.as_str(),
        IdentityKind::ServicePrincipal => "",
    };
    call.json(&json!({
        "displayName": identity.display_name,
        "publicAlias": identity.id,
        "emailAddress": address,
        "coreRevision": 1647,
        "timeStamp": "2024-05-12T22:23:07.727+00:00",
        "id": identity.id,
        "revision": 1647
    }))
}

/// An application gets an empty list, and so does whoever asks about somebody else.
pub(crate) fn accounts(call: &Call<'_>) -> Result<Response, Refusal> {
    let member = call.query.get("memberId").or_else(|| call.query.get("ownerId"));
    let member =
        member.ok_or_else(|| Refusal::InvalidParameter { name: "memberId", value: String::new() })?;
    let is_self = call.identity.id.to_string().eq_ignore_ascii_case(member);
    if !is_self || call.identity.kind == IdentityKind::ServicePrincipal {
        return Ok(call.list::<Value>(&[]));
    }
    let accounts: Vec<Value> = call
        .view
        .organizations()
        .map(|(_, organization)| {
            json!({
                "accountId": organization.id,
                "accountUri": format!("{}/", call.organization_url(organization)),
                "accountName": organization.name,
                "properties": {}
            })
        })
        .collect();
    Ok(call.list(&accounts))
}

/// The undocumented list of all organizations of a tenant: text, not JSON.
pub(crate) fn enterprise_catalog(call: &Call<'_>) -> Result<Response, Refusal> {
    let tenant = call.query.get("tenantId").unwrap_or_default();
    let id = Uuid::parse_str(tenant).ok().filter(|id| call.state.tenants().contains(id));
    let id = id.ok_or_else(|| Refusal::InvalidParameter { name: "tenantId", value: tenant.to_owned() })?;
    let owner = &call.state.identities[0].principal_name;
    let of_tenant = call.view.organizations().filter(|(index, _)| call.state.tenant_of(*index) == id);
    let rows = of_tenant.map(|(_, organization)| {
        let url = call.organization_url(organization);
        format!("{}, {}, {url}/, {owner}, , \r\n", organization.id, organization.name)
    });
    let heading = "Organization Id, Organization Name, Url, Owner, Exception Type, Error Message\r\n";
    let text = std::iter::once(heading.to_owned()).chain(rows).collect::<String>();
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8")], format!("\u{feff}{text}")).into_response())
}
