//! The id of an installation, made once.

use crate::error::StoreError;
use crate::session::{Session, values};
use muster_domain::InstallationId;
use uuid::Uuid;

pub(crate) async fn ensure(session: &Session) -> Result<InstallationId, StoreError> {
    session
        .run(
            "INSERT INTO installation (only_row, id, created_at_ms) VALUES (1, $1, {now}) \
             ON CONFLICT (only_row) DO NOTHING",
            values![Uuid::new_v4()],
        )
        .await?;
    let row =
        session.one("installation", "SELECT id FROM installation WHERE only_row = 1", values![]).await?;
    row.ok_or_else(|| StoreError::not_found("installation", "1"))?.id("id")
}
