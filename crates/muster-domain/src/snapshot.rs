//! What rules judge: everything known of one project, with the reason for everything that is not.

use crate::policy::PolicyConfiguration;
use crate::properties::{
    PipelineProperties, ProjectProperties, RepositoryProperties, SecureFileProperties,
    ServiceConnectionProperties, VariableGroupProperties,
};
use crate::read::{Read, Reading, UnknownReason};
use crate::resource::{ResourceKey, ResourceKind};
use crate::{OrganizationId, OrganizationName, ProjectId, RepositoryId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use crate::authorized::{AuthorizedResourceList, AuthorizedResources, ListCheck, PipelineAccess};

/// Everything known of one project.
#[derive(Clone, Debug)]
pub struct ProjectSnapshot {
    /// Its organization.
    pub organization: OrganizationView,
    /// The project itself.
    pub project_id: ProjectId,
    /// Its name.
    pub project_name: String,
    /// Its own properties.
    pub project: ProjectProperties,
    /// Its repositories that are present or missing.
    pub repositories: Vec<RepositoryView>,
    /// Its build definitions.
    pub pipelines: Vec<PipelineView>,
    /// Its service connections.
    pub service_connections: Vec<ServiceConnectionView>,
    /// Its variable groups.
    pub variable_groups: Vec<VariableGroupView>,
    /// Its secure files.
    pub secure_files: Vec<SecureFileView>,
    /// Listings whose last attempt gave nothing: what they list is known from earlier, and not believed.
    pub gaps: BTreeMap<Read, UnknownReason>,
    /// Policy configurations of all its repositories and branches.
    pub policies: Reading<Vec<PolicyConfiguration>>,
    /// Pipeline settings.
    pub general_settings: Reading<GeneralSettings>,
    /// Resources that all pipelines may use, and how far that list is to be believed.
    pub authorized_resources: AuthorizedResources,
    /// Advanced Security of its repositories.
    pub advanced_security: Reading<AdvancedSecurityEnablement>,
}

impl ProjectSnapshot {
    /// Key of the project.
    pub fn key(&self) -> ResourceKey {
        ResourceKey::project(self.organization.id, self.project_id)
    }

    /// Key of something in the project.
    pub fn key_of(&self, kind: ResourceKind, external_id: impl Into<String>) -> ResourceKey {
        ResourceKey::in_project(kind, self.organization.id, self.project_id, external_id)
    }

    /// A page of the project: `_settings/policies`, …; the name is percent-encoded.
    pub fn page(&self, path: &str) -> String {
        format!("{}/{}/{path}", self.organization.web_url, encode_path_segment(&self.project_name))
    }

    /// The first of `reads` whose listing failed last time, and why.
    pub fn gap_in(&self, reads: &[Read]) -> Option<UnknownReason> {
        reads.iter().find_map(|read| self.gaps.get(read).copied())
    }
}

/// The organization of a snapshot.
#[derive(Clone, Debug)]
pub struct OrganizationView {
    /// Immutable id.
    pub id: OrganizationId,
    /// Present name.
    pub name: OrganizationName,
    /// Its page, without a trailing slash.
    pub web_url: String,
}

/// A repository of a snapshot.
#[derive(Clone, Debug)]
pub struct RepositoryView {
    /// Immutable id.
    pub id: RepositoryId,
    /// Present name.
    pub name: String,
    /// What was read of it.
    pub properties: RepositoryProperties,
}

/// A resource of a snapshot whose id has no type of its own.
#[derive(Clone, Debug)]
pub struct ResourceView<P> {
    /// Azure DevOps' id.
    pub id: String,
    /// Present name.
    pub name: String,
    /// What was read of it.
    pub properties: P,
}

/// A build definition of a snapshot.
pub type PipelineView = ResourceView<PipelineProperties>;
/// A service connection of a snapshot.
pub type ServiceConnectionView = ResourceView<ServiceConnectionProperties>;
/// A variable group of a snapshot.
pub type VariableGroupView = ResourceView<VariableGroupProperties>;
/// A secure file of a snapshot.
pub type SecureFileView = ResourceView<SecureFileProperties>;

/// Pipeline settings of a project (`PipelineGeneralSettings` of Microsoft's build specification 7.2, every switch).
/// Older answers lack the newer ones: absent is not off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GeneralSettings {
    /// Nobody may create classic build pipelines.
    pub disable_classic_build_pipeline_creation: Option<bool>,
    /// Nobody may create classic release pipelines.
    pub disable_classic_release_pipeline_creation: Option<bool>,
    /// The older switch for both.
    pub disable_classic_pipeline_creation: Option<bool>,
    /// Building pull requests from forks is limited by the project; the switches of forks below count.
    pub fork_protection_enabled: Option<bool>,
    /// Pull requests from forks are built.
    pub builds_enabled_for_forks: Option<bool>,
    /// Builds of forks get an access token of the project, not of the collection.
    pub enforce_job_auth_scope_for_forks: Option<bool>,
    /// Builds of forks get no secret.
    pub enforce_no_access_to_secrets_from_forks: Option<bool>,
    /// A team member's comment is needed before a pull request of a fork is built.
    pub is_comment_required_for_pull_request: Option<bool>,
    /// The comment is needed for people outside of the team only.
    pub require_comments_for_non_team_members_only: Option<bool>,
    /// The comment is needed for people who are neither in the team nor contributors.
    pub require_comments_for_non_team_member_and_non_contributors: Option<bool>,
    /// Build jobs get an access token of the project, not of the collection.
    pub enforce_job_auth_scope: Option<bool>,
    /// Release jobs get an access token of the project, not of the collection.
    pub enforce_job_auth_scope_for_releases: Option<bool>,
    /// Tokens reach only repositories that the pipeline names.
    pub enforce_referenced_repo_scoped_token: Option<bool>,
    /// Only settable variables can be set at queue time.
    pub enforce_settable_var: Option<bool>,
    /// The same, only audited.
    pub audit_enforce_settable_var: Option<bool>,
    /// Arguments of shell tasks are checked for injection.
    pub enable_shell_tasks_args_sanitizing: Option<bool>,
    /// The same, only audited.
    pub enable_shell_tasks_args_sanitizing_audit: Option<bool>,
    /// A YAML file without triggers starts nothing by itself.
    pub disable_implied_yaml_ci_trigger: Option<bool>,
    /// Status badges need sign-in.
    pub status_badges_are_private: Option<bool>,
    /// Metadata of pipelines is published.
    pub publish_pipeline_metadata: Option<bool>,
}

