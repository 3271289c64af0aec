//! Leases: kept alive, or given back untouched.

use super::enqueue::value_table;
use super::{Lease, Ledger};
use crate::error::StoreError;
use crate::session::{milliseconds, values};
use muster_domain::JobId;
use sea_orm::Value;
use std::collections::HashSet;
use std::time::Duration;

/// Places before the table of leases.
const FIRST_ROW: usize = 2;
const COLUMNS: usize = 2;

impl Ledger {
    /// Keeps leases alive for `lease` from now; returns those that are lost: cancel their handlers. On PostgreSQL
    /// this has a connection of its own, so that busy workers keep their leases.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn renew(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Lease>, StoreError> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let statement = &format!(
            "UPDATE job SET lease_until_ms = {{now}} + $1 FROM {} \
             WHERE job.id = given.column1 AND job.lease_token = given.column2 AND job.state = 'running' \
             RETURNING id",
            value_table(FIRST_ROW, leases.len(), COLUMNS)
        );
        let rows = self
            .store
            .retrying(|| async move {
                let session = self.store.urgent();
                session.all("job", statement, parameters(values![milliseconds(lease)], leases)).await
            })
            .await?;
        let held: HashSet<JobId> = rows.iter().map(|row| row.id("id")).collect::<Result<_, _>>()?;
        Ok(leases.iter().filter(|lease| !held.contains(&lease.job_id)).copied().collect())
    }

    /// Gives jobs back untouched (drain): due at once, the attempt is given back, progress is kept. The number of
    /// rows.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn release(&self, leases: &[Lease]) -> Result<u64, StoreError> {
        if leases.is_empty() {
            return Ok(0);
        }
        let statement = &format!(
            "UPDATE job SET state = 'pending', attempt = {{greatest}}(attempt - 1, 0), due_at_ms = {{now}} + $1, \
             lease_token = NULL, lease_until_ms = NULL, lease_owner = NULL, updated_at_ms = {{now}} FROM {} \
             WHERE job.id = given.column1 AND job.lease_token = given.column2 AND job.state = 'running'",
            value_table(FIRST_ROW, leases.len(), COLUMNS)
        );
        self.store
            .transaction(
                |session| async move { session.run(statement, parameters(values![0_i64], leases)).await },
            )
            .await
    }
}

fn parameters(mut first: Vec<Value>, leases: &[Lease]) -> Vec<Value> {
    for lease in leases {
        first.extend(values![lease.job_id.0, lease.token.0]);
    }
    first
}
