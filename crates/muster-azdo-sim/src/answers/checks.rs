//! Approvals and checks of the resources that a call names.

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::http::Call;
use crate::http::refusal::Refusal;
use crate::world::ResourceKind;
use crate::world::checks::{self, Check, CheckKind};

/// One resource of the question. Ids are texts, also those that are numbers elsewhere.
#[derive(Debug, Deserialize)]
struct Asked {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    #[serde(default)]
    name: Option<String>,
}

/// 30 days, in minutes: what an approval waits when nobody says otherwise.
const TIMEOUT_MINUTES: u32 = 43_200;

pub(crate) fn query(call: &Call<'_>) -> Result<Response, Refusal> {
    let project = call.project()?;
    let asked: Vec<Asked> = call.posted()?;
    let has_settings =
        call.query.get("$expand").is_some_and(|expand| expand.to_lowercase().contains("settings"));
    let mut list = Vec::new();
    for resource in &asked {
        let kind = ResourceKind::parse(&resource.kind).ok_or_else(|| Refusal::InvalidParameter {
            name: "resourceType",
            value: resource.kind.clone(),
        })?;
        for check in checks::of_resource(&call.view.world, project.index, kind, &resource.id) {
            list.push(to_json(call, resource, kind, &check, has_settings)?);
        }
    }
    Ok(call.list(&list))
}

fn to_json(
    call: &Call<'_>,
    resource: &Asked,
    kind: ResourceKind,
    check: &Check,
    has_settings: bool,
) -> Result<Value, Refusal> {
    let (_, organization) = call.organization()?;
    let project = call.project()?;
    let author = call.author(organization, check.id);
    let url = format!(
        "{}/{}/_apis/pipelines/checks/configurations/{}",
        call.organization_url(organization),
        project.id,
        check.id
    );
    let (type_id, type_name) = check.kind.type_of();
    let mut answer = json!({
        "createdBy": author, "createdOn": check.created,
        "modifiedBy": author, "modifiedOn": check.created,
        "timeout": TIMEOUT_MINUTES,
        "_links": {"self": {"href": url}},
        "id": check.id,
        "version": 1,
        "type": {"id": type_id, "name": type_name},
        "url": url,
        "resource": {"type": kind.name(), "id": resource.id, "name": resource.name}
    });
    if has_settings {
        answer["settings"] = settings(check.kind, &author);
    }
    Ok(answer)
}

fn settings(kind: CheckKind, approver: &Value) -> Value {
    let task = |id: &str, name: &str, inputs: Value| {
        json!({
            "displayName": name, "definitionRef": {"id": id, "name": name, "version": "0.0.1"},
            "inputs": inputs, "retryInterval": 5, "linkedVariableGroup": null
        })
    };
    match kind {
        CheckKind::Approval => json!({
            "approvers": [approver], "executionOrder": "anyOrder", "minRequiredApprovers": 0,
            "instructions": "", "blockedApprovers": []
        }),
        CheckKind::BranchControl => task(
            "86b05a0c-73e6-4f7d-b3cf-e38f3b39a75b",
            "evaluatebranchProtection",
            json!({"allowedBranches": "refs/heads/main", "ensureProtectionOfBranch": "true"}),
        ),
        CheckKind::BusinessHours => task(
            "445fde2f-6c39-441c-807f-8a59ff2e075f",
            "evaluateBusinessHours",
            json!({"businessDays": "Monday, Tuesday, Wednesday", "startTime": "08:00", "endTime": "17:00"}),
        ),
        CheckKind::RequiredTemplate => json!({
            "extendsChecks": [{
                "repositoryType": "git", "repositoryName": "templates", "repositoryRef": "refs/heads/main",
                "templatePath": "secure.yml"
            }]
        }),
        CheckKind::ExclusiveLock => json!({}),
    }
}
