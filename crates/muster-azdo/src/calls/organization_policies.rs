//! `GET /{organization}/_settings/organizationPolicy`: policies of the organization, as its settings page gets them. Not
//! documented: no interface that lists them is.

use crate::call::Call;
use crate::error::CallError;
use crate::json::Fields;
use crate::session::Session;
use muster_domain::OrganizationName;
use muster_domain::organization_settings::{OrganizationPolicies, OrganizationPolicy};
use muster_domain::read::Read;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tracing::instrument;

/// What the page asks for: its data instead of its markup, in the form that is read here.
const DATA_OF_THE_PAGE: [(&str, &str); 2] = [("__rt", "fps"), ("__ver", "2")];

#[derive(Deserialize)]
struct PageWire {
    fps: FpsWire,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FpsWire {
    data_providers: DataProvidersWire,
}

#[derive(Deserialize)]
struct DataProvidersWire {
    data: DataWire,
}

#[derive(Deserialize)]
struct DataWire {
    /// Null where the organization does not tell: no proof that nothing is set.
    #[serde(rename = "ms.vss-admin-web.organization-policies-data-provider")]
    provider: Option<ProviderWire>,
}

#[derive(Deserialize)]
struct ProviderWire {
    /// By group (`applicationConnection`, `security`, `user`, `privacy`); others may follow.
    policies: BTreeMap<String, Value>,
}

impl ProviderWire {
    /// Policies of all groups. One that has no name, or no value that says yes or no, is left out: it is unknown.
    fn policies(&self) -> OrganizationPolicies {
        let entries = self.policies.values().filter_map(Value::as_array).flatten();
        let mut policies: Vec<_> =
            entries.filter_map(|entry| policy(entry.get("policy")?.as_object()?)).collect();
        policies.sort_by(|one, other| one.name.cmp(&other.name));
        policies.dedup();
        OrganizationPolicies { policies }
    }
}

/// `value` is raw in every form of the answer; `effectiveValue` of policies named `Disallow…` is not, and is not looked
/// at.
fn policy(fields: &Map<String, Value>) -> Option<OrganizationPolicy> {
    let fields = Fields(fields);
    Some(OrganizationPolicy {
        name: fields.text("name")?,
        value: fields.worded_switch("value")?,
        is_set: !fields.worded_switch("isValueUndefined").unwrap_or(false),
    })
}

impl Session {
    /// The policies of `organization`.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.organizationPolicies", skip_all, fields(ado.organization = %organization))]
    pub async fn organization_policies(
        &self,
        organization: &OrganizationName,
    ) -> Result<OrganizationPolicies, CallError> {
        let path = "_settings/organizationPolicy";
        let call = Call::in_organization(Read::OrganizationPolicies, organization, path).without_version();
        let call = DATA_OF_THE_PAGE.into_iter().fold(call, |call, (name, value)| call.with(name, value));
        let target = call.target.clone();
        let wire: PageWire = self.send(call).await?.object().await?;
        match wire.fps.data_providers.data.provider {
            Some(provider) => Ok(provider.policies()),
            None => {
                let detail = "the page holds no policies".to_owned();
                Err(CallError::Unexpected { call: target, detail })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_domain::organization_settings::DISALLOW_OAUTH;
    use serde_json::json;

    fn read(groups: &Value) -> OrganizationPolicies {
        let provider = json!({"policies": groups, "invertedPolicies": [DISALLOW_OAUTH]});
        let data = json!({"ms.vss-admin-web.organization-policies-data-provider": provider});
        let page = json!({"fps": {"dataProviders": {"data": data, "sharedData": {}}}});
        let page: PageWire = serde_json::from_value(page).unwrap();
        page.fps.data_providers.data.provider.unwrap().policies()
    }

    fn entry(policy: &Value) -> Value {
        json!({"policy": policy, "description": "for people", "learnMoreLink": ""})
    }

    #[test]
    fn policies_of_all_groups_are_read_in_the_order_of_their_names() {
        let policies = read(&json!({
            "security": [entry(&json!({"name": "Policy.LogAuditEvents", "value": "True", "effectiveValue": true}))],
            "applicationConnection": [entry(&json!({"name": DISALLOW_OAUTH, "value": false,
                "effectiveValue": true, "isValueUndefined": true,
                "parentPolicy": {"name": DISALLOW_OAUTH, "value": true, "isValueUndefined": true}}))],
            "somethingNew": [entry(&json!({"name": "Policy.AllowAnonymousAccess", "value": false,
                "isValueUndefined": false}))],
            "permissionBits": 3,
        }));
        let policy = |name: &str, value, is_set| OrganizationPolicy { name: name.to_owned(), value, is_set };
        let expected = [
            policy("Policy.AllowAnonymousAccess", false, true),
            policy(DISALLOW_OAUTH, false, false),
            policy("Policy.LogAuditEvents", true, true),
        ];
        assert_eq!(policies.policies, expected);
    }

    /// Older answers invert the effective value of policies named `Disallow…`, newer ones do not.
    #[test]
    fn the_effective_value_changes_nothing_whatever_its_sign() {
        for value in [true, false] {
            for effective in [true, false] {
                let policies = read(&json!({"applicationConnection": [entry(&json!({"name": DISALLOW_OAUTH,
                    "value": value, "effectiveValue": effective}))]}));
                assert_eq!(policies.value(DISALLOW_OAUTH), Some(value), "{effective}");
            }
        }
    }

    #[test]
    fn what_says_neither_yes_nor_no_is_left_out() {
        let policies = read(&json!({"user": [
            entry(&json!({"name": "Policy.One", "value": null, "effectiveValue": true})),
            entry(&json!({"name": "Policy.Two", "value": "some"})),
            entry(&json!({"value": true})),
            {"policy": null}, "a heading", 7]}));
        assert_eq!(policies, OrganizationPolicies::default());
    }

    #[test]
    fn a_page_of_another_shape_is_no_answer() {
        for page in [json!({}), json!({"fps": {}}), json!({"fps": {"dataProviders": {"data": []}}})] {
            assert!(serde_json::from_value::<PageWire>(page.clone()).is_err(), "{page}");
        }
        let silent: PageWire =
            serde_json::from_value(json!({"fps": {"dataProviders": {"data": {}}}})).unwrap();
        assert!(silent.fps.data_providers.data.provider.is_none());
    }
}
