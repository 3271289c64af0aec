//! The sections of the configuration, one struct each.

use super::{ConfigurationError, Retention};
use crate::telemetry::LogFormat;
use muster_domain::read::Read;
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that can be configured.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    /// `postgres://…` or `sqlite://…`; absent: an SQLite file in the data folder.
    pub database_url: Option<SecretString>,
    /// `amqp://…` or `amqps://…`, several separated by commas; absent: tickets stay in the process.
    pub amqp_url: Option<SecretString>,
    /// Certificates that a broker over TLS is checked against, beside the system's.
    pub amqp_ca_file: Option<PathBuf>,
    /// The management plugin of the broker, `http://user:password@host:15672`: `muster doctor` asks it what the protocol
    /// does not tell. Several, separated by commas, are asked in turn.
    pub amqp_management_url: Option<SecretString>,
    /// Whether processes declare the broker's topology or only check it.
    pub topology: Topology,
    /// Folder of the embedded database, its key and its lock.
    pub data_dir: Option<PathBuf>,
    /// Where API and pages listen. Loopback only, as long as there is no sign-in.
    pub listen: SocketAddr,
    /// Where a worker without API answers probes; absent: nowhere. Port 0 takes a free one.
    pub health_listen: Option<SocketAddr>,
    /// One address for every host of Azure DevOps: a proxy, an Azure DevOps Server, the simulator.
    pub azure_devops_url: Option<String>,
    /// Where Microsoft Entra gives out the tokens of applications; absent: the public cloud, also where Azure DevOps is
    /// elsewhere. Without TLS only on this machine.
    pub entra_url: Option<String>,
    /// Key that credentials are encrypted with: base64 of 32 bytes. Generated where everything is embedded.
    pub encryption_key: Option<SecretString>,
    /// How logs look.
    pub log_format: LogFormat,
    /// The consumption budget.
    pub consumption: Consumption,
    /// Periodic work.
    pub scheduling: Scheduling,
    /// Workers.
    pub worker: Worker,
    /// Reads that may be switched off.
    pub reads: Reads,
    /// How long things are kept.
    pub retention: Retention,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            database_url: None,
            amqp_url: None,
            amqp_ca_file: None,
            amqp_management_url: None,
            topology: Topology::Declare,
            data_dir: None,
            listen: SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)),
            health_listen: None,
            azure_devops_url: None,
            entra_url: None,
            encryption_key: None,
            log_format: LogFormat::Json,
            consumption: Consumption::default(),
            scheduling: Scheduling::default(),
            worker: Worker::default(),
            reads: Reads::default(),
            retention: Retention::default(),
        }
    }
}

/// Port of API and pages.
const DEFAULT_PORT: u16 = 7780;

/// Whether processes declare the broker's topology or only check it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topology {
    /// Declare exchanges, queues and bindings at every connect.
    #[default]
    Declare,
    /// Only check that they are there: for brokers where workers may not declare.
    Verify,
}

/// The consumption budget.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Consumption {
    /// Part of the stated limit that workers may use; lower it when people share the identity.
    pub share: f64,
    /// Length of the sliding window in seconds; 300 with Azure DevOps, shorter only against a simulator.
    pub window_seconds: f64,
    /// First guess of what a call costs, in TSTU; it is learnt from then on.
    pub guess_tstu: f64,
}

impl Default for Consumption {
    fn default() -> Self {
        Self { share: 0.9, window_seconds: 300.0, guess_tstu: 0.1 }
    }
}

/// Periodic work.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scheduling {
    /// Hours between two discoveries of a connector.
    pub discovery_hours: f64,
    /// Hours after which a project is read again even if nothing says that it changed.
    pub sync_hours: f64,
    /// Hours that finished jobs are kept.
    pub keep_done_hours: f64,
}

impl Default for Scheduling {
    fn default() -> Self {
        Self { discovery_hours: 8.0, sync_hours: 24.0, keep_done_hours: 24.0 }
    }
}

