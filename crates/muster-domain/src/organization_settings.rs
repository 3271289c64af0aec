//! Documents that are read once per organization.

use crate::snapshot::GeneralSettings;
use serde::{Deserialize, Serialize};

/// Policies of an organization, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationPolicies {
    /// All that the answer held.
    pub policies: Vec<OrganizationPolicy>,
}

/// Third-party application access by OAuth is refused.
pub const DISALLOW_OAUTH: &str = "Policy.DisallowOAuthAuthentication";

impl OrganizationPolicies {
    /// The raw value of a policy; `None` where the answer did not hold it.
    pub fn value(&self, name: &str) -> Option<bool> {
        let policy = self.policies.iter().find(|policy| policy.name.eq_ignore_ascii_case(name))?;
        Some(policy.value)
    }
}

/// One policy. Its raw `value` counts: older answers invert `effectiveValue` of policies named `Disallow…`, newer ones
/// do not, and `value` has the same meaning in both (true of `DisallowOAuthAuthentication` means disallowed).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationPolicy {
    /// Name, such as `Policy.DisallowOAuthAuthentication`.
    pub name: String,
    /// Raw value.
    pub value: bool,
    /// Somebody set it; otherwise it has its default.
    pub is_set: bool,
}

/// Pipeline settings of an organization: they overrule those of its projects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationPipelineSettings {
    /// What projects have, too.
    pub general: GeneralSettings,
    /// Built-in tasks are switched off.
    pub disable_in_box_tasks: Option<bool>,
    /// Tasks from the marketplace are switched off.
    pub disable_marketplace_tasks: Option<bool>,
}

/// Streams that take the audit log elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditStreams {
    /// In the order of their ids. What they are configured with holds secrets and is not kept.
    pub streams: Vec<AuditStream>,
}

/// One stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditStream {
    /// Number.
    pub id: i64,
    /// Where it goes (`Splunk`, `AzureMonitorLogs`, `AzureEventGrid`).
    pub consumer_type: String,
    /// Name, for people.
    pub display_name: String,
    /// Whether it runs.
    pub is_enabled: bool,
}

/// How many people hold which access level.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessLevels {
    /// By name of the access level (`Basic`, `Stakeholder`, …).
    pub count_by_level: std::collections::BTreeMap<String, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_found_by_name_in_any_case_and_its_absence_is_told_from_off() {
        let policy = OrganizationPolicy { name: DISALLOW_OAUTH.to_owned(), value: false, is_set: true };
        let policies = OrganizationPolicies { policies: vec![policy] };
        assert_eq!(policies.value("policy.disallowoauthauthentication"), Some(false));
        assert_eq!(policies.value("Policy.LogAuditEvents"), None);
    }
}
