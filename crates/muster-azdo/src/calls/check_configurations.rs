//! `POST /{organization}/{project}/_apis/pipelines/checks/queryconfigurations`: approvals and checks of many resources.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{LenientId, Violation, Wire, lowercase_guid};
use crate::session::Session;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::instrument;

/// Most resources that one call asks about. A limit of the service is not documented; this keeps the question small.
pub const CHECKS_PER_CALL: usize = 100;

/// An approval or a check that stands before the use of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckConfigurationItem {
    /// Its number.
    pub id: i64,
    /// Id of the type of check, a GUID in lower case.
    pub type_id: String,
    /// Name of the type of check (`Approval`, `Task Check`, …).
    pub type_name: Option<String>,
    /// Type of the resource that it stands before.
    pub resource: ProtectedResource,
    /// Id of that resource.
    pub resource_id: String,
    /// How long it may take before it counts as refused, in minutes.
    pub timeout_minutes: Option<i64>,
    /// Switched off: it lets everything pass.
    pub is_disabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CheckWire {
    id: LenientId,
    r#type: TypeWire,
    resource: ResourceWire,
    /// Minutes: Microsoft's example holds 43,200, the 30 days that an approval has by default.
    #[serde(default)]
    timeout: Option<i64>,
    #[serde(default)]
    is_disabled: Option<bool>,
}

#[derive(Deserialize)]
struct TypeWire {
    id: String,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct ResourceWire {
    r#type: String,
    id: LenientId,
}

impl Wire for CheckWire {
    /// `None` for a check of a type of resource that is not known.
    type Item = Option<CheckConfigurationItem>;

    fn into_item(self) -> Result<Option<CheckConfigurationItem>, Violation> {
        let Some(resource) = ProtectedResource::parse(&self.resource.r#type) else { return Ok(None) };
        Ok(Some(CheckConfigurationItem {
            id: self.id.into_number()?,
            type_id: lowercase_guid(self.r#type.id),
            type_name: self.r#type.name,
            resource,
            resource_id: lowercase_guid(self.resource.id.into_text()),
            timeout_minutes: self.timeout,
            is_disabled: self.is_disabled.unwrap_or(false),
        }))
    }
}

/// The question: every resource by type and id.
fn question(resources: &[(ProtectedResource, String)]) -> Value {
    resources.iter().map(|(resource, id)| json!({"type": resource.as_str(), "id": id})).collect()
}

impl Session {
    /// The approvals and checks before the use of `resources` of `project`, at most [`CHECKS_PER_CALL`] of them; a
    /// resource that is in none of the answers has none. Nothing is asked about no resource.
    ///
    /// # Errors
    /// See [`CallError`]. More resources than one call may ask about are [`CallError::Unexpected`].
    #[instrument(name = "ado.checkConfigurations", skip_all,
        fields(ado.organization = %organization, ado.project.id = %project, ado.resources = resources.len()))]
    pub async fn check_configurations(
        &self,
        organization: &OrganizationName,
        project: ProjectId,
        resources: &[(ProtectedResource, String)],
    ) -> Result<Vec<CheckConfigurationItem>, CallError> {
        let path = "_apis/pipelines/checks/queryconfigurations";
        let call = Call::in_project(Read::CheckConfigurations, organization, project, path)
            .preview()
            .with("$expand", "settings")
            .post(question(resources));
        if resources.is_empty() {
            return Ok(Vec::new());
        }
        if resources.len() > CHECKS_PER_CALL {
            let detail = format!("asks about more than {CHECKS_PER_CALL} resources at once");
            return Err(CallError::Unexpected { call: call.target, detail });
        }
        let checks = self.list_of::<CheckWire>(call).await?;
        Ok(checks.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APPROVAL: &str = "8c6f20a7-a545-4486-9777-f762fafe0d4d";

    fn read(check: Value) -> Option<CheckConfigurationItem> {
        serde_json::from_value::<CheckWire>(check).unwrap().into_item().unwrap()
    }

    #[test]
    fn a_check_names_its_type_and_its_resource() {
        let check = read(json!({"id": 22, "timeout": 43_200, "isDisabled": true, "version": 3,
            "type": {"id": APPROVAL.to_uppercase(), "name": "Approval"},
            "settings": {"approvers": [{"displayName": "hidden", "id": APPROVAL}], "minRequiredApprovers": 1},
            "createdBy": {"uniqueName": "hidden@contoso.example"}, "url": "https://x/hidden",
            "resource": {"type": "variableGroup", "id": "12", "name": "release"}}));
        let expected = CheckConfigurationItem {
            id: 22,
            type_id: APPROVAL.to_owned(),
            type_name: Some("Approval".to_owned()),
            resource: ProtectedResource::VariableGroup,
            resource_id: "12".to_owned(),
            timeout_minutes: Some(43_200),
            is_disabled: true,
        };
        assert_eq!(check, Some(expected));
    }

    #[test]
    fn what_is_optional_may_be_missing() {
        let check =
            read(json!({"id": "23", "type": {"id": APPROVAL}, "resource": {"type": "queue", "id": 7}}));
        let check = check.unwrap();
        assert_eq!((check.id, check.resource_id.as_str()), (23, "7"));
        assert_eq!((check.type_name, check.timeout_minutes, check.is_disabled), (None, None, false));
        let newer = json!({"id": 24, "type": {"id": APPROVAL}, "resource": {"type": "hologram", "id": "7"}});
        assert_eq!(read(newer), None);
    }

    #[test]
    fn the_question_names_every_resource_by_type_and_id() {
        let resources =
            [(ProtectedResource::Queue, "1".to_owned()), (ProtectedResource::SecureFile, "a-b".to_owned())];
        let expected = json!([{"type": "queue", "id": "1"}, {"type": "securefile", "id": "a-b"}]);
        assert_eq!(question(&resources), expected);
    }
}
