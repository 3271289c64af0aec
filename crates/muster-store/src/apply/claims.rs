//! Claims on organizations: one connector each. Whoever waits for one that is let go is woken at once.

use super::Applied;
use crate::changes::ClaimWrite;
use crate::error::StoreError;
use crate::ledger::enqueue::enqueue;
use crate::ledger::{NewJob, REQUESTED_PRIORITY};
use crate::session::{Row, Session, padded, places, values};
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::{ConnectorId, cause};
use sea_orm::Value;
use std::time::Duration;
use uuid::Uuid;

pub(super) async fn write(
    session: &Session,
    applied: &Applied,
    claim: &ClaimWrite,
) -> Result<(), StoreError> {
    match claim {
        ClaimWrite::Claim { connector_id, organization_id, organization, tenant_id } => {
            let parameters = values![
                organization_id.0,
                connector_id.0,
                organization.as_str(),
                tenant_id.map(|id| id.0),
                applied.now_ms
            ];
            session.run(CLAIM, parameters).await?;
        }
        ClaimWrite::Release { connector_id, organization_id } => {
            let one = format!("{RELEASE} AND organization_id = $2 {RETURNING}");
            let released =
                session.all("organization_claim", &one, values![connector_id.0, organization_id.0]).await?;
            wake(session, applied.max_attempts, *connector_id, &released).await?;
        }
        ClaimWrite::ReleaseAll { connector_id } => {
            release_all(session, applied.max_attempts, *connector_id).await?;
        }
    }
    Ok(())
}

/// Another connector's claim stays as it is; an own one learns a new name.
const CLAIM: &str = "
    INSERT INTO organization_claim (organization_id, connector_id, organization, tenant_id, claimed_at_ms)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (organization_id) DO UPDATE SET
        organization = excluded.organization,
        tenant_id = COALESCE(excluded.tenant_id, organization_claim.tenant_id)
    WHERE organization_claim.connector_id = excluded.connector_id AND (
        organization_claim.organization <> excluded.organization
        OR organization_claim.tenant_id IS DISTINCT FROM
            COALESCE(excluded.tenant_id, organization_claim.tenant_id))";

const RELEASE: &str = "DELETE FROM organization_claim WHERE connector_id = $1";
const RETURNING: &str = "RETURNING organization_id AS id, organization";

/// Lets go of everything that a connector holds.
pub(crate) async fn release_all(
    session: &Session,
    max_attempts: u32,
    connector_id: ConnectorId,
) -> Result<(), StoreError> {
    let all = format!("{RELEASE} {RETURNING}");
    let released = session.all("organization_claim", &all, values![connector_id.0]).await?;
    wake(session, max_attempts, connector_id, &released).await
}

/// Has the connectors look again that wait for one of the released organizations, or stand in conflict.
async fn wake(
    session: &Session,
    max_attempts: u32,
    connector_id: ConnectorId,
    released: &[Row],
) -> Result<(), StoreError> {
    if released.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = released.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
    let names: Vec<String> = released.iter().map(|row| row.get("organization")).collect::<Result<_, _>>()?;
    let (ids, names) = (padded(&ids), padded(&names));
    let mut parameters: Vec<Value> = values![connector_id.0];
    parameters.extend(ids.iter().map(|id| Value::from(*id)));
    parameters.extend(names.iter().map(|name| Value::from(name.to_lowercase())));
    let statement = format!(
        "SELECT c.id, c.credential_id FROM connector c WHERE c.id <> $1 AND ( \
            c.state = 'conflict' OR (c.state NOT IN ('paused', 'removing', 'removed') AND EXISTS ( \
                SELECT 1 FROM connector_organization w WHERE w.connector_id = c.id \
                AND w.access = 'claimed_elsewhere' \
                AND (w.organization_id IN ({}) OR w.organization_folded IN ({}))))) \
         ORDER BY c.id",
        places(2, ids.len()),
        places(2 + ids.len(), names.len())
    );
    let waiting = session.all("connector", &statement, parameters).await?;
    let jobs = waiting.iter().map(|row| {
        Ok(NewJob {
            kind: JobKind::ConnectorPreflight,
            subject: JobSubject::connector(row.id("id")?),
            credential_id: Some(row.id("credential_id")?),
            delay: Duration::ZERO,
            priority: REQUESTED_PRIORITY,
            cause: cause::of_connector(connector_id),
            trace: None,
        })
    });
    let jobs: Vec<NewJob> = jobs.collect::<Result<_, StoreError>>()?;
    enqueue(session, jobs.iter(), max_attempts).await?;
    Ok(())
}
