//! `GET /{organization}/{project}/_apis/build/generalsettings`: pipeline settings of a project.

use crate::call::Call;
use crate::error::CallError;
use crate::session::Session;
use muster_domain::read::Read;
use muster_domain::snapshot::GeneralSettings;
use muster_domain::{OrganizationName, ProjectId};
use serde::Deserialize;
use tracing::instrument;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GeneralSettingsWire {
    #[serde(default)]
    disable_classic_build_pipeline_creation: Option<bool>,
    #[serde(default)]
    disable_classic_release_pipeline_creation: Option<bool>,
    #[serde(default)]
    disable_classic_pipeline_creation: Option<bool>,
}

impl Session {
    /// Pipeline settings of `project`; a switch that the answer lacks is absent, not off.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.generalSettings", skip_all,
        fields(ado.organization = %organization, ado.project.id = %project))]
    pub async fn general_settings(
        &self,
        organization: &OrganizationName,
        project: ProjectId,
    ) -> Result<GeneralSettings, CallError> {
        let path = "_apis/build/generalsettings";
        let call = Call::in_project(Read::GeneralSettings, organization, project, path);
        let wire: GeneralSettingsWire = self.send(call).await?.object().await?;
        Ok(GeneralSettings {
            disable_classic_build_pipeline_creation: wire.disable_classic_build_pipeline_creation,
            disable_classic_release_pipeline_creation: wire.disable_classic_release_pipeline_creation,
            disable_classic_pipeline_creation: wire.disable_classic_pipeline_creation,
            ..GeneralSettings::default()
        })
    }
}
