//! Claims on organizations: one connector each.

use super::Applied;
use crate::changes::ClaimWrite;
use crate::error::StoreError;
use crate::session::{Session, values};

pub(super) async fn write(
    session: &Session,
    applied: &Applied,
    claim: &ClaimWrite,
) -> Result<(), StoreError> {
    match claim {
        ClaimWrite::Claim { connector_id, organization_id, organization, tenant_id } => {
            session
                .run(
                    CLAIM,
                    values![
                        organization_id.0,
                        connector_id.0,
                        organization.as_str(),
                        tenant_id.map(|id| id.0),
                        applied.now_ms
                    ],
                )
                .await?;
        }
        ClaimWrite::Release { connector_id, organization_id } => {
            session
                .run(
                    "DELETE FROM organization_claim WHERE connector_id = $1 AND organization_id = $2",
                    values![connector_id.0, organization_id.0],
                )
                .await?;
        }
        ClaimWrite::ReleaseAll { connector_id } => {
            session
                .run("DELETE FROM organization_claim WHERE connector_id = $1", values![connector_id.0])
                .await?;
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
