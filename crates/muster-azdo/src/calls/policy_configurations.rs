//! `GET /{organization}/{project}/_apis/policy/configurations`: policies of all repositories and branches of a project.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{Fields, Violation, Wire};
use crate::page::{Page, PageRequest};
use crate::session::Session;
use muster_domain::policy::{
    BranchMatch, MINIMUM_REVIEWERS, PolicyConfiguration, PolicyScope, PolicySettings, PolicyTypeId,
    ReviewerSettings,
};
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId, RepositoryId};
use serde::Deserialize;
use serde_json::{Map, Value};
use tracing::instrument;
use uuid::Uuid;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConfigurationWire {
    id: i64,
    r#type: TypeWire,
    #[serde(default)]
    is_enabled: Option<bool>,
    #[serde(default)]
    is_blocking: Option<bool>,
    #[serde(default)]
    is_deleted: Option<bool>,
    #[serde(default)]
    settings: Map<String, Value>,
}

#[derive(Deserialize)]
struct TypeWire {
    id: Uuid,
}

impl Wire for ConfigurationWire {
    type Item = PolicyConfiguration;

    fn into_item(self) -> Result<PolicyConfiguration, Violation> {
        let type_id = PolicyTypeId(self.r#type.id);
        let settings = Settings(Fields(&self.settings));
        Ok(PolicyConfiguration {
            id: self.id,
            type_id,
            is_enabled: self.is_enabled.unwrap_or(false),
            is_blocking: self.is_blocking.unwrap_or(false),
            is_deleted: self.is_deleted.unwrap_or(false),
            scope: settings.scope()?,
            settings: settings.of_type(type_id)?,
        })
    }
}

/// Settings of a policy.
struct Settings<'a>(Fields<'a>);

impl Settings<'_> {
    /// What the policy covers. Without a scope it covers nothing.
    fn scope(&self) -> Result<Vec<PolicyScope>, Violation> {
        match self.0.get("scope") {
            None => Ok(Vec::new()),
            Some(Value::Array(elements)) => elements.iter().map(scope_element).collect(),
            Some(_) => Err(Violation("the scope of a policy is no list")),
        }
    }

    fn of_type(&self, type_id: PolicyTypeId) -> Result<PolicySettings, Violation> {
        if type_id != MINIMUM_REVIEWERS {
            return Ok(PolicySettings::NotKept);
        }
        Ok(PolicySettings::MinimumReviewers(ReviewerSettings {
            minimum_approver_count: self.count("minimumApproverCount")?,
            creator_vote_counts: self.flag("creatorVoteCounts")?,
            reset_on_source_push: self.flag("resetOnSourcePush")?,
        }))
    }

    /// A number; the service leaves out what is zero.
    fn count(&self, key: &str) -> Result<u32, Violation> {
        match self.0.get(key) {
            None => Ok(0),
            Some(value) => value
                .as_u64()
                .map(|count| u32::try_from(count).unwrap_or(u32::MAX))
                .ok_or(Violation("a number in the settings of a policy is none")),
        }
    }

    /// A switch; the service leaves out what is off.
    fn flag(&self, key: &str) -> Result<bool, Violation> {
        match self.0.get(key) {
            None => Ok(false),
            Some(value) => value.as_bool().ok_or(Violation("a switch in the settings of a policy is none")),
        }
    }
}

fn scope_element(element: &Value) -> Result<PolicyScope, Violation> {
    let Value::Object(fields) = element else {
        return Err(Violation("an element of the scope of a policy is no object"));
    };
    let fields = Fields(fields);
    let text = |key| match fields.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Violation("a field in the scope of a policy is no text")),
    };
    // Taking an id that cannot be read for "every repository" would call others protected.
    let repository_id = text("repositoryId")?
        .map(|id| {
            Uuid::parse_str(id).map_err(|_| Violation("a repository in the scope of a policy has no id"))
        })
        .transpose()?;
    Ok(PolicyScope {
        repository_id: repository_id.map(RepositoryId),
        branches: BranchMatch::from_fields(text("matchKind")?, text("refName")?),
    })
}

impl Session {
    /// One page of the policy configurations of `project`, those of all its repositories and branches.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.policyConfigurations", skip_all,
        fields(ado.organization = %organization, ado.project.id = %project))]
    pub async fn policy_configurations(
        &self,
        organization: &OrganizationName,
        project: ProjectId,
        page: PageRequest,
    ) -> Result<Page<PolicyConfiguration>, CallError> {
        let path = "_apis/policy/configurations";
        let call = Call::in_project(Read::PolicyConfigurations, organization, project, path);
        self.page_of::<ConfigurationWire>(call, page).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const REPOSITORY: &str = "49c1d4d0-be28-4f20-9e0a-4ecfafc39257";

    fn read(settings: &Value) -> Result<PolicyConfiguration, Violation> {
        let wire: ConfigurationWire = serde_json::from_value(json!({
            "id": 18, "revision": 1, "isEnabled": true, "isBlocking": true,
            "type": {"id": MINIMUM_REVIEWERS.0, "displayName": "Minimum approval count"},
            "settings": settings,
        }))
        .unwrap();
        wire.into_item()
    }

    #[test]
    fn settings_are_found_whatever_the_case_of_their_keys() {
        let policy = read(&json!({
            "MinimumApproverCount": 2, "creatorVoteCounts": true,
            "Scope": [{"RefName": "refs/heads/main", "matchKind": "exact", "repositoryId": null}],
        }))
        .unwrap();
        let settings = ReviewerSettings {
            minimum_approver_count: 2,
            creator_vote_counts: true,
            reset_on_source_push: false,
        };
        assert_eq!(policy.settings, PolicySettings::MinimumReviewers(settings));
        let branches = BranchMatch::Exact("refs/heads/main".to_owned());
        assert_eq!(policy.scope, [PolicyScope { repository_id: None, branches }]);
        assert!(policy.is_enforced());
    }

    #[test]
    fn every_kind_of_scope_is_read() {
        let policy = read(&json!({"minimumApproverCount": 1, "scope": [
            {"repositoryId": null, "matchKind": "DefaultBranch"},
            {"repositoryId": REPOSITORY, "refName": "refs/heads/releases/", "matchKind": "Prefix"},
            {"repositoryId": REPOSITORY},
        ]}))
        .unwrap();
        let branches: Vec<_> = policy.scope.iter().map(|scope| scope.branches.clone()).collect();
        let prefix = BranchMatch::Prefix("refs/heads/releases/".to_owned());
        assert_eq!(branches, [BranchMatch::DefaultBranch, prefix, BranchMatch::Every]);
        assert_eq!(policy.scope[1].repository_id, Some(REPOSITORY.parse().unwrap()));
    }

    #[test]
    fn a_policy_without_scope_covers_nothing() {
        assert_eq!(read(&json!({"minimumApproverCount": 1})).unwrap().scope, []);
    }

    #[test]
    fn what_cannot_be_read_is_never_taken_for_protection() {
        for settings in [
            json!({"minimumApproverCount": "many"}),
            json!({"minimumApproverCount": -1}),
            json!({"resetOnSourcePush": "yes"}),
            json!({"scope": {"repositoryId": null}}),
            json!({"scope": ["refs/heads/main"]}),
            json!({"scope": [{"repositoryId": "main", "matchKind": "DefaultBranch"}]}),
            json!({"scope": [{"repositoryId": 5, "matchKind": "DefaultBranch"}]}),
        ] {
            assert!(read(&settings).is_err(), "{settings}");
        }
    }
}
