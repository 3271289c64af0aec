//! Rows of the ledger to domain values.

use super::{ClaimedJob, JobDetail, JobView, Lease};
use crate::error::StoreError;
use crate::session::Row;
use muster_domain::OrganizationName;
use muster_domain::job::{JobKind, JobState, JobSubject, WaitingReason};
use muster_messages::TraceContext;

/// Columns that [`claimed`] reads.
pub(super) const CLAIMED_COLUMNS: &str = "id, kind, connector_id, organization, project_id, credential_id, \
     progress, state, attempt, priority, cause, traceparent, tracestate, due_at_ms, lease_token, dispatch_sequence";

/// Columns that [`view`] reads, of a table called `j`.
pub(super) const VIEW_COLUMNS: &str = "j.id, j.kind, j.connector_id, j.organization, j.project_id, j.state, \
     j.waiting_reason, j.due_at_ms, j.attempt, j.crash_count, j.lease_owner, j.last_error_class, j.last_error, \
     j.note, j.cause, j.credential_id, j.priority, j.max_attempts, j.wait_count, j.waiting_since_ms, \
     j.created_at_ms, j.updated_at_ms, j.finished_at_ms";

/// Columns that [`detail`] reads beside those of [`view`].
pub(super) const DETAIL_COLUMNS: &str = "j.progress, j.dispatch_sequence, j.dispatched_at_ms, j.lease_until_ms, j.rerun, j.failure_count, j.first_error, j.traceparent, j.tracestate";

pub(super) fn subject(row: &Row) -> Result<JobSubject, StoreError> {
    Ok(JobSubject {
        connector_id: row.id("connector_id")?,
        organization: row.get::<Option<String>>("organization")?.map(OrganizationName::new),
        project_id: row.optional_id("project_id")?,
    })
}

pub(crate) fn trace(row: &Row) -> Result<Option<TraceContext>, StoreError> {
    let traceparent: Option<String> = row.get("traceparent")?;
    let tracestate: Option<String> = row.get("tracestate")?;
    Ok(traceparent.map(|traceparent| TraceContext { traceparent, tracestate }))
}

pub(super) fn claimed(row: &Row) -> Result<ClaimedJob, StoreError> {
    Ok(ClaimedJob {
        lease: Lease { job_id: row.id("id")?, token: row.id("lease_token")? },
        kind: row.parse("kind", JobKind::parse)?,
        subject: subject(row)?,
        credential_id: row.optional_id("credential_id")?,
        progress: row.get("progress")?,
        attempt: row.count("attempt")?,
        priority: priority(row)?,
        cause: row.get("cause")?,
        trace: trace(row)?,
        due_at: row.time("due_at_ms")?,
        dispatch_sequence: row.get("dispatch_sequence")?,
    })
}

fn priority(row: &Row) -> Result<i16, StoreError> {
    let priority: i64 = row.get("priority")?;
    i16::try_from(priority).map_err(|error| row.broken("priority", error))
}

pub(super) fn view(row: &Row) -> Result<JobView, StoreError> {
    Ok(JobView {
        id: row.id("id")?,
        kind: row.parse("kind", JobKind::parse)?,
        subject: subject(row)?,
        state: row.parse("state", JobState::parse)?,
        waiting_reason: row.parse_optional("waiting_reason", WaitingReason::parse)?,
        due_at: row.time("due_at_ms")?,
        attempt: row.count("attempt")?,
        crash_count: row.count("crash_count")?,
        lease_owner: row.get("lease_owner")?,
        last_error_class: row.get("last_error_class")?,
        last_error: row.get("last_error")?,
        note: row.get("note")?,
        cause: row.get("cause")?,
        credential_id: row.optional_id("credential_id")?,
        priority: row.get("priority")?,
        max_attempts: row.count("max_attempts")?,
        wait_count: row.count("wait_count")?,
        waiting_since: row.optional_time("waiting_since_ms")?,
        created_at: row.time("created_at_ms")?,
        updated_at: row.time("updated_at_ms")?,
        finished_at: row.optional_time("finished_at_ms")?,
    })
}

pub(super) fn detail(row: &Row) -> Result<JobDetail, StoreError> {
    Ok(JobDetail {
        view: view(row)?,
        progress: row.get("progress")?,
        dispatch_sequence: row.get("dispatch_sequence")?,
        dispatched_at: row.optional_time("dispatched_at_ms")?,
        lease_until: row.optional_time("lease_until_ms")?,
        runs_again: row.get("rerun")?,
        failure_count: row.count("failure_count")?,
        first_error: row.get("first_error")?,
        trace: trace(row)?,
    })
}
