//! Which loops a role runs.

use crate::exit::Failed;
use crate::process::Process;
use muster_discovery::DiscoverySettings;
use muster_domain::job::Role;
use muster_runtime::Handler;
use muster_runtime::dispatcher::Dispatcher;
use muster_runtime::heartbeats::Heartbeat;
use muster_runtime::ingress::{Ingress, RequestLoop};
use muster_runtime::reclaimer::Reclaimer;
use muster_runtime::relay::Relay;
use muster_runtime::retention::Retention;
use muster_runtime::runner::{Runner, RunnerContext, RunnerSettings};
use muster_runtime::schedules::Schedules;
use muster_sync::SyncSettings;
use std::sync::Arc;
use std::time::Duration;

/// How long after the end of its slice a handler is cut off: a call may take 100 s, and its page be committed.
const OVERRUN: Duration = Duration::from_secs(240);
/// How long tickets are held while the database is away: longer than a restart or a fail-over takes.
const HOLD: Duration = Duration::from_secs(5 * 60);

/// Starts the handlers of one role.
pub(crate) fn start_worker(process: &Process, role: Role) -> Result<(), Failed> {
    let context = RunnerContext {
        store: process.store.clone(),
        transport: process.broker.tickets(),
        metrics: process.metrics.clone(),
        shutdown: process.shutdown.clone(),
        work_was_made: Arc::clone(&process.work_was_made),
        owner: process.owner.clone(),
    };
    let worker = &process.configuration.worker;
    let settings = RunnerSettings {
        slots: worker.slots,
        lease: worker.lease(),
        slice: worker.slice(),
        overrun: OVERRUN,
        hold: HOLD,
    };
    Runner::new(context, settings, role, handlers(process, role)?).start();
    start_heartbeat(process, role.as_str(), worker.slots);
    Ok(())
}

/// Starts the loops of a scheduler: dispatcher, schedules, outbox relay, reclaim, ingress and dead letters.
pub(crate) fn start_scheduler(process: &Process) {
    Dispatcher {
        store: process.store.clone(),
        transport: process.broker.tickets(),
        metrics: process.metrics.clone(),
        shutdown: process.shutdown.clone(),
        work_was_made: Arc::clone(&process.work_was_made),
    }
    .start();
    Reclaimer {
        store: process.store.clone(),
        transport: process.broker.tickets(),
        metrics: process.metrics.clone(),
        shutdown: process.shutdown.clone(),
        crash_limit: process.configuration.worker.crash_limit,
    }
    .start();
    let scheduling = &process.configuration.scheduling;
    Schedules {
        store: process.store.clone(),
        shutdown: process.shutdown.clone(),
        discovery_every: hours(scheduling.discovery_hours),
        retention: Arc::new(Retention::new(
            process.store.clone(),
            process.metrics.clone(),
            process.shutdown.clone(),
            process.configuration.retention.keep_for(hours(scheduling.keep_done_hours)),
        )),
    }
    .start();
    Relay {
        store: process.store.clone(),
        publisher: process.broker.events(),
        metrics: process.metrics.clone(),
        shutdown: process.shutdown.clone(),
        work_was_made: Arc::clone(&process.work_was_made),
    }
    .start();
    if let Some(source) = process.broker.requests() {
        RequestLoop { ingress: ingress(process), source, shutdown: process.shutdown.clone() }.start();
    }
    start_heartbeat(process, "scheduler", 0);
}

/// The door for requests, whichever way they come.
pub(crate) fn ingress(process: &Process) -> Ingress {
    Ingress {
        store: process.store.clone(),
        metrics: process.metrics.clone(),
        work_was_made: Arc::clone(&process.work_was_made),
    }
}

fn start_heartbeat(process: &Process, role: &'static str, slots: usize) {
    Heartbeat {
        store: process.store.clone(),
        shutdown: process.shutdown.clone(),
        owner: process.owner.clone(),
        role,
        slots: u32::try_from(slots).unwrap_or(u32::MAX),
    }
    .start();
}

fn handlers(process: &Process, role: Role) -> Result<Vec<Arc<dyn Handler>>, Failed> {
    Ok(match role {
        Role::Discovery => muster_discovery::handlers(process.client()?, discovery_settings(process)),
        Role::Sync => muster_sync::handlers(process.client()?, &sync_settings()),
        Role::Refresh => muster_refresh::handlers(),
    })
}

fn discovery_settings(process: &Process) -> DiscoverySettings {
    DiscoverySettings {
        sync_every: hours(process.configuration.scheduling.sync_hours),
        rule_reads: muster_rules::required_reads(),
        switched_off: process.configuration.reads.switched_off(),
    }
}

fn sync_settings() -> SyncSettings {
    SyncSettings { rule_reads: muster_rules::required_reads(), catalogue: muster_rules::revision() }
}

fn hours(hours: f64) -> Duration {
    Duration::from_secs_f64(hours * SECONDS_PER_HOUR)
}

const SECONDS_PER_HOUR: f64 = 3_600.0;
