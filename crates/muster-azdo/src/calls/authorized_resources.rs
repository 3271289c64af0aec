//! `GET /{organization}/{project}/_apis/build/authorizedresources`, the list form.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{LenientId, Violation, Wire, lowercase_guid};
use crate::session::Session;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use muster_domain::snapshot::AuthorizedResourceList;
use muster_domain::{OrganizationName, ProjectId};
use serde::Deserialize;
use tracing::instrument;

#[derive(Deserialize)]
struct AuthorizedResourceWire {
    r#type: String,
    id: LenientId,
    #[serde(default)]
    authorized: Option<bool>,
}

impl Wire for AuthorizedResourceWire {
    /// Type and id of a resource that is open to all pipelines.
    type Item = Option<(ProtectedResource, String)>;

    fn into_item(self) -> Result<Option<(ProtectedResource, String)>, Violation> {
        // What is listed without a word is taken for open: the side on which nothing is called healthy by mistake.
        let is_open = self.authorized.unwrap_or(true);
        let resource = ProtectedResource::parse(&self.r#type).filter(|_| is_open);
        Ok(resource.map(|resource| (resource, lowercase_guid(self.id.into_text()))))
    }
}

impl Session {
    /// The resources that all pipelines of `project` may use. That the call lists without a type and an id is not
    /// documented: an empty list proves nothing until single resources have said the same.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.authorizedResources", skip_all,
        fields(ado.organization = %organization, ado.project.id = %project))]
    pub async fn authorized_resources(
        &self,
        organization: &OrganizationName,
        project: ProjectId,
    ) -> Result<AuthorizedResourceList, CallError> {
        let path = "_apis/build/authorizedresources";
        let call = Call::in_project(Read::AuthorizedResources, organization, project, path).preview();
        let resources = self.list_of::<AuthorizedResourceWire>(call).await?;
        let mut list = AuthorizedResourceList::default();
        for (resource, id) in resources.into_iter().flatten() {
            list.open.entry(resource).or_default().insert(id);
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(resource: Value) -> Option<(ProtectedResource, String)> {
        serde_json::from_value::<AuthorizedResourceWire>(resource).unwrap().into_item().unwrap()
    }

    #[test]
    fn only_open_resources_of_known_types_are_kept() {
        let open = |resource, id: &str| Some((resource, id.to_owned()));
        let endpoint = open(ProtectedResource::Endpoint, "a");
        assert_eq!(read(json!({"type": "Endpoint", "id": "a", "authorized": true})), endpoint);
        assert_eq!(read(json!({"type": "endpoint", "id": "a"})), endpoint);
        assert_eq!(read(json!({"type": "endpoint", "id": "a", "authorized": false})), None);
        let queue = open(ProtectedResource::Queue, "12");
        assert_eq!(read(json!({"type": "queue", "id": 12, "authorized": true})), queue);
        assert_eq!(read(json!({"type": "hologram", "id": 12, "authorized": true})), None);
    }
}
