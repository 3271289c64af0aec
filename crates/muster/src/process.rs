//! What every role starts with, in one order: configuration, database, schema, broker, client, probes, signals.

use crate::embedded::DataFolder;
use crate::exit::{Exit, Failed};
use muster_azdo::{AzureDevOps, ClientOptions, Hosts};
use muster_domain::SystemClock;
use muster_domain::budget::BudgetSettings;
use muster_queue::{
    AmqpOptions, AmqpTransport, EventPublisher, FirstConnection, InProcessTransport, RequestSource,
    TicketTransport, TopologyMode,
};
use muster_runtime::configuration::{Configuration, Topology};
use muster_runtime::lifecycle::{
    BROKER_CLOSE, DATABASE_CLOSE, Drain, LONGEST_DRAIN, Shutdown, TELEMETRY_FLUSH,
};
use muster_runtime::metrics::Metrics;
use muster_runtime::probes::Probes;
use muster_store::{Durability, KeyRing, Store, StoreError, StoreOptions, Subscribers};
use secrecy::ExposeSecret as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// A process of the fleet, with everything its loops share.
pub(crate) struct Process {
    pub(crate) configuration: Configuration,
    pub(crate) store: Store,
    pub(crate) broker: Broker,
    pub(crate) metrics: Metrics,
    pub(crate) shutdown: Shutdown,
    pub(crate) work_was_made: Arc<Notify>,
    pub(crate) owner: String,
    _lock: Option<std::fs::File>,
}

/// Where tickets, facts and requests travel.
#[derive(Clone)]
pub(crate) enum Broker {
    /// RabbitMQ.
    Amqp(Arc<AmqpTransport>),
    /// Nowhere: one process holds every role.
    InProcess(Arc<InProcessTransport>),
}

impl Broker {
    pub(crate) fn tickets(&self) -> Arc<dyn TicketTransport> {
        match self {
            Self::Amqp(transport) => Arc::clone(transport) as Arc<dyn TicketTransport>,
            Self::InProcess(transport) => Arc::clone(transport) as Arc<dyn TicketTransport>,
        }
    }

    pub(crate) fn events(&self) -> Arc<dyn EventPublisher> {
        match self {
            Self::Amqp(transport) => Arc::clone(transport) as Arc<dyn EventPublisher>,
            Self::InProcess(transport) => Arc::clone(transport) as Arc<dyn EventPublisher>,
        }
    }

    /// Where requests of other systems arrive; absent without a broker, where they come over HTTP only.
    pub(crate) fn requests(&self) -> Option<Arc<dyn RequestSource>> {
        match self {
            Self::Amqp(transport) => Some(Arc::clone(transport) as Arc<dyn RequestSource>),
            Self::InProcess(_) => None,
        }
    }
}

/// What a role needs of the process that it runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Every role in this one process: an embedded database is locked, a broker is not needed.
    AllInOne,
    /// Other processes have the other roles: a broker and a shared database are needed.
    Broker,
    /// Serves the API beside other processes.
    Database,
}

impl Process {
    /// Opens everything; the schema must be there, or is made where the database is embedded.
    pub(crate) async fn start(
        configuration: Configuration,
        needs: Needs,
        durability: Durability,
    ) -> Result<Self, Failed> {
        muster_runtime::crash_point::arm().map_err(Failed::usage)?;
        let folder = DataFolder::open(&configuration.data_folder())?;
        let embedded = configuration.database_url.is_none();
        if needs == Needs::Broker && configuration.amqp_url.is_none() {
            return Err(Failed::usage(
                "a fleet needs a broker: set MUSTER_AMQP_URL (amqp://user:password@host:5672), or run every role in one \
                 process with `muster up`",
            ));
        }
        if needs == Needs::Broker && is_sqlite(&configuration) {
            return Err(Failed::usage(
                "an embedded database has one process with workers: set MUSTER_DATABASE_URL to PostgreSQL for a fleet, \
                 or run every role in one process with `muster up`",
            ));
        }
        let lock =
            if needs == Needs::AllInOne && is_sqlite(&configuration) { Some(folder.lock()?) } else { None };
        let store = open_store(&configuration, durability).await?;
        match store.check_schema().await {
            Ok(()) => (),
            Err(StoreError::SchemaUnknown(_)) if embedded => store.migrate().await?,
            Err(error) => return Err(error.into()),
        }
        let owner = owner_name();
        let broker = open_broker(&configuration, &owner).await?;
        let metrics = Metrics::new().map_err(|error| Failed::new(Exit::Failure, error.to_string()))?;
        let released = store.ledger().release_unknown_versions().await?;
        if released > 0 {
            tracing::info!(jobs = released, "jobs that an older binary did not know are due");
        }
        let shutdown = Shutdown::new();
        Ok(Self {
            configuration,
            store,
            broker,
            metrics,
            shutdown,
            work_was_made: Arc::default(),
            owner,
            _lock: lock,
        })
    }

