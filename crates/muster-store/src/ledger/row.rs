//! Rows of the ledger to domain values.

use super::{ClaimedJob, JobView, Lease};
use crate::error::StoreError;
use crate::session::Row;
use muster_domain::OrganizationName;
use muster_domain::job::{JobKind, JobState, JobSubject, WaitingReason};
use muster_messages::TraceContext;

/// Columns that [`claimed`] reads.
pub(super) const CLAIMED_COLUMNS: &str = "id, kind, connector_id, organization, project_id, credential_id, \
     progress, state, attempt, cause, traceparent, tracestate, due_at_ms, lease_token, dispatch_sequence";

/// Columns that [`view`] reads, of a table called `j`.
pub(super) const VIEW_COLUMNS: &str = "j.id, j.kind, j.connector_id, j.organization, j.project_id, j.state, \
     j.waiting_reason, j.due_at_ms, j.attempt, j.crash_count, j.lease_owner, j.last_error, j.cause, \
     j.created_at_ms, j.finished_at_ms";

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
        cause: row.get("cause")?,
        trace: trace(row)?,
        due_at: row.time("due_at_ms")?,
        dispatch_sequence: row.get("dispatch_sequence")?,
    })
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
        last_error: row.get("last_error")?,
        cause: row.get("cause")?,
        created_at: row.time("created_at_ms")?,
        finished_at: row.optional_time("finished_at_ms")?,
    })
}
