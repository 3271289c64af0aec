//! Credentials that Azure DevOps does not take any more: their connectors say so, their jobs wait.

use super::Applied;
use crate::changes::{ConnectorTransition, RefusedCredential};
use crate::error::StoreError;
use crate::ledger::control;
use crate::session::{Session, values};
use crate::{connectors, credentials};
use muster_domain::connector::{ConnectorEvent, ConnectorState};
use muster_messages::Fact;

/// Stops every connector that works with one of these credentials; the facts that say so. One that waits for a
/// renewed credential already keeps its reason: it is told once.
pub(super) async fn write(
    session: &Session,
    applied: &Applied,
    refusals: &[RefusedCredential],
) -> Result<Vec<Fact>, StoreError> {
    let mut facts = Vec::new();
    for refusal in refusals {
        let Some(credential) = credentials::by_id(session, refusal.credential_id).await? else { continue };
        let rows = session
            .all(
                "connector",
                "SELECT id, name, state FROM connector WHERE credential_id = $1 ORDER BY id",
                values![refusal.credential_id.0],
            )
            .await?;
        for row in rows {
            if !row.parse("state", ConnectorState::parse)?.may_work() {
                continue;
            }
            let remedy = credential.remedy(&row.get::<String>("name")?);
            let transition = ConnectorTransition {
                connector_id: row.id("id")?,
                event: ConnectorEvent::AuthorizationLost,
                reason: Some(format!("{}; {remedy}", refusal.message)),
                tenant_id: None,
            };
            facts.extend(connectors::transition_of_job(session, applied, &transition).await?);
        }
        control::park(session, "credential_id = $1", refusal.credential_id.0).await?;
    }
    Ok(facts)
}