    /// The client of this process, on the budget that every process shares.
    pub(crate) fn client(&self) -> Result<AzureDevOps, Failed> {
        azure_devops(&self.configuration, &self.store)
    }

    /// Probes of this process; their tick is one of its loops.
    pub(crate) fn probes(&self) -> Probes {
        let probes = Probes::new(
            self.store.clone(),
            Some(self.broker.tickets()),
            self.metrics.clone(),
            self.shutdown.soft().clone(),
        );
        let stop = self.shutdown.soft().clone();
        self.shutdown.spawn("liveness tick", probes.clone().tick(stop));
        probes
    }

    /// Runs until a signal, drains, and closes what was opened.
    pub(crate) async fn run_until_stopped(self) -> Result<(), Failed> {
        self.shutdown.listen_to_signals()?;
        self.drain().await
    }

    /// Waits for the soft stop, drains, and closes what was opened, all within [`LONGEST_DRAIN`].
    pub(crate) async fn drain(self) -> Result<(), Failed> {
        self.shutdown.soft().cancelled().await;
        let began = Instant::now();
        end_at_the_latest(LONGEST_DRAIN);
        let drain = self.shutdown.drained().await;
        if timeout(BROKER_CLOSE, self.broker.tickets().close()).await.is_err() {
            tracing::warn!("the broker did not close in time and is left");
        }
        // As long as there is; the last connection of an embedded database puts its log into the file.
        let left = LONGEST_DRAIN.saturating_sub(began.elapsed() + TELEMETRY_FLUSH).max(DATABASE_CLOSE);
        let patience = if drain == Drain::Complete { left } else { DATABASE_CLOSE };
        match timeout(patience, self.store.close()).await {
            Ok(Ok(())) => (),
            Ok(Err(error)) => tracing::warn!(error = %error, "the database was not closed cleanly"),
            Err(_) => tracing::warn!("the database did not close in time and is left"),
        }
        match drain {
            Drain::Complete => Ok(()),
            Drain::Forced(forced) => Err(Failed::new(Exit::Failure, format!("stopped by force: {forced}"))),
        }
    }
}

/// Ends the process where even the deadlines of a drain are not kept, because something holds every thread.
fn end_at_the_latest(after: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(after);
        // Nothing better is left where standard error is gone.
        let _ =
            writeln!(std::io::stderr(), "muster: stopped by force: the process did not end within {after:?}");
        #[expect(clippy::exit, reason = "nothing in the process can be waited for any more")]
        std::process::exit(Exit::Failure as i32);
    });
}

/// A client of the Azure DevOps of a configuration, on the budget that every process on this database shares.
pub(crate) fn azure_devops(configuration: &Configuration, store: &Store) -> Result<AzureDevOps, Failed> {
    let gate = store.budget(budget_settings(configuration));
    let mut options = ClientOptions::default();
    if let Some(url) = &configuration.azure_devops_url {
        options.base = Hosts::Override(url.clone());
    }
    if let Some(url) = &configuration.entra_url {
        options.entra_url.clone_from(url);
    }
    AzureDevOps::new(options, Arc::new(gate), Arc::new(SystemClock)).map_err(Failed::usage)
}

/// Opens the database of a configuration, with the keys of its credentials.
pub(crate) async fn open_store(
    configuration: &Configuration,
    durability: Durability,
) -> Result<Store, Failed> {
    let folder = DataFolder::open(&configuration.data_folder())?;
    let (url, key) = match &configuration.database_url {
        Some(url) => (url.expose_secret().to_owned(), configuration.encryption_key.clone()),
        None => {
            let key = configuration.encryption_key.clone();
            (folder.database_url(), Some(key.map_or_else(|| folder.encryption_key(), Ok)?))
        }
    };
    // A database file that is named in the configuration keeps its key beside the data of this machine too.
    let key = match key {
        None if url.starts_with("sqlite:") => Some(folder.encryption_key()?),
        key => key,
    };
    let encryption = match key {
        Some(key) => Some(KeyRing::new(&key, &[]).map_err(|error| {
            Failed::usage(format!(
                "MUSTER_ENCRYPTION_KEY cannot be used: {error}; it is base64 of 32 random bytes"
            ))
        })?),
        None => None,
    };
    let mut options = StoreOptions::new(url);
    options.encryption = encryption;
    options.durability = durability;
    options.crash_limit = configuration.worker.crash_limit;
    options.subscribers =
        if configuration.amqp_url.is_some() { Subscribers::Possible } else { Subscribers::None };
    options.max_connections =
        u32::try_from(configuration.worker.slots).unwrap_or(u32::MAX).saturating_add(SPARE_CONNECTIONS);
    let address = address_of(&options.url).to_owned();
    Store::connect(options).await.map_err(|error| cannot_open(&address, error))
}

