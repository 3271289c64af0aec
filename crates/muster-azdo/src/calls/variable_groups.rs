//! `GET /{organization}/{project}/_apis/distributedtask/variablegroups`. No value of a variable is kept.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{Fields, LenientId, Violation, Wire, lowercase_guid};
use crate::page::{Page, PageRequest};
use crate::session::Session;
use muster_domain::properties::{VariableGroupProperties, VariableGroupSource};
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tracing::instrument;

/// A variable group as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableGroupItem {
    /// Its number within the organization.
    pub id: i64,
    /// Its present name.
    pub name: String,
    /// What is kept of it: how many variables it has, and neither their names nor their values.
    pub properties: VariableGroupProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VariableGroupWire {
    id: LenientId,
    name: String,
    #[serde(default)]
    r#type: Option<String>,
    #[serde(default)]
    provider_data: Option<Map<String, Value>>,
    /// Absent where there are none.
    #[serde(default, alias = "Variables")]
    variables: Option<BTreeMap<String, Option<VariableWire>>>,
    #[serde(default)]
    is_shared: Option<bool>,
}

/// A variable without its value, which is passed over while the answer is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VariableWire {
    #[serde(default, alias = "IsSecret")]
    is_secret: Option<bool>,
}

/// Type of a group whose values are in Azure DevOps.
const IN_AZURE_DEVOPS: &str = "Vsts";
/// Type of a group whose values are in a key vault.
const IN_KEY_VAULT: &str = "AzureKeyVault";

impl Wire for VariableGroupWire {
    type Item = VariableGroupItem;

    fn into_item(self) -> Result<VariableGroupItem, Violation> {
        let source = source(self.r#type, &self.provider_data.unwrap_or_default());
        let variables = self.variables.unwrap_or_default();
        let is_secret = |variable: &&Option<VariableWire>| {
            variable.as_ref().is_some_and(|variable| variable.is_secret == Some(true))
        };
        let variable_count = variables.len() as u64;
        let secret_count = match source {
            VariableGroupSource::AzureKeyVault { .. } => variable_count,
            _ => variables.values().filter(is_secret).count() as u64,
        };
        let is_shared = self.is_shared.unwrap_or(false);
        let properties = VariableGroupProperties { source, variable_count, secret_count, is_shared };
        Ok(VariableGroupItem { id: self.id.into_number()?, name: self.name, properties })
    }
}

/// Where the values are. A group without a type is of the only type that there was before there were types.
fn source(kind: Option<String>, provider_data: &Map<String, Value>) -> VariableGroupSource {
    let provider = Fields(provider_data);
    match kind {
        None => VariableGroupSource::AzureDevOps,
        Some(kind) if kind.eq_ignore_ascii_case(IN_AZURE_DEVOPS) => VariableGroupSource::AzureDevOps,
        Some(kind) if kind.eq_ignore_ascii_case(IN_KEY_VAULT) => VariableGroupSource::AzureKeyVault {
            vault: provider.text("vault"),
            service_connection_id: provider.text("serviceEndpointId").map(lowercase_guid),
        },
        Some(name) => VariableGroupSource::Other { name },
    }
}

impl Session {
    /// One page of the variable groups of `project` that the credential may see.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.variableGroups", skip_all,
        fields(ado.organization = %organization, ado.project.id = %project))]
    pub async fn variable_groups(
        &self,
        organization: &OrganizationName,
        project: ProjectId,
        page: PageRequest,
    ) -> Result<Page<VariableGroupItem>, CallError> {
        let path = "_apis/distributedtask/variablegroups";
        let call = Call::in_project(Read::VariableGroups, organization, project, path)
            // A token is a place in an order.
            .with("queryOrder", "IdAscending");
        self.page_of::<VariableGroupWire>(call, page).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CONNECTION: &str = "0f1e2d3c-0000-4000-8000-0000000000c1";

    fn read(group: Value) -> VariableGroupItem {
        serde_json::from_value::<VariableGroupWire>(group).unwrap().into_item().unwrap()
    }

    #[test]
    fn secrets_are_counted_and_nothing_of_them_is_kept() {
        let group = read(json!({"id": 3, "type": "Vsts", "name": "release", "description": "for releases",
            "variables": {
                "REGION": {"value": "hidden-plain"},
                "PASSWORD": {"value": null, "isSecret": true},
                "TOKEN": {"IsSecret": true, "isReadOnly": true},
                "OPEN": {"value": {"nested": "hidden-nested"}, "isSecret": false},
                "EMPTY": null},
            "createdBy": {"uniqueName": "who@contoso.example"}, "isShared": true,
            "variableGroupProjectReferences": [{"name": "release"}]}));
        assert_eq!((group.id, group.name.as_str()), (3, "release"));
        assert_eq!(group.properties.source, VariableGroupSource::AzureDevOps);
        assert_eq!((group.properties.variable_count, group.properties.secret_count), (5, 2));
        assert!(group.properties.is_shared && group.properties.has_secrets());
        let shown = format!("{group:?}");
        for hidden in ["hidden", "PASSWORD", "REGION", "contoso"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
    }

    #[test]
    fn a_group_of_a_key_vault_is_secret_as_a_whole() {
        let vault = |provider_data: Value| {
            read(json!({"id": "4", "type": "azureKeyVault", "name": "vault", "providerData": provider_data,
                "variables": {"one": {"enabled": true, "contentType": "", "value": null}, "two": null}}))
        };
        let group = vault(json!({"serviceEndpointId": CONNECTION.to_uppercase(), "Vault": "contoso-keys",
            "lastRefreshedOn": "2026-03-01T08:00:00Z"}));
        let expected = VariableGroupSource::AzureKeyVault {
            vault: Some("contoso-keys".to_owned()),
            service_connection_id: Some(CONNECTION.to_owned()),
        };
        assert_eq!((group.id, &group.properties.source), (4, &expected));
        assert_eq!((group.properties.variable_count, group.properties.secret_count), (2, 2));
        for lacking in [json!(null), json!({}), json!({"vault": ""})] {
            let source = vault(lacking).properties.source;
            let nothing = VariableGroupSource::AzureKeyVault { vault: None, service_connection_id: None };
            assert_eq!(source, nothing);
        }
    }

    #[test]
    fn a_group_without_variables_has_no_secret() {
        for group in [
            json!({"id": 5, "name": "empty", "type": "Vsts", "variables": {}}),
            json!({"id": 5, "name": "empty"}),
            json!({"id": 5, "name": "empty", "variables": null, "providerData": null, "isShared": null}),
        ] {
            let group = read(group);
            assert_eq!(group.properties.source, VariableGroupSource::AzureDevOps);
            assert_eq!((group.properties.variable_count, group.properties.secret_count), (0, 0));
            assert!(!group.properties.has_secrets() && !group.properties.is_shared);
        }
        let newer = read(json!({"id": 6, "name": "newer", "type": "Hologram"})).properties.source;
        assert_eq!(newer, VariableGroupSource::Other { name: "Hologram".to_owned() });
    }

    #[test]
    fn secrecy_that_cannot_be_read_is_no_answer() {
        let group = json!({"id": 7, "name": "x", "variables": {"A": {"isSecret": "perhaps"}}});
        assert!(serde_json::from_value::<VariableGroupWire>(group).is_err());
        let group = json!({"id": "seven", "name": "x"});
        assert!(serde_json::from_value::<VariableGroupWire>(group).unwrap().into_item().is_err());
    }
}
