//! Roles and the processes that have them.

use chrono::{DateTime, Utc};
use muster_domain::job::{JobState, Role, WaitingReason};
use muster_store::heartbeats::KnownInstance;
use muster_store::ledger::{JobCount, RoleLoad};
use serde::Serialize;
use std::time::Duration;

/// What a role has to do.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueDocument {
    /// The role.
    pub role: Role,
    /// Jobs that are due and free to run, or on their way to a worker.
    pub runnable: u64,
    /// Jobs in workers' hands.
    pub running: u64,
    /// Jobs that wait for a pause to end, an attempt, a credential or a connector.
    pub parked: u64,
    /// Jobs for a later time.
    pub scheduled: u64,
    /// Jobs that were given up.
    pub dead: u64,
    /// For how long the oldest job has been due that is free to run, seconds.
    pub oldest_due_seconds: Option<u64>,
    /// Jobs by state, and by what they wait for.
    pub jobs: Vec<QueueCount>,
}

/// How many jobs of a role are in a state.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueCount {
    /// The state.
    pub state: JobState,
    /// Why they are not simply due.
    pub waiting_reason: Option<WaitingReason>,
    /// How many.
    pub count: u64,
}

impl QueueDocument {
    /// The load of a role with its part of the counts of all roles.
    pub fn of(load: RoleLoad, counts: &[JobCount], oldest: Option<Duration>) -> Self {
        let own = counts.iter().filter(|count| count.role == load.role);
        let jobs: Vec<QueueCount> = own
            .map(|count| QueueCount {
                state: count.state,
                waiting_reason: count.waiting_reason,
                count: count.jobs,
            })
            .collect();
        Self {
            role: load.role,
            runnable: load.runnable,
            running: load.running,
            parked: load.parked,
            scheduled: load.scheduled,
            dead: jobs.iter().filter(|jobs| jobs.state == JobState::Dead).map(|jobs| jobs.count).sum(),
            oldest_due_seconds: oldest.map(|age| age.as_secs()),
            jobs,
        }
    }
}

/// A process of the fleet.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerEntry {
    /// The process, unique while it lives.
    pub instance: String,
    /// What it does.
    pub role: String,
    /// Its release.
    pub version: String,
    /// Jobs that it can run at a time.
    pub slots: u32,
    /// Jobs that it runs.
    pub busy: u32,
    /// When it gave the first sign of life.
    pub started_at: DateTime<Utc>,
    /// When it gave the last.
    pub beat_at: DateTime<Utc>,
    /// How long it has been silent, seconds.
    pub silent_seconds: u64,
}

impl WorkerEntry {
    /// A process as it is known at that moment.
    pub fn of(instance: KnownInstance, now: DateTime<Utc>) -> Self {
        let KnownInstance { heartbeat, started_at, beat_at } = instance;
        Self {
            instance: heartbeat.instance,
            role: heartbeat.role,
            version: heartbeat.version,
            slots: heartbeat.slots,
            busy: heartbeat.busy,
            started_at,
            beat_at,
            silent_seconds: u64::try_from((now - beat_at).num_seconds()).unwrap_or_default(),
        }
    }
}
