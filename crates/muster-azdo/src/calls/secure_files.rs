//! `GET /{organization}/{project}/_apis/distributedtask/securefiles`. What the files hold cannot be read.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{Violation, Wire, lowercase_guid};
use crate::session::Session;
use muster_domain::properties::SecureFileProperties;
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId};
use serde::Deserialize;
use tracing::instrument;

/// A secure file as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecureFileItem {
    /// Its immutable id.
    pub id: String,
    /// Its present name.
    pub name: String,
    /// What is kept of it; who uploaded it is not.
    pub properties: SecureFileProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecureFileWire {
    id: String,
    name: String,
    #[serde(default)]
    created_on: Option<String>,
    #[serde(default)]
    modified_on: Option<String>,
}

impl Wire for SecureFileWire {
    type Item = SecureFileItem;

    fn into_item(self) -> Result<SecureFileItem, Violation> {
        let properties = SecureFileProperties { created_on: self.created_on, modified_on: self.modified_on };
        Ok(SecureFileItem { id: lowercase_guid(self.id), name: self.name, properties })
    }
}

impl Session {
    /// The secure files of `project` that the credential may see.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.secureFiles", skip_all,
        fields(ado.organization = %organization, ado.project.id = %project))]
    pub async fn secure_files(
        &self,
        organization: &OrganizationName,
        project: ProjectId,
    ) -> Result<Vec<SecureFileItem>, CallError> {
        let path = "_apis/distributedtask/securefiles";
        let call = Call::in_project(Read::SecureFiles, organization, project, path).preview();
        self.list_of::<SecureFileWire>(call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const FILE: &str = "5c1d2c1e-aaaa-4b0f-9d1c-000000000001";

    fn read(file: Value) -> SecureFileItem {
        serde_json::from_value::<SecureFileWire>(file).unwrap().into_item().unwrap()
    }

    #[test]
    fn a_file_is_its_id_its_name_and_its_times() {
        let file =
            read(json!({"id": FILE.to_uppercase(), "name": "signing.p12", "properties": {"key": "hidden"},
            "createdBy": {"uniqueName": "hidden@contoso.example"}, "createdOn": "2026-02-03T04:05:06.7Z",
            "modifiedOn": "2026-02-04T00:00:00Z", "ticket": "hidden"}));
        assert_eq!((file.id.as_str(), file.name.as_str()), (FILE, "signing.p12"));
        assert_eq!(file.properties.created_on.as_deref(), Some("2026-02-03T04:05:06.7Z"));
        assert_eq!(file.properties.modified_on.as_deref(), Some("2026-02-04T00:00:00Z"));
        assert!(!format!("{file:?}").contains("hidden"));
    }

    #[test]
    fn a_file_without_times_is_a_file() {
        let file = read(json!({"id": FILE, "name": "old.pfx", "createdOn": null}));
        assert_eq!(file.properties, SecureFileProperties::default());
    }
}