/// Advanced Security of the repositories of one project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdvancedSecurityEnablement {
    /// By repository.
    pub repositories: BTreeMap<RepositoryId, AdvancedSecurityState>,
}

/// Advanced Security of one repository. Absent: the answer did not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdvancedSecurityState {
    /// Secret Protection is on.
    pub secret_protection: Option<bool>,
    /// Pushes that hold a secret are blocked.
    pub block_pushes: Option<bool>,
    /// Code Security is on.
    pub code_security: Option<bool>,
}

/// Percent-encodes everything but unreserved characters (RFC 3986, section 2.3).
pub fn encode_path_segment(segment: &str) -> String {
    use std::fmt::Write as _;
    segment.bytes().fold(String::with_capacity(segment.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn path_segments_are_encoded_as_rfc_3986_says() {
        for (plain, encoded) in [
            ("", ""),
            ("web-api_1.0~x", "web-api_1.0~x"),
            ("Déjà vu", "D%C3%A9j%C3%A0%20vu"),
            ("a/b?c#d", "a%2Fb%3Fc%23d"),
            ("100%", "100%25"),
            ("日本", "%E6%97%A5%E6%9C%AC"),
            ("r.x & y+z", "r.x%20%26%20y%2Bz"),
        ] {
            assert_eq!(encode_path_segment(plain), encoded);
        }
    }

    /// Decodes `%XX`: the reverse, for the property below.
    fn decode(encoded: &str) -> String {
        let mut bytes = encoded.bytes();
        let mut decoded = Vec::new();
        while let Some(byte) = bytes.next() {
            decoded.push(match byte {
                b'%' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                plain => plain,
            });
        }
        String::from_utf8(decoded).unwrap()
    }

    proptest! {
        #[test]
        fn encoded_segments_can_be_decoded_and_need_no_further_care(segment in any::<String>()) {
            let encoded = encode_path_segment(&segment);
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
            prop_assert_eq!(decode(&encoded), segment);
        }
    }
}