/// What it means that the database cannot be opened: which one, and what to do.
fn cannot_open(address: &str, error: StoreError) -> Failed {
    match error {
        StoreError::Unavailable(reason) => Failed::unavailable(format!(
            "the database {address} cannot be reached: {reason}; check MUSTER_DATABASE_URL, and that the server takes \
             connections"
        )),
        StoreError::Invalid(reason) => Failed::usage(format!("MUSTER_DATABASE_URL: {reason}")),
        error => error.into(),
    }
}

/// Host and database of a URL, without user and password.
fn address_of(url: &str) -> &str {
    let address = url.split_once("://").map_or(url, |(_, rest)| rest);
    let address = address.rsplit_once('@').map_or(address, |(_, rest)| rest);
    address.split('?').next().unwrap_or(address)
}

/// Connections for the loops beside the slots of a worker.
const SPARE_CONNECTIONS: u32 = 6;

/// The budget that a configuration sets.
pub(crate) fn budget_settings(configuration: &Configuration) -> BudgetSettings {
    let consumption = &configuration.consumption;
    BudgetSettings {
        share: consumption.share,
        window: Duration::from_secs_f64(consumption.window_seconds),
        default_guess_tstu: consumption.guess_tstu,
        ..BudgetSettings::default()
    }
}

fn is_sqlite(configuration: &Configuration) -> bool {
    configuration.database_url.as_ref().is_none_or(|url| url.expose_secret().starts_with("sqlite:"))
}

async fn open_broker(configuration: &Configuration, owner: &str) -> Result<Broker, Failed> {
    match amqp_options(configuration, owner, FirstConnection::Awaited) {
        Some(options) => {
            let transport = AmqpTransport::connect(options).await.map_err(Failed::from)?;
            Ok(Broker::Amqp(transport))
        }
        None => Ok(Broker::InProcess(InProcessTransport::new())),
    }
}

/// How a configuration reaches its broker; `None` where it has none.
pub(crate) fn amqp_options(
    configuration: &Configuration,
    client_name: &str,
    first_connection: FirstConnection,
) -> Option<AmqpOptions> {
    let urls = configuration.amqp_url.as_ref()?.expose_secret();
    let urls = urls.split(',').map(|url| url.trim().to_owned()).collect();
    let mut options = AmqpOptions::new(urls, client_name);
    options.topology = match configuration.topology {
        Topology::Declare => TopologyMode::Declare,
        Topology::Verify => TopologyMode::Verify,
    };
    options.first_connection = first_connection;
    options.ca_file.clone_from(&configuration.amqp_ca_file);
    Some(options)
}

/// What it means that an address cannot be listened on.
pub(crate) fn cannot_listen(variable: &str, error: &std::io::Error) -> Failed {
    Failed::new(Exit::Conflict, format!("cannot listen: {error}; choose another address with {variable}"))
}

/// Name of this process in leases and heartbeats: a label for people, never a key.
fn owner_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}#{}", host.trim(), std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_no_password() {
        for (url, address) in [
            ("postgres://muster:hunter2@db:5432/muster?sslmode=require", "db:5432/muster"),
            ("postgres://muster:p@ss@db/muster", "db/muster"),
            ("postgres://db/muster", "db/muster"),
            ("sqlite:///var/lib/muster.db?mode=rwc", "/var/lib/muster.db"),
        ] {
            assert_eq!(address_of(url), address);
        }
    }

    #[test]
    fn a_database_of_another_kind_is_a_usage_error_that_names_the_key() {
        let failed = cannot_open("h/x", StoreError::Invalid("starts neither with".to_owned()));
        assert_eq!(failed.exit, Exit::Usage);
        assert!(failed.message.contains("MUSTER_DATABASE_URL"), "{failed}");
    }
}
