//! Jobs.

use crate::holds::{HeldBy, Holds};
use chrono::{DateTime, Utc};
use muster_domain::job::{JobKind, JobState, JobSubject, Role, WaitingReason};
use muster_domain::{ConnectorId, CredentialId, JobId, OrganizationName, ProjectId};
use muster_store::ledger::{JobDetail, JobView};
use serde::Serialize;
use serde_json::Value;

/// A job as it is listed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobEntry {
    /// The job.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// The role that does it.
    pub role: Role,
    /// The connector that it is about.
    pub connector_id: ConnectorId,
    /// The organization, where it is about one.
    pub organization: Option<OrganizationName>,
    /// The project, where it is about one.
    pub project_id: Option<ProjectId>,
    /// State.
    pub state: JobState,
    /// Why it is not simply due.
    pub waiting_reason: Option<WaitingReason>,
    /// Since when it has waited for more than its turn.
    pub waiting_since: Option<DateTime<Utc>>,
    /// What holds it back although it may be due: its connector, its identity, or what people set.
    pub held_by: Option<HeldBy>,
    /// Until when, where that is known.
    pub held_until: Option<DateTime<Utc>>,
    /// When it is, or was, due: of a parked job, the time until which it is parked.
    pub due_at: DateTime<Utc>,
    /// Attempts so far.
    pub attempt: u32,
    /// Times that its worker vanished.
    pub crash_count: u32,
    /// Who holds it.
    pub lease_owner: Option<String>,
    /// Stable name of the last failure.
    pub last_error_class: Option<String>,
    /// The last failure.
    pub last_error: Option<String>,
    /// What asked for it.
    pub cause: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
}

impl JobEntry {
    /// A job, among everything that may hold it back.
    pub fn of(job: JobView, holds: &Holds) -> Self {
        let hold = holds.of(&job);
        let JobSubject { connector_id, organization, project_id } = job.subject;
        Self {
            id: job.id,
            kind: job.kind,
            role: job.kind.role(),
            connector_id,
            organization,
            project_id,
            state: job.state,
            waiting_reason: job.waiting_reason,
            waiting_since: job.waiting_since,
            held_by: hold.map(|hold| hold.by),
            held_until: hold.and_then(|hold| hold.until),
            due_at: job.due_at,
            attempt: job.attempt,
            crash_count: job.crash_count,
            lease_owner: job.lease_owner,
            last_error_class: job.last_error_class,
            last_error: job.last_error,
            cause: job.cause,
            created_at: job.created_at,
            finished_at: job.finished_at,
        }
    }
}

/// A job with everything around it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobDocument {
    /// What lists show.
    #[serde(flatten)]
    pub job: JobEntry,
    /// With which credential.
    pub credential_id: Option<CredentialId>,
    /// Lower runs first within its organization.
    pub priority: i64,
    /// Attempts until it is dead.
    pub max_attempts: u32,
    /// Times that it was put back since it was last done.
    pub wait_count: u32,
    /// What a person last did with it, and why.
    pub note: Option<String>,
    /// When its row last changed.
    pub updated_at: DateTime<Utc>,
    /// Where the last slice stopped.
    pub progress: Option<Value>,
    /// Tickets made for it so far.
    pub dispatch_sequence: i64,
    /// When the last one was made.
    pub dispatched_at: Option<DateTime<Utc>>,
    /// Until when its worker holds it.
    pub lease_until: Option<DateTime<Utc>>,
    /// It was asked for once more while it ran.
    pub runs_again: bool,
    /// Failures since it was asked for, or retried by a person.
    pub failure_count: u32,
    /// The first of them.
    pub first_error: Option<String>,
    /// Where in a trace it was asked for (W3C).
    pub traceparent: Option<String>,
    /// What belongs to that.
    pub tracestate: Option<String>,
}

impl JobDocument {
    /// A job with everything around it, among everything that may hold it back.
    pub fn of(detail: JobDetail, holds: &Holds) -> Self {
        let view = detail.view;
        Self {
            credential_id: view.credential_id,
            priority: view.priority,
            max_attempts: view.max_attempts,
            wait_count: view.wait_count,
            note: view.note.clone(),
            updated_at: view.updated_at,
            job: JobEntry::of(view, holds),
            progress: detail.progress,
            dispatch_sequence: detail.dispatch_sequence,
            dispatched_at: detail.dispatched_at,
            lease_until: detail.lease_until,
            runs_again: detail.runs_again,
            failure_count: detail.failure_count,
            first_error: detail.first_error,
            traceparent: detail.trace.as_ref().map(|trace| trace.traceparent.clone()),
            tracestate: detail.trace.and_then(|trace| trace.tracestate),
        }
    }
}
