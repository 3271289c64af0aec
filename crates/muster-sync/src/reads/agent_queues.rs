//! Agent queues of the project: which agent pools of the organization it uses.

use super::ReadError;
use crate::pass::Pass;
use muster_azdo::AgentQueueItem;
use muster_domain::protected::ProtectedResource;
use muster_domain::read::Read;
use muster_domain::resource::{ResourceKey, ResourceKind};
use muster_store::changes::RelationKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is kept: a queue is the use of a pool by a project, and no resource of its own.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct QueuesDocument {
    /// In the order of their ids.
    queues: Vec<QueueDocument>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueueDocument {
    id: i64,
    name: String,
    pool_id: Option<i64>,
}

impl From<AgentQueueItem> for QueueDocument {
    fn from(item: AgentQueueItem) -> Self {
        Self { id: item.id, name: item.name, pool_id: item.pool_id }
    }
}

impl QueuesDocument {
    fn pools(&self) -> BTreeSet<i64> {
        self.queues.iter().filter_map(|queue| queue.pool_id).collect()
    }
}

pub(super) async fn read(pass: &mut Pass<'_>) -> Result<(), ReadError> {
    let items = pass.session.agent_queues(&pass.organization, pass.project_id).await?;
    let mut queues: Vec<QueueDocument> = items.into_iter().map(QueueDocument::from).collect();
    queues.sort();
    queues.dedup();
    let now = QueuesDocument { queues };
    let before: QueuesDocument = pass.known_document(Read::Queues).unwrap_or_default();
    let project = ResourceKey::project(pass.organization_id, pass.project_id);
    let (pools_before, pools_now) = (before.pools(), now.pools());
    for pool in pools_now.difference(&pools_before) {
        let to = pool_key(pass, *pool);
        pass.link(&project, RelationKind::UsesPool, to, false);
    }
    for pool in pools_before.difference(&pools_now) {
        let to = pool_key(pass, *pool);
        pass.link(&project, RelationKind::UsesPool, to, true);
    }
    let ids = now.queues.iter().map(|queue| queue.id.to_string()).collect();
    pass.progress.protected.insert(ProtectedResource::Queue, ids);
    pass.document(Read::Queues, "", &now, now.queues.len());
    Ok(())
}

/// Pools belong to the organization, not to a project.
fn pool_key(pass: &Pass<'_>, pool: i64) -> ResourceKey {
    ResourceKey {
        kind: ResourceKind::AgentPool,
        organization_id: pass.organization_id,
        project_id: None,
        external_id: pool.to_string(),
    }
}
