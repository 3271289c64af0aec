//! Settings of an organization: policies, pipeline settings, audit streams, extensions, agent pools.

use axum::response::Response;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::http::Call;
use crate::http::refusal::Refusal;
use crate::world::AgentPool;
use crate::world::organization_settings::{
    AuditStream, Extension, OrganizationPolicy, PolicyShape, pipeline_settings as planted_pipeline_settings,
};

const POLICIES_PROVIDER: &str = "ms.vss-admin-web.organization-policies-data-provider";
const PIPELINES_PROVIDER: &str = "ms.vss-build-web.pipelines-org-settings-data-provider";

/// The data behind a settings page. Without the two parameters that ask for data the service sends the page itself.
pub(crate) fn policies(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, _) = call.organization()?;
    if call.query.get("__rt") != Some("fps") || call.query.get("__ver") != Some("2") {
        return Ok(
            call.page("<!DOCTYPE html>\r\n<html><head><title>Policies</title></head><body></body></html>")
        );
    }
    let shape = PolicyShape::of(index);
    let mut groups = Map::new();
    let mut inverted = Vec::new();
    for policy in call.view.organization_policies(index) {
        let list = groups.entry(policy.group).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(json!({"policy": policy_json(&policy, shape), "description": policy.description}));
        }
        if policy.is_inverted() {
            inverted.push(json!(policy.name));
        }
    }
    let mut provider = json!({"policies": groups});
    if shape == PolicyShape::NamedInversions {
        provider["invertedPolicies"] = Value::Array(inverted);
    }
    Ok(call.json(&json!({
        "fps": {"dataProviders": {"data": {POLICIES_PROVIDER: provider}, "sharedData": {}, "scopeName": "collection"}}
    })))
}

fn policy_json(policy: &OrganizationPolicy, shape: PolicyShape) -> Value {
    let effective = |value: bool| value != (policy.is_inverted() && shape == PolicyShape::InvertedEffect);
    let parent = json!({
        "name": policy.name, "value": false, "effectiveValue": effective(false), "isValueUndefined": true
    });
    let mut answer = json!({
        "name": policy.name,
        "value": policy.value,
        "effectiveValue": effective(policy.value),
        "parentPolicy": parent
    });
    // The key is absent where somebody set the policy.
    if policy.is_undefined {
        answer["isValueUndefined"] = json!(true);
    }
    answer
}

/// The answer to questions of pages for data; one provider is known.
pub(crate) fn hierarchy_query(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, _) = call.organization()?;
    let body: Value = call.posted()?;
    let asked = body["contributionIds"].as_array().cloned().unwrap_or_default();
    let mut providers = Map::new();
    for provider in asked.iter().filter_map(Value::as_str) {
        if provider == PIPELINES_PROVIDER {
            let switches = planted_pipeline_settings(&call.view.world, index);
            let switches: Map<String, Value> =
                switches.map(|(name, is_on)| (name.to_owned(), json!(is_on))).collect();
            providers.insert(provider.to_owned(), Value::Object(switches));
        }
    }
    Ok(call.json(&json!({"dataProviderSharedData": {}, "dataProviders": providers})))
}

pub(crate) fn audit_streams(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, _) = call.organization()?;
    let streams: Vec<Value> = AuditStream::all(&call.view.world, index)
        .iter()
        .map(|stream| {
            // Statuses are numbers in older answers and words in newer ones.
            let status = match (stream.is_enabled, stream.id) {
                (true, 1) => json!(1),
                (true, _) => json!("enabled"),
                (false, 1) => json!(2),
                (false, _) => json!("disabledByUser"),
            };
            json!({
                "id": stream.id,
                "consumerType": stream.consumer_type,
                "displayName": stream.display_name,
                "consumerInputs": {"Url": stream.display_name, "Key": "************************"},
                "status": status,
                "statusReason": null,
                "createdTime": stream.updated,
                "updatedTime": stream.updated
            })
        })
        .collect();
    Ok(call.list(&streams))
}

/// Extensions that are switched off are left out unless they are asked for.
pub(crate) fn extensions(call: &Call<'_>) -> Result<Response, Refusal> {
    let (index, _) = call.organization()?;
    let has_disabled = call.query.is_true("includeDisabledExtensions");
    let list: Vec<Value> = Extension::all(&call.view.world, index)
        .iter()
        .filter(|extension| has_disabled || extension.state_flags != "disabled")
        .map(extension_json)
        .collect();
    Ok(call.list(&list))
}

fn extension_json(extension: &Extension) -> Value {
    let mut answer = json!({
        "extensionId": extension.extension_id,
        "extensionName": extension.name,
        "publisherId": extension.publisher_id,
        "publisherName": extension.publisher_name,
        "version": extension.version,
        "registrationId": extension.registration_id,
        "manifestVersion": 1,
        "baseUri": format!("https://{}.gallery.contoso.example/{}", extension.publisher_id, extension.extension_id),
        "scopes": extension.scopes,
        "contributions": [],
        "installState": {"flags": extension.state_flags, "lastUpdated": extension.updated},
        "contributionTypes": [],
        "lastPublished": extension.published,
        "files": []
    });
    if let Some(flags) = extension.flags {
        answer["flags"] = json!(flags);
    }
    answer
}

pub(crate) fn pools(call: &Call<'_>) -> Result<Response, Refusal> {
    let (_, organization) = call.organization()?;
    let wanted_type = call.query.get("poolType");
    let list: Vec<Value> = AgentPool::ALL
        .iter()
        .filter(|pool| wanted_type.is_none_or(|wanted| pool.pool_type.eq_ignore_ascii_case(wanted)))
        .map(|pool| {
            let author = call.author(organization, pool.id);
            json!({
                "createdOn": "2022-02-07T11:20:31.253Z",
                "autoProvision": pool.is_provisioned,
                "autoUpdate": pool.updates_itself,
                "autoSize": pool.is_hosted,
                "targetSize": null,
                "agentCloudId": pool.is_hosted.then_some(1),
                "createdBy": author,
                "owner": author,
                "id": pool.id,
                "scope": Uuid::nil(),
                "name": pool.name,
                "isHosted": pool.is_hosted,
                "poolType": pool.pool_type,
                "size": pool.size,
                "isLegacy": false,
                "options": if pool.is_hosted { "elasticPool" } else { "none" }
            })
        })
        .collect();
    Ok(call.list(&list))
}
