//! `POST /{organization}/_apis/Contribution/HierarchyQuery`: pipeline settings of the organization, as its settings page
//! gets them. Not documented: no interface that reads them is.

use crate::call::Call;
use crate::calls::general_settings::switches;
use crate::error::CallError;
use crate::json::{Fields, Violation};
use crate::session::Session;
use muster_domain::OrganizationName;
use muster_domain::organization_settings::OrganizationPipelineSettings;
use muster_domain::read::Read;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tracing::instrument;

/// The part of the page that holds the settings.
const PROVIDER: &str = "ms.vss-build-web.pipelines-org-settings-data-provider";

/// The only version of the query that is known to answer (Azure's own scanner uses it).
const VERSION: &str = "5.0-preview.1";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HierarchyWire {
    data_providers: Map<String, Value>,
}

impl HierarchyWire {
    fn settings(&self) -> Result<OrganizationPipelineSettings, Violation> {
        let provider = self.data_providers.get(PROVIDER).and_then(Value::as_object);
        let fields = Fields(provider.ok_or(Violation("the page holds no pipeline settings"))?);
        Ok(OrganizationPipelineSettings {
            general: switches(&fields)?,
            disable_in_box_tasks: fields.switch("disableInBoxTasksVar")?,
            disable_marketplace_tasks: fields.switch("disableMarketplaceTasksVar")?,
        })
    }
}

/// The question that the settings page at `web_url` asks.
fn question(web_url: &str) -> Value {
    let source_page = json!({
        "url": format!("{web_url}/_settings/pipelinessettings"),
        "routeId": "ms.vss-admin-web.collection-admin-hub-route",
        "routeValues": {
            "adminPivot": "pipelinessettings",
            "controller": "ContributedPage",
            "action": "Execute",
        },
    });
    json!({
        "contributionIds": [PROVIDER],
        "dataProviderContext": {"properties": {"sourcePage": source_page}},
    })
}

impl Session {
    /// The pipeline settings of `organization`, which overrule those of its projects; a switch that the answer lacks
    /// is absent, not off.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.organizationPipelineSettings", skip_all, fields(ado.organization = %organization))]
    pub async fn organization_pipeline_settings(
        &self,
        organization: &OrganizationName,
    ) -> Result<OrganizationPipelineSettings, CallError> {
        let path = "_apis/Contribution/HierarchyQuery";
        // Without a page there is no such organization, which is what the call will say.
        let web_url = self.client.inner.urls.organization(organization).unwrap_or_default();
        let call = Call::in_organization(Read::OrganizationPipelineSettings, organization, path)
            .version(VERSION)
            .post(question(&web_url));
        let target = call.target.clone();
        let wire: HierarchyWire = self.send(call).await?.object().await?;
        wire.settings()
            .map_err(|violation| CallError::Unexpected { call: target, detail: violation.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(provider: &Value) -> Result<OrganizationPipelineSettings, Violation> {
        let answer = json!({"dataProviderSharedData": {}, "dataProviders": {
            "ms.vss-web.component-data": {}, PROVIDER: provider}});
        serde_json::from_value::<HierarchyWire>(answer).unwrap().settings()
    }

    #[test]
    fn switches_of_projects_and_those_of_organizations_alone_are_read() {
        let settings = read(&json!({"enforceJobAuthScope": true, "statusBadgesArePrivate": false,
            "disableInBoxTasksVar": true, "disableMarketplaceTasksVar": false, "newer": {"a": 1}}));
        let settings = settings.unwrap();
        assert_eq!(settings.general.enforce_job_auth_scope, Some(true));
        assert_eq!(settings.general.status_badges_are_private, Some(false));
        assert_eq!(settings.general.enforce_settable_var, None);
        assert_eq!(settings.disable_in_box_tasks, Some(true));
        assert_eq!(settings.disable_marketplace_tasks, Some(false));
    }

    #[test]
    fn an_answer_without_the_settings_is_no_answer() {
        assert!(read(&json!(null)).is_err());
        assert!(read(&json!([])).is_err());
        assert!(read(&json!({"disableInBoxTasksVar": "no"})).is_err());
        let other: HierarchyWire = serde_json::from_value(json!({"dataProviders": {}})).unwrap();
        assert!(other.settings().is_err());
        assert!(serde_json::from_value::<HierarchyWire>(json!({})).is_err());
    }

    #[test]
    fn the_question_names_the_settings_page() {
        let question = question("https://dev.azure.com/contoso");
        assert_eq!(question["contributionIds"], json!([PROVIDER]));
        let page = &question["dataProviderContext"]["properties"]["sourcePage"];
        assert_eq!(page["url"], "https://dev.azure.com/contoso/_settings/pipelinessettings");
        assert_eq!(page["routeValues"]["adminPivot"], "pipelinessettings");
    }
}
