//! `GET /{organization}/{project}/_apis/build/generalsettings`: pipeline settings of a project.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{Fields, Violation};
use crate::session::Session;
use muster_domain::read::Read;
use muster_domain::snapshot::GeneralSettings;
use muster_domain::{OrganizationName, ProjectId};
use serde::Deserialize;
use serde_json::{Map, Value};
use tracing::instrument;

#[derive(Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
struct GeneralSettingsWire(GeneralSettings);

impl TryFrom<Map<String, Value>> for GeneralSettingsWire {
    type Error = Violation;

    fn try_from(fields: Map<String, Value>) -> Result<Self, Violation> {
        switches(&Fields(&fields)).map(Self)
    }
}

/// The switches that an answer holds, by the names of `PipelineGeneralSettings` (Microsoft's build specification
/// 7.2); one that it lacks is absent, not off.
///
/// # Errors
/// When one is neither on nor off.
pub(crate) fn switches(fields: &Fields<'_>) -> Result<GeneralSettings, Violation> {
    Ok(GeneralSettings {
        disable_classic_build_pipeline_creation: fields.switch("disableClassicBuildPipelineCreation")?,
        disable_classic_release_pipeline_creation: fields.switch("disableClassicReleasePipelineCreation")?,
        disable_classic_pipeline_creation: fields.switch("disableClassicPipelineCreation")?,
        fork_protection_enabled: fields.switch("forkProtectionEnabled")?,
        builds_enabled_for_forks: fields.switch("buildsEnabledForForks")?,
        enforce_job_auth_scope_for_forks: fields.switch("enforceJobAuthScopeForForks")?,
        enforce_no_access_to_secrets_from_forks: fields.switch("enforceNoAccessToSecretsFromForks")?,
        is_comment_required_for_pull_request: fields.switch("isCommentRequiredForPullRequest")?,
        require_comments_for_non_team_members_only: fields.switch("requireCommentsForNonTeamMembersOnly")?,
        require_comments_for_non_team_member_and_non_contributors: fields
            .switch("requireCommentsForNonTeamMemberAndNonContributors")?,
        enforce_job_auth_scope: fields.switch("enforceJobAuthScope")?,
        enforce_job_auth_scope_for_releases: fields.switch("enforceJobAuthScopeForReleases")?,
        enforce_referenced_repo_scoped_token: fields.switch("enforceReferencedRepoScopedToken")?,
        enforce_settable_var: fields.switch("enforceSettableVar")?,
        audit_enforce_settable_var: fields.switch("auditEnforceSettableVar")?,
        enable_shell_tasks_args_sanitizing: fields.switch("enableShellTasksArgsSanitizing")?,
        enable_shell_tasks_args_sanitizing_audit: fields.switch("enableShellTasksArgsSanitizingAudit")?,
        disable_implied_yaml_ci_trigger: fields.switch("disableImpliedYAMLCiTrigger")?,
        status_badges_are_private: fields.switch("statusBadgesArePrivate")?,
        publish_pipeline_metadata: fields.switch("publishPipelineMetadata")?,
    })
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
        Ok(wire.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Every switch of the specification, in the order of the fields of [`GeneralSettings`].
    const SWITCHES: [&str; 20] = [
        "disableClassicBuildPipelineCreation",
        "disableClassicReleasePipelineCreation",
        "disableClassicPipelineCreation",
        "forkProtectionEnabled",
        "buildsEnabledForForks",
        "enforceJobAuthScopeForForks",
        "enforceNoAccessToSecretsFromForks",
        "isCommentRequiredForPullRequest",
        "requireCommentsForNonTeamMembersOnly",
        "requireCommentsForNonTeamMemberAndNonContributors",
        "enforceJobAuthScope",
        "enforceJobAuthScopeForReleases",
        "enforceReferencedRepoScopedToken",
        "enforceSettableVar",
        "auditEnforceSettableVar",
        "enableShellTasksArgsSanitizing",
        "enableShellTasksArgsSanitizingAudit",
        "disableImpliedYAMLCiTrigger",
        "statusBadgesArePrivate",
        "publishPipelineMetadata",
    ];

    /// The values of all fields, in their order.
    fn values(answer: Value) -> [Option<bool>; 20] {
        let GeneralSettingsWire(read) = serde_json::from_value(answer).unwrap();
        [
            read.disable_classic_build_pipeline_creation,
            read.disable_classic_release_pipeline_creation,
            read.disable_classic_pipeline_creation,
            read.fork_protection_enabled,
            read.builds_enabled_for_forks,
            read.enforce_job_auth_scope_for_forks,
            read.enforce_no_access_to_secrets_from_forks,
            read.is_comment_required_for_pull_request,
            read.require_comments_for_non_team_members_only,
            read.require_comments_for_non_team_member_and_non_contributors,
            read.enforce_job_auth_scope,
            read.enforce_job_auth_scope_for_releases,
            read.enforce_referenced_repo_scoped_token,
            read.enforce_settable_var,
            read.audit_enforce_settable_var,
            read.enable_shell_tasks_args_sanitizing,
            read.enable_shell_tasks_args_sanitizing_audit,
            read.disable_implied_yaml_ci_trigger,
            read.status_badges_are_private,
            read.publish_pipeline_metadata,
        ]
    }

    #[test]
    fn every_switch_goes_to_its_own_field_and_no_other() {
        for (place, switch) in SWITCHES.into_iter().enumerate() {
            for value in [true, false] {
                let mut expected = [None; SWITCHES.len()];
                expected[place] = Some(value);
                assert_eq!(values(json!({switch: value, "newer": 1})), expected, "{switch}");
                assert_eq!(values(json!({switch.to_uppercase(): value})), expected, "{switch}");
            }
        }
    }

    #[test]
    fn an_absent_switch_is_not_off() {
        assert_eq!(values(json!({})), [None; SWITCHES.len()]);
        assert_eq!(values(json!({"forkProtectionEnabled": null})), [None; SWITCHES.len()]);
    }

    #[test]
    fn what_is_neither_on_nor_off_is_no_answer() {
        for value in [json!("true"), json!(1), json!({})] {
            let answer = json!({"enforceSettableVar": value});
            let error = serde_json::from_value::<GeneralSettingsWire>(answer).unwrap_err();
            assert_eq!(error.to_string(), "a switch is neither on nor off");
        }
    }
}
