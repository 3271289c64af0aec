//! The state machine of connectors, in a transaction, with what hangs on it: jobs, claims, the fact.

use super::{get, state_fact};
use crate::apply::{Applied, reason_of, release_all};
use crate::changes::ConnectorTransition;
use crate::error::StoreError;
use crate::ledger::control;
use crate::session::{Session, values};
use muster_domain::connector::{Connector, ConnectorEvent, ConnectorState};
use muster_messages::Fact;

/// A transition that a person or a request asks for: what makes no sense is refused.
pub(crate) async fn transition_by_person(
    session: &Session,
    applied: &Applied,
    transition: &ConnectorTransition,
) -> Result<Option<Fact>, StoreError> {
    let connector = locked(session, transition)
        .await?
        .ok_or_else(|| StoreError::not_found("connector", &transition.connector_id))?;
    let next = connector.state.after(transition.event)?;
    move_to(session, applied, connector, next, transition).await
}

/// A transition that a job reports: a late report changes nothing, and must not keep the job from ending.
pub(crate) async fn transition_of_job(
    session: &Session,
    applied: &Applied,
    transition: &ConnectorTransition,
) -> Result<Option<Fact>, StoreError> {
    let Some(connector) = locked(session, transition).await? else {
        tracing::warn!(connector.id = %transition.connector_id, "a job reports of a connector that does not exist");
        return Ok(None);
    };
    match connector.state.after(transition.event) {
        Ok(next) => {
            let mut transition = transition.clone();
            let lacks_reason = transition.event == ConnectorEvent::Authorized && transition.reason.is_none();
            if lacks_reason && next.may_work() {
                // That one organization is read says nothing of those that are not.
                transition.reason = reason_of(session, connector.id).await?;
            }
            move_to(session, applied, connector, next, &transition).await
        }
        Err(refused) => {
            tracing::warn!(connector.id = %connector.id, error = %refused, "a late report is left out");
            Ok(None)
        }
    }
}

async fn locked(
    session: &Session,
    transition: &ConnectorTransition,
) -> Result<Option<Connector>, StoreError> {
    get(session, transition.connector_id, "{for_update}").await
}

async fn move_to(
    session: &Session,
    applied: &Applied,
    mut connector: Connector,
    next: ConnectorState,
    transition: &ConnectorTransition,
) -> Result<Option<Fact>, StoreError> {
    let from = connector.state;
    let learnt_tenant = connector.tenant_id.is_none() && transition.tenant_id.is_some();
    // A report that changed nothing must not speak for the state, such as one that came after a pause.
    let speaks = next != from || transition.reason.is_some() || next.may_work();
    let reason = if speaks { transition.reason.clone() } else { connector.state_reason.clone() };
    let changes_state = next != from || reason != connector.state_reason;
    if !changes_state && !learnt_tenant {
        return Ok(None);
    }
    connector.state = next;
    connector.state_reason = reason;
    connector.change_sequence += 1;
    session
        .run(
            UPDATE,
            values![
                connector.id.0,
                next.as_str(),
                connector.state_reason.clone(),
                next != from,
                applied.now_ms,
                transition.tenant_id.map(|id| id.0)
            ],
        )
        .await?;
    follow(session, applied, &connector, from).await?;
    Ok(changes_state.then(|| state_fact(applied, &connector, Some(from))))
}

const UPDATE: &str = "
    UPDATE connector SET state = $2, state_reason = $3,
        state_since_ms = CASE WHEN $4 THEN $5 ELSE state_since_ms END,
        tenant_id = COALESCE(tenant_id, $6), change_sequence = change_sequence + 1, updated_at_ms = $5
    WHERE id = $1";

/// What a new state does to the jobs and claims of the connector.
async fn follow(
    session: &Session,
    applied: &Applied,
    connector: &Connector,
    from: ConnectorState,
) -> Result<(), StoreError> {
    const OF_CONNECTOR: &str = "connector_id = $1";
    if connector.state == from {
        return Ok(());
    }
    // Also those that a worker put back a moment after the connector was let go on, or while it paused.
    if connector.state.may_work() {
        control::release(session, OF_CONNECTOR, connector.id.0).await?;
    }
    match connector.state {
        ConnectorState::NeedsAuth => {
            control::put_back_dispatched(session, connector.id).await?;
            control::park(session, OF_CONNECTOR, connector.id.0).await?;
        }
        ConnectorState::Paused => {
            control::put_back_dispatched(session, connector.id).await?;
        }
        ConnectorState::Removing => {
            control::cancel_connector(session, connector.id).await?;
        }
        ConnectorState::Removed => {
            let forget = "DELETE FROM connector_organization WHERE connector_id = $1";
            session.run(forget, values![connector.id.0]).await?;
            release_all(session, applied.max_attempts, connector.id).await?;
        }
        _ => {}
    }
    Ok(())
}
