//! `GET /{organization}/_apis/distributedtask/pools`: agent pools of the organization.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{Violation, Wire};
use crate::session::Session;
use muster_domain::OrganizationName;
use muster_domain::properties::AgentPoolProperties;
use muster_domain::read::Read;
use serde::Deserialize;
use tracing::instrument;

/// An agent pool as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentPoolItem {
    /// Its number within the organization.
    pub id: i64,
    /// Its present name.
    pub name: String,
    /// What is kept of it.
    pub properties: AgentPoolProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AgentPoolWire {
    id: i64,
    name: String,
    #[serde(default)]
    is_hosted: Option<bool>,
    #[serde(default)]
    pool_type: Option<PoolTypeWire>,
    #[serde(default)]
    auto_provision: Option<bool>,
    #[serde(default)]
    auto_update: Option<bool>,
}

/// A name in the specification, a number in answers of older versions.
#[derive(Deserialize)]
#[serde(untagged)]
enum PoolTypeWire {
    Name(String),
    Number(i64),
}

/// Numbers of `TaskAgentPoolType` in Microsoft's specification.
const AUTOMATION: i64 = 1;
const DEPLOYMENT: i64 = 2;

impl PoolTypeWire {
    fn name(self) -> String {
        match self {
            Self::Name(name) => name,
            Self::Number(AUTOMATION) => "automation".to_owned(),
            Self::Number(DEPLOYMENT) => "deployment".to_owned(),
            Self::Number(number) => number.to_string(),
        }
    }
}

impl Wire for AgentPoolWire {
    type Item = AgentPoolItem;

    fn into_item(self) -> Result<AgentPoolItem, Violation> {
        Ok(AgentPoolItem {
            id: self.id,
            name: self.name,
            properties: AgentPoolProperties {
                // Without a word it is judged like one of the organization's own.
                is_hosted: self.is_hosted.unwrap_or(false),
                pool_type: self.pool_type.map(PoolTypeWire::name),
                auto_provision: self.auto_provision,
                auto_update: self.auto_update,
            },
        })
    }
}

impl Session {
    /// The agent pools of `organization` that the credential may see.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.agentPools", skip_all, fields(ado.organization = %organization))]
    pub async fn agent_pools(
        &self,
        organization: &OrganizationName,
    ) -> Result<Vec<AgentPoolItem>, CallError> {
        let path = "_apis/distributedtask/pools";
        self.list_of::<AgentPoolWire>(Call::in_organization(Read::AgentPools, organization, path)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(pool: Value) -> AgentPoolItem {
        serde_json::from_value::<AgentPoolWire>(pool).unwrap().into_item().unwrap()
    }

    #[test]
    fn what_a_pool_does_by_itself_is_kept() {
        let pool =
            read(json!({"id": 9, "name": "Azure Pipelines", "isHosted": true, "poolType": "automation",
            "autoProvision": true, "autoUpdate": true, "autoSize": true, "size": 3, "targetSize": null,
            "createdBy": {"uniqueName": "who@contoso.example"}, "isLegacy": false, "options": "none"}));
        assert_eq!((pool.id, pool.name.as_str()), (9, "Azure Pipelines"));
        let expected = AgentPoolProperties {
            is_hosted: true,
            pool_type: Some("automation".to_owned()),
            auto_provision: Some(true),
            auto_update: Some(true),
        };
        assert_eq!(pool.properties, expected);
    }

    #[test]
    fn a_pool_that_says_little_is_one_of_their_own() {
        let pool = read(json!({"id": 10, "name": "Default"})).properties;
        let expected = AgentPoolProperties {
            is_hosted: false,
            pool_type: None,
            auto_provision: None,
            auto_update: None,
        };
        assert_eq!(pool, expected);
        let deployment = read(json!({"id": 11, "name": "d", "poolType": 2})).properties.pool_type;
        assert_eq!(deployment.as_deref(), Some("deployment"));
    }
}
