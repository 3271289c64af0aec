//! `connector.remove`: takes a connector apart, page by page, then lets go of its organizations.

use crate::absence::{Part, set_presence};
use async_trait::async_trait;
use muster_domain::ConnectorId;
use muster_domain::connector::{ConnectorEvent, ConnectorState};
use muster_domain::job::JobKind;
use muster_domain::resource::Presence;
use muster_runtime::{Handler, HandlerError, Outcome, Slice};
use muster_store::changes::{Changes, ClaimWrite, ConnectorTransition, OrganizationWrite};
use muster_store::connectors::OrganizationStanding;
use muster_store::ledger::ClaimedJob;
use serde_json::Value;

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
        let everything = Part { connector: connector_id, organization: None, project: None };
        if !set_presence(slice, job, everything, Presence::Gone, &Value::Null).await? {
            return Ok(Outcome::carry_on(Changes::default(), Value::Null));
        }
        let standings = store.connectors().organizations(Some(connector_id)).await?;
        Ok(Outcome::done(removed(connector_id, standings)))
    }
}

fn removed(connector_id: ConnectorId, standings: Vec<OrganizationStanding>) -> Changes {
    let forgotten = standings
        .into_iter()
        .map(|standing| OrganizationWrite::Forgotten { connector_id, organization: standing.organization });
    Changes {
        claims: vec![ClaimWrite::ReleaseAll { connector_id }],
        organizations: forgotten.collect(),
        connectors: vec![ConnectorTransition {
            connector_id,
            event: ConnectorEvent::RemovalFinished,
            reason: None,
            tenant_id: None,
        }],
        ..Changes::default()
    }
}
