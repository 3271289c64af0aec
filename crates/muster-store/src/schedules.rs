//! Periodic work without a leader: whoever moves the row runs it.

use crate::Store;
use crate::error::StoreError;
use crate::ledger::NewJob;
use crate::ledger::enqueue::enqueue;
use crate::session::{milliseconds, values};
use chrono::{DateTime, Utc};
use std::time::Duration;

/// The schedules of a store.
#[derive(Clone, Debug)]
pub struct Schedules {
    pub(crate) store: Store,
}

/// Something to do again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// What is done.
    pub name: String,
    /// About what: the id of a connector, or empty.
    pub scope: String,
    /// Time from one run to the next.
    pub every: Duration,
    /// Up to so much is added to that, so that installations do not ask all at once.
    pub jitter: Duration,
}

/// A schedule whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueSchedule {
    /// The schedule.
    pub schedule: Schedule,
    /// When it was due.
    pub due_at: DateTime<Utc>,
}

impl Schedules {
    /// Makes a schedule, first due after `first_delay`. One that exists keeps its next run, but never waits longer
    /// than its new interval.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ensure(&self, schedule: &Schedule, first_delay: Duration) -> Result<(), StoreError> {
        self.store
            .transaction(|session| async move {
                session
                    .run(
                        ENSURE,
                        values![
                            schedule.name.as_str(),
                            schedule.scope.as_str(),
                            milliseconds(schedule.every).max(1),
                            milliseconds(schedule.jitter),
                            milliseconds(first_delay)
                        ],
                    )
                    .await
            })
            .await?;
        Ok(())
    }

    /// Schedules whose time has come, the longest overdue first. Nothing is taken: see [`Schedules::claim`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn due(&self, limit: u32) -> Result<Vec<DueSchedule>, StoreError> {
        let rows = self
            .store
            .reader()
            .all(
                "schedule",
                "SELECT name, scope, every_ms, jitter_ms, next_run_at_ms FROM schedule \
                 WHERE next_run_at_ms <= {now} ORDER BY next_run_at_ms LIMIT $1",
                values![i64::from(limit)],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(DueSchedule {
                    schedule: Schedule {
                        name: row.get("name")?,
                        scope: row.get("scope")?,
                        every: Duration::from_millis(row.count("every_ms")?),
                        jitter: Duration::from_millis(row.count("jitter_ms")?),
                    },
                    due_at: row.time("next_run_at_ms")?,
                })
            })
            .collect()
    }

    /// Takes one run of a schedule and adds its jobs, both or neither. False where another process took it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn claim(&self, due: &DueSchedule, jobs: &[NewJob]) -> Result<bool, StoreError> {
        let jitter_ms = milliseconds(due.schedule.jitter);
        let jitter_ms = if jitter_ms > 0 { rand::random_range(0..=jitter_ms) } else { 0 };
        let max_attempts = self.store.inner.max_attempts;
        self.store
            .transaction(|session| async move {
                let schedule = &due.schedule;
                let parameters = values![
                    schedule.name.as_str(),
                    schedule.scope.as_str(),
                    due.due_at.timestamp_millis(),
                    jitter_ms
                ];
                if session.run(CLAIM, parameters).await? == 0 {
                    return Ok(false);
                }
                enqueue(&session, jobs.iter(), max_attempts).await?;
                Ok(true)
            })
            .await
    }

    /// Ends every schedule of a scope (a connector that was removed).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn remove_scope(&self, scope: &str) -> Result<u64, StoreError> {
        self.store
            .transaction(|session| async move {
                session.run("DELETE FROM schedule WHERE scope = $1", values![scope]).await
            })
            .await
    }
}

const ENSURE: &str = "
    INSERT INTO schedule (name, scope, every_ms, jitter_ms, next_run_at_ms) VALUES ($1, $2, $3, $4, {now} + $5)
    ON CONFLICT (name, scope) DO UPDATE SET every_ms = excluded.every_ms, jitter_ms = excluded.jitter_ms,
        next_run_at_ms = {least}(schedule.next_run_at_ms, {now} + excluded.every_ms + excluded.jitter_ms)
    WHERE schedule.every_ms <> excluded.every_ms OR schedule.jitter_ms <> excluded.jitter_ms";

/// Statement (9) of the design. The next run counts from now: what was missed is not made up for.
const CLAIM: &str = "
    UPDATE schedule SET next_run_at_ms = {now} + every_ms + $4
    WHERE name = $1 AND scope = $2 AND next_run_at_ms = $3 AND next_run_at_ms <= {now}";
