//! Periodic work without a leader: every scheduler looks, one of them wins each turn by a compare-and-set.

use crate::lifecycle::Shutdown;
use crate::retention::Retention;
use muster_domain::connector::{Connector, ConnectorState};
use muster_domain::job::{JobKind, JobSubject};
use muster_domain::{ConnectorId, cause};
use muster_store::ledger::{BACKGROUND_PRIORITY, NewJob};
use muster_store::schedules::Schedule;
use muster_store::{Store, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// Name of the schedule that discovers a connector; its scope is the connector's id.
pub const DISCOVERY: &str = "discovery";
/// Name of the schedule that looks again at a connector which waits for a right or an owner.
pub const PREFLIGHT: &str = "preflight";
/// Name of the schedule that clears away what is kept only for a while.
pub const RETENTION: &str = "retention";
/// How often schedules are looked at.
const INTERVAL: Duration = Duration::from_secs(15);
/// Schedules taken at a time.
const BATCH: u32 = 100;
/// How often a connector that waits for a right or an owner is looked at again.
const PREFLIGHT_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// How often old rows are cleared away.
const RETENTION_EVERY: Duration = Duration::from_secs(60 * 60);
/// Part of the interval by which turns are spread, so that connectors do not come together.
const JITTER: f64 = 0.1;

/// Asks for periodic work.
pub struct Schedules {
    /// The truth.
    pub store: Store,
    /// Stops.
    pub shutdown: Shutdown,
    /// Time between two discoveries of a connector.
    pub discovery_every: Duration,
    /// Clears away, when it is its turn.
    pub retention: Arc<Retention>,
}

impl Schedules {
    /// Starts them; they end with the soft stop.
    pub fn start(self) {
        let shutdown = self.shutdown.clone();
        shutdown.spawn("schedules", self.run());
    }

    async fn run(self) {
        let soft = self.shutdown.soft().clone();
        loop {
            if let Err(error) = self.round().await {
                tracing::warn!(error = %error, "schedules cannot be looked at now");
            }
            let wait = INTERVAL.mul_f64(0.5 + 0.5 * rand::random::<f64>());
            tokio::select! {
                () = soft.cancelled() => return,
                () = tokio::time::sleep(wait) => (),
            }
        }
    }

    /// Looks once.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be reached.
    pub async fn round(&self) -> Result<(), StoreError> {
        for connector in self.store.connectors().list().await? {
            let scope = connector.id.to_string();
            match connector.state {
                ConnectorState::Active => self.ensure(DISCOVERY, scope, self.discovery_every).await?,
                ConnectorState::NeedsPermission | ConnectorState::Conflict => {
                    self.ensure(PREFLIGHT, scope, PREFLIGHT_EVERY).await?;
                }
                _ => (),
            }
        }
        self.ensure(RETENTION, String::new(), RETENTION_EVERY).await?;
        let schedules = self.store.schedules();
        for due in schedules.due(BATCH).await? {
            let jobs: Vec<NewJob> = self.job_of(&due.schedule).await?.into_iter().collect();
            if schedules.claim(&due, &jobs).await? && due.schedule.name == RETENTION {
                self.retention.begin();
            }
        }
        Ok(())
    }

    async fn ensure(&self, name: &str, scope: String, every: Duration) -> Result<(), StoreError> {
        let schedule = Schedule { name: name.to_owned(), scope, every, jitter: every.mul_f64(JITTER) };
        self.store.schedules().ensure(&schedule, every).await
    }

    /// The job of a schedule whose time has come; none where its connector stands otherwise by now.
    async fn job_of(&self, schedule: &Schedule) -> Result<Option<NewJob>, StoreError> {
        let Ok(id) = schedule.scope.parse::<ConnectorId>() else { return Ok(None) };
        let Some(connector) = self.store.connectors().get(id).await? else { return Ok(None) };
        Ok(match (schedule.name.as_str(), connector.state) {
            (DISCOVERY, ConnectorState::Active) => {
                Some(scheduled(&connector, JobKind::ConnectorDiscover, DISCOVERY))
            }
            (PREFLIGHT, ConnectorState::NeedsPermission | ConnectorState::Conflict) => {
                Some(scheduled(&connector, JobKind::ConnectorPreflight, PREFLIGHT))
            }
            _ => None,
        })
    }
}

fn scheduled(connector: &Connector, kind: JobKind, schedule: &str) -> NewJob {
    NewJob {
        kind,
        subject: JobSubject::connector(connector.id),
        credential_id: Some(connector.credential_id),
        delay: Duration::ZERO,
        priority: BACKGROUND_PRIORITY,
        cause: cause::of_schedule(schedule),
        trace: None,
    }
}
