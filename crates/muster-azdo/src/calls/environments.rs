//! `GET /{organization}/{project}/_apis/distributedtask/environments`: where deployments go.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{LenientId, Violation, Wire};
use crate::page::{Page, PageRequest};
use crate::session::Session;
use muster_domain::properties::EnvironmentProperties;
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId};
use serde::Deserialize;
use tracing::instrument;

/// An environment as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentItem {
    /// Its number within the organization.
    pub id: i64,
    /// Its present name.
    pub name: String,
    /// What is kept of it.
    pub properties: EnvironmentProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvironmentWire {
    id: LenientId,
    name: String,
    #[serde(default)]
    created_on: Option<String>,
}

impl Wire for EnvironmentWire {
    type Item = EnvironmentItem;

    fn into_item(self) -> Result<EnvironmentItem, Violation> {
        let properties = EnvironmentProperties { created_on: self.created_on };
        Ok(EnvironmentItem { id: self.id.into_number()?, name: self.name, properties })
    }
}

impl Session {
    /// One page of the environments of `project` that the credential may see.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.environments", skip_all,
        fields(ado.organization = %organization, ado.project.id = %project))]
    pub async fn environments(
        &self,
        organization: &OrganizationName,
        project: ProjectId,
        page: PageRequest,
    ) -> Result<Page<EnvironmentItem>, CallError> {
        let path = "_apis/distributedtask/environments";
        let call = Call::in_project(Read::Environments, organization, project, path).preview();
        self.page_of::<EnvironmentWire>(call, page).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(environment: Value) -> EnvironmentItem {
        serde_json::from_value::<EnvironmentWire>(environment).unwrap().into_item().unwrap()
    }

    #[test]
    fn an_environment_is_read_with_and_without_what_is_optional() {
        let full = read(
            json!({"id": 4, "name": "production", "description": "", "createdOn": "2026-02-03T04:05:06Z",
            "createdBy": {"uniqueName": "hidden@contoso.example"}, "lastModifiedOn": "2026-02-04T00:00:00Z",
            "project": {"id": "6ce954b1-aaaa-45d1-b94d-e6bf2464ba2c", "name": "Web"}, "resources": []}),
        );
        assert_eq!((full.id, full.name.as_str()), (4, "production"));
        assert_eq!(full.properties.created_on.as_deref(), Some("2026-02-03T04:05:06Z"));
        assert!(!format!("{full:?}").contains("hidden"));
        let bare = read(json!({"id": "5", "name": "test"}));
        assert_eq!((bare.id, bare.properties), (5, EnvironmentProperties::default()));
    }
}
