//! `connector.remove`: takes a connector apart, page by page, then lets go of its organizations.

use async_trait::async_trait;
use muster_domain::connector::{ConnectorEvent, ConnectorState};
use muster_domain::job::JobKind;
use muster_domain::resource::Presence;
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::{Changes, ClaimWrite, ConnectorTransition, PresenceWrite};
use muster_store::ledger::ClaimedJob;
use serde_json::Value;

/// Resources that one page takes out.
const PAGE: u32 = 1_000;

/// Takes connectors apart.
#[derive(Clone, Copy, Debug)]
pub struct RemoveConnector;

#[async_trait]
impl Handler for RemoveConnector {
    fn kind(&self) -> JobKind {
        JobKind::ConnectorRemove
    }

    async fn handle(&self, job: &ClaimedJob, slice: &Slice<'_>) -> Result<Outcome, HandlerError> {
        let connector_id = job.subject.connector_id;
        let store = slice.store();
        let connector = store.connectors().get(connector_id).await?;
        if connector.is_none_or(|connector| connector.state != ConnectorState::Removing) {
            return Ok(Outcome::cancelled());
        }
        loop {
            let page = store.inventory().not_gone(connector_id, PAGE).await?;
            if page.is_empty() {
                break;
            }
            let presence = page
                .into_iter()
                .map(|resource_id| PresenceWrite { resource_id, presence: Presence::Gone })
                .collect();
            let changes = Changes { presence, ..Changes::default() };
            if slice.is_over() {
                return Ok(Outcome::carry_on(changes, Value::Null));
            }
            slice.commit_page(job, changes, Value::Null).await?;
        }
        Ok(Outcome::done(Changes {
            claims: vec![ClaimWrite::ReleaseAll { connector_id }],
            connectors: vec![ConnectorTransition {
                connector_id,
                event: ConnectorEvent::RemovalFinished,
                reason: None,
                tenant_id: None,
            }],
            ..Changes::default()
        }))
    }
}
