//! What nobody else notices: leases of workers that vanished, tickets that were lost, jobs that are long over.

use super::Ledger;
use crate::dead_letters;
use crate::error::StoreError;
use crate::session::{milliseconds, values};
use muster_domain::JobId;
use muster_domain::job::JobState;
use std::time::Duration;

/// What became of jobs whose lease ran out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reclaimed {
    /// Due again.
    pub retried: u64,
    /// Given up: their workers vanished too often.
    pub dead: u64,
}

/// Class of the failure of a job whose lease ran out.
pub const LEASE_EXPIRED_CLASS: &str = "lease_expired";
/// What is said of it.
const LEASE_EXPIRED_ERROR: &str = "its worker stopped renewing the lease: it hangs, or is gone";
/// Wait before a job runs again whose worker vanished.
const RECLAIM_DELAY: Duration = Duration::from_secs(5);
/// Age from which a dispatched job is taken as lost when the broker is connected anew; younger ones are just
/// being published.
const RECONNECT_AGE: Duration = Duration::from_secs(5);

impl Ledger {
    /// Takes up to `limit` jobs back whose lease ran out; those that crashed `crash_limit` times are dead.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn reclaim_expired(&self, limit: u32, crash_limit: u32) -> Result<Reclaimed, StoreError> {
        let rows = self
            .store
            .transaction(|session| async move {
                let parameters = values![
                    i64::from(limit),
                    i64::from(crash_limit),
                    milliseconds(RECLAIM_DELAY),
                    LEASE_EXPIRED_CLASS,
                    LEASE_EXPIRED_ERROR
                ];
                let rows = session.all("job", RECLAIM, parameters).await?;
                let mut dead: Vec<JobId> = Vec::new();
                for row in &rows {
                    if row.parse("state", JobState::parse)? == JobState::Dead {
                        dead.push(row.id("id")?);
                    }
                }
                dead_letters::bury(&session, &dead).await?;
                Ok(rows)
            })
            .await?;
        let mut reclaimed = Reclaimed::default();
        for row in rows {
            match row.parse("state", JobState::parse)? {
                JobState::Dead => reclaimed.dead += 1,
                _ => reclaimed.retried += 1,
            }
        }
        Ok(reclaimed)
    }

    /// Makes tickets anew for jobs that were dispatched longer than `older_than` ago and never claimed.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn redispatch_lost(&self, older_than: Duration) -> Result<u64, StoreError> {
        self.store
            .transaction(
                |session| async move { session.run(REDISPATCH, values![milliseconds(older_than)]).await },
            )
            .await
    }

    /// Makes tickets anew for all dispatched jobs: the broker was connected anew and may have lost them. Jobs that
    /// were dispatched a moment ago are left alone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn redispatch_all_dispatched(&self) -> Result<u64, StoreError> {
        self.redispatch_lost(RECONNECT_AGE).await
    }

    /// Forgets up to `limit` jobs that were done or cancelled longer than `older_than` ago. Dead ones stay.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn prune_finished(&self, older_than: Duration, limit: u32) -> Result<u64, StoreError> {
        self.store
            .transaction(|session| async move {
                session.run(PRUNE, values![milliseconds(older_than), i64::from(limit)]).await
            })
            .await
    }
}

/// Statement (7b) of the design; the lease is looked at again in the locked row.
const RECLAIM: &str = "
    WITH expired AS (
        SELECT id FROM job WHERE state = 'running' AND lease_until_ms < {now}
        ORDER BY lease_until_ms LIMIT $1 {skip_locked}
    )
    UPDATE job SET
        state = CASE WHEN crash_count + 1 >= $2 THEN 'dead' ELSE 'pending' END,
        waiting_reason = CASE WHEN crash_count + 1 >= $2 THEN NULL ELSE 'retry' END,
        crash_count = crash_count + 1,
        due_at_ms = {now} + $3,
        lease_token = NULL, lease_until_ms = NULL,
        failure_count = failure_count + 1,
        first_error = CASE WHEN first_error_class IS NULL THEN $5 ELSE first_error END,
        first_error_class = COALESCE(first_error_class, $4),
        last_error_class = $4, last_error = $5,
        finished_at_ms = CASE WHEN crash_count + 1 >= $2 THEN {now} END,
        updated_at_ms = {now}
    WHERE id IN (SELECT id FROM expired) AND state = 'running' AND lease_until_ms < {now}
    RETURNING id, state";

/// Statement (8) of the design.
const REDISPATCH: &str = "
    UPDATE job SET state = 'pending', due_at_ms = {now}, updated_at_ms = {now}
    WHERE id IN (
        SELECT id FROM job WHERE state = 'dispatched' AND dispatched_at_ms <= {now} - $1 {skip_locked}
    ) AND state = 'dispatched'";

const PRUNE: &str = "
    DELETE FROM job WHERE id IN (
        SELECT id FROM job WHERE state IN ('done', 'cancelled') AND finished_at_ms < {now} - $1 LIMIT $2 {skip_locked}
    )";
