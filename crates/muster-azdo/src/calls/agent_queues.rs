//! `GET /{organization}/{project}/_apis/distributedtask/queues`: which agent pools a project uses.

use crate::call::Call;
use crate::error::CallError;
use crate::json::{LenientId, Violation, Wire};
use crate::session::Session;
use muster_domain::read::Read;
use muster_domain::{OrganizationName, ProjectId};
use serde::Deserialize;
use tracing::instrument;

/// An agent queue as it is listed: the use of an agent pool by a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentQueueItem {
    /// Its number within the organization.
    pub id: i64,
    /// Its present name.
    pub name: String,
    /// Number of the pool; absent where the credential may not see the pool.
    pub pool_id: Option<i64>,
}

#[derive(Deserialize)]
struct AgentQueueWire {
    id: LenientId,
    name: String,
    #[serde(default)]
    pool: Option<PoolWire>,
}

#[derive(Deserialize)]
struct PoolWire {
    #[serde(default)]
    id: Option<LenientId>,
}

impl Wire for AgentQueueWire {
    type Item = AgentQueueItem;

    fn into_item(self) -> Result<AgentQueueItem, Violation> {
        let pool_id = self.pool.and_then(|pool| pool.id).map(LenientId::into_number).transpose()?;
        Ok(AgentQueueItem { id: self.id.into_number()?, name: self.name, pool_id })
    }
}

impl Session {
    /// The agent queues of `project` that the credential may see.
    ///
    /// # Errors
    /// See [`CallError`].
    #[instrument(name = "ado.queues", skip_all,
        fields(ado.organization = %organization, ado.project.id = %project))]
    pub async fn agent_queues(
        &self,
        organization: &OrganizationName,
        project: ProjectId,
    ) -> Result<Vec<AgentQueueItem>, CallError> {
        let path = "_apis/distributedtask/queues";
        let call = Call::in_project(Read::Queues, organization, project, path).preview();
        self.list_of::<AgentQueueWire>(call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(queue: Value) -> AgentQueueItem {
        serde_json::from_value::<AgentQueueWire>(queue).unwrap().into_item().unwrap()
    }

    #[test]
    fn a_queue_leads_to_its_pool_where_the_answer_names_it() {
        let queue =
            read(json!({"id": 18, "projectId": "6ce954b1-aaaa-45d1-b94d-e6bf2464ba2c", "name": "Build",
            "pool": {"id": 9, "scope": "x", "name": "Build", "isHosted": false, "poolType": "automation"}}));
        assert_eq!(queue, AgentQueueItem { id: 18, name: "Build".to_owned(), pool_id: Some(9) });
        let texts = read(json!({"id": "18", "name": "Build", "pool": {"id": "9"}}));
        assert_eq!(texts, queue);
        for hidden in [json!({"id": 18, "name": "Build"}), json!({"id": 18, "name": "Build", "pool": null})] {
            assert_eq!(read(hidden).pool_id, None);
        }
        assert_eq!(read(json!({"id": 18, "name": "Build", "pool": {}})).pool_id, None);
    }
}
