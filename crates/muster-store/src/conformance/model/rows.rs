//! The jobs of the store, as the model sees them, and what is true of them whatever happened.

use super::ledger::{CRASH_LIMIT, Job, MAX_ATTEMPTS};
use crate::Store;
use crate::error::StoreError;
use crate::session::Row;
use muster_domain::JobId;
use muster_domain::job::{JobState, WaitingReason};
use proptest::prop_assert;
use proptest::test_runner::TestCaseError;
use std::collections::{BTreeMap, BTreeSet};

const ALL: &str = "
    SELECT j.*, (SELECT count(*) FROM dead_letter d WHERE d.job_id = j.id) AS letters FROM job j";

/// A job of the store, with the number of its letters.
pub(super) struct Stored {
    pub(super) job: Job,
    pub(super) letters: i64,
}

pub(super) async fn read(store: &Store) -> BTreeMap<JobId, Stored> {
    let rows = store.reader().all("job", ALL, Vec::new()).await.expect("the jobs");
    rows.iter().map(|row| stored(row).expect("a job")).collect()
}

fn stored(row: &Row) -> Result<(JobId, Stored), StoreError> {
    let progress: Option<serde_json::Value> = row.get("progress")?;
    let job = Job {
        kind: row.get("kind")?,
        subject: row.get("subject_key")?,
        role: row.get("role")?,
        connector: row.get("connector_id")?,
        credential: row.get("credential_id")?,
        needs_connector: row.get("needs_connector")?,
        state: row.parse("state", JobState::parse)?,
        reason: row.parse_optional("waiting_reason", WaitingReason::parse)?,
        priority: row.get("priority")?,
        attempt: row.get("attempt")?,
        wait_count: row.get("wait_count")?,
        waiting_since: row.get("waiting_since_ms")?,
        crash_count: row.get("crash_count")?,
        failure_count: row.get("failure_count")?,
        first_error: row.get("first_error_class")?,
        last_error: row.get("last_error_class")?,
        due: row.get("due_at_ms")?,
        sequence: row.get("dispatch_sequence")?,
        dispatched_at: row.get("dispatched_at_ms")?,
        token: row.optional_id("lease_token")?,
        lease_until: row.get("lease_until_ms")?,
        finished_token: row.optional_id("finished_token")?,
        rerun: row.get("rerun")?,
        progress: progress.and_then(|progress| progress.as_i64()),
        finished_at: row.get("finished_at_ms")?,
    };
    Ok((row.id("id")?, Stored { job, letters: row.get("letters")? }))
}

/// What holds of every ledger, modelled or not.
pub(super) fn check(stored: &BTreeMap<JobId, Stored>) -> Result<(), TestCaseError> {
    let mut live = BTreeSet::new();
    for (id, Stored { job, letters }) in stored {
        let running = job.state == JobState::Running;
        prop_assert!(job.token.is_some() == running, "{id}: a lease where it runs, nowhere else: {job:?}");
        prop_assert!(job.lease_until.is_some() == running, "{id}: a lease has an end: {job:?}");
        prop_assert!(
            job.reason.is_none() || job.state == JobState::Pending,
            "{id}: only what waits: {job:?}"
        );
        prop_assert!(job.is_live() == job.finished_at.is_none(), "{id}: what is over has an end: {job:?}");
        prop_assert!((0..=i64::from(MAX_ATTEMPTS)).contains(&job.attempt), "{id}: attempts: {job:?}");
        prop_assert!((0..=i64::from(CRASH_LIMIT)).contains(&job.crash_count), "{id}: crashes: {job:?}");
        prop_assert!(
            !job.is_live() || live.insert((&job.kind, &job.subject)),
            "{id}: another job does the same: {job:?}"
        );
        prop_assert!(job.state != JobState::Dead || *letters > 0, "{id}: no letter tells of it: {job:?}");
    }
    Ok(())
}