/// Workers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Worker {
    /// Jobs, or groups of jobs, that one worker process runs at the same time.
    pub slots: usize,
    /// Seconds after which a lease that nobody renews is taken back.
    pub lease_seconds: f64,
    /// Seconds after which a long job gives way and goes on as its next slice.
    pub slice_seconds: f64,
    /// Times that a job may take its worker with it before it is set aside.
    pub crash_limit: u32,
}

impl Default for Worker {
    fn default() -> Self {
        Self { slots: 4, lease_seconds: 45.0, slice_seconds: 60.0, crash_limit: 3 }
    }
}

/// Reads that may be switched off: calls that Microsoft does not document. What depends on one that is off is Unknown.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reads {
    /// The organizations of a tenant, asked for where the account of a credential names none.
    pub enterprise_catalog: bool,
    /// The policies of an organization.
    pub organization_policies: bool,
    /// The pipeline settings of an organization.
    pub organization_pipeline_settings: bool,
}

impl Default for Reads {
    fn default() -> Self {
        Self { enterprise_catalog: true, organization_policies: true, organization_pipeline_settings: true }
    }
}

impl Reads {
    /// The reads that are switched off.
    pub fn switched_off(&self) -> BTreeSet<Read> {
        let switches = [
            (Read::EnterpriseCatalog, self.enterprise_catalog),
            (Read::OrganizationPolicies, self.organization_policies),
            (Read::OrganizationPipelineSettings, self.organization_pipeline_settings),
        ];
        switches.into_iter().filter(|(_, is_on)| !is_on).map(|(read, _)| read).collect()
    }
}

impl Worker {
    /// Length of a lease.
    pub fn lease(&self) -> Duration {
        Duration::from_secs_f64(self.lease_seconds)
    }

    /// Length of a slice.
    pub fn slice(&self) -> Duration {
        Duration::from_secs_f64(self.slice_seconds)
    }
}

impl Configuration {
    /// Folder of the embedded database: as configured, else below `$XDG_DATA_HOME`, else below the home folder.
    pub fn data_folder(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| {
            let base = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).unwrap_or_else(|| {
                std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default().join(".local/share")
            });
            base.join("muster")
        })
    }

    /// Checks what types cannot say.
    pub(super) fn check(&self) -> Result<(), ConfigurationError> {
        let fraction = |key: &str, value: f64| {
            require(
                key,
                value > 0.0 && value <= 1.0,
                &format!("{value} is not a fraction above 0, at most 1"),
            )
        };
        let positive = |key: &str, value: f64| {
            require(key, value.is_finite() && value > 0.0, &format!("{value} is not a positive number"))
        };
        fraction("consumption.share", self.consumption.share)?;
        positive("consumption.window_seconds", self.consumption.window_seconds)?;
        positive("consumption.guess_tstu", self.consumption.guess_tstu)?;
        positive("scheduling.discovery_hours", self.scheduling.discovery_hours)?;
        positive("scheduling.sync_hours", self.scheduling.sync_hours)?;
        positive("scheduling.keep_done_hours", self.scheduling.keep_done_hours)?;
        positive("worker.lease_seconds", self.worker.lease_seconds)?;
        positive("worker.slice_seconds", self.worker.slice_seconds)?;
        self.retention.check()?;
        require("worker.slots", self.worker.slots > 0, "a worker needs at least one slot")?;
        require("worker.crash_limit", self.worker.crash_limit > 0, "the limit must be at least 1")?;
        require(
            "listen",
            self.listen.ip().is_loopback(),
            &format!(
                "{} is not a loopback address; without sign-in everybody who reaches the port may do everything, \
                 so listen on 127.0.0.1 or [::1] and put an authenticating proxy in front",
                self.listen
            ),
        )
    }
}

pub(super) fn require(key: &str, holds: bool, message: &str) -> Result<(), ConfigurationError> {
    if holds {
        Ok(())
    } else {
        Err(ConfigurationError::Invalid { key: key.to_owned(), message: message.to_owned() })
    }
}
