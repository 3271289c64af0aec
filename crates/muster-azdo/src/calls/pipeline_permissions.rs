//! `GET /{organization}/{project}/_apis/pipelines/pipelinepermissions/{type}/{id}`: which pipelines may use a resource.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{LenientId, lowercase_guid};
use crate::session::Session;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use muster_domain::snapshot::{PipelineAccess, encode_path_segment};
use muster_domain::{OrganizationName, ProjectId};
use serde::Deserialize;
use tracing::instrument;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PermissionsWire {
    resource: ResourceWire,
    #[serde(default)]
    all_pipelines: Option<AllPipelinesWire>,
}

#[derive(Deserialize)]
struct ResourceWire {
    id: LenientId,
}

#[derive(Deserialize)]
struct AllPipelinesWire {
    authorized: bool,
}

impl PermissionsWire {
    fn access(&self) -> PipelineAccess {
        match self.all_pipelines {
            Some(AllPipelinesWire { authorized: true }) => PipelineAccess::AllPipelines,
            _ => PipelineAccess::PermittedOnly,
        }
    }
}

impl Session {
    /// Which pipelines of `project` may use one resource.
    ///
    /// # Errors
    /// See [`CallError`]. An answer about another resource, or about none, is [`CallError::Unexpected`].
    #[instrument(name = "ado.pipelinePermissions", skip_all,
        fields(ado.organization = %organization, ado.project.id = %project, ado.resource.id = id))]
    pub async fn pipeline_permissions(
        &self,
        organization: &OrganizationName,
        project: ProjectId,
        resource: ProtectedResource,
        id: &str,
    ) -> Result<PipelineAccess, CallError> {
        let path =
            format!("_apis/pipelines/pipelinepermissions/{}/{}", resource.as_str(), encode_path_segment(id));
        let call = Call::in_project(Read::PipelinePermissions, organization, project, &path).preview();
        let target = call.target.clone();
        let wire: PermissionsWire = self.send(call).await?.object().await?;
        let access = wire.access();
        if lowercase_guid(wire.resource.id.into_text()) != lowercase_guid(id.to_owned()) {
            let detail = "the permissions are those of another resource".to_owned();
            return Err(CallError::Unexpected { call: target, detail });
        }
        Ok(access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn access(answer: Value) -> Option<PipelineAccess> {
        serde_json::from_value::<PermissionsWire>(answer).ok().map(|wire| wire.access())
    }

    #[test]
    fn only_leave_for_all_pipelines_opens_a_resource() {
        let resource = json!({"type": "endpoint", "id": "a"});
        let open = json!({"resource": resource, "allPipelines": {"authorized": true}, "pipelines": []});
        assert_eq!(access(open), Some(PipelineAccess::AllPipelines));
        let closed = json!({"resource": resource, "allPipelines": {"authorized": false}, "pipelines": []});
        assert_eq!(access(closed), Some(PipelineAccess::PermittedOnly));
        let single = json!({"resource": resource, "pipelines": [{"id": 6, "authorized": true}]});
        assert_eq!(access(single), Some(PipelineAccess::PermittedOnly));
    }

    #[test]
    fn an_answer_that_does_not_say_is_no_answer() {
        assert_eq!(access(json!({})), None);
        assert_eq!(access(json!({"resource": {"id": "a"}, "allPipelines": {}})), None);
    }
}
