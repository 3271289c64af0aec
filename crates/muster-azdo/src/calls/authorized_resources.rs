//! `GET /{organization}/{project}/_apis/build/authorizedresources`, the list form.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{LenientId, Violation, Wire, lowercase_guid};
use crate::session::Session;
use muster_domain::read::Read;
use muster_domain::snapshot::AuthorizedResourceList;
use muster_domain::{OrganizationName, ProjectId};
use serde::Deserialize;
use tracing::instrument;

/// Type of service connections in this list.
const ENDPOINT: &str = "endpoint";

#[derive(Deserialize)]
struct AuthorizedResourceWire {
    r#type: String,
    id: LenientId,
    #[serde(default)]
    authorized: Option<bool>,
}

impl Wire for AuthorizedResourceWire {
    /// The id of a service connection that is open to all pipelines.
    type Item = Option<String>;

    fn into_item(self) -> Result<Option<String>, Violation> {
        // What is listed without a word is taken for open: the side on which nothing is called healthy by mistake.
        let is_open = self.authorized.unwrap_or(true);
        let is_endpoint = self.r#type.eq_ignore_ascii_case(ENDPOINT);
        Ok((is_open && is_endpoint).then(|| lowercase_guid(self.id.into_text())))
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
        Ok(AuthorizedResourceList { endpoints: resources.into_iter().flatten().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(resource: Value) -> Option<String> {
        serde_json::from_value::<AuthorizedResourceWire>(resource).unwrap().into_item().unwrap()
    }

    #[test]
    fn only_open_service_connections_are_kept() {
        assert_eq!(read(json!({"type": "Endpoint", "id": "a", "authorized": true})).as_deref(), Some("a"));
        assert_eq!(read(json!({"type": "endpoint", "id": "a"})).as_deref(), Some("a"));
        assert_eq!(read(json!({"type": "endpoint", "id": "a", "authorized": false})), None);
        assert_eq!(read(json!({"type": "queue", "id": 12, "authorized": true})), None);
    }
}
