//! The store: connections, the schema, and transactions that are retried where that helps.

use crate::clock::{Backend, DatabaseClock};
use crate::encryption::KeyRing;
use crate::error::StoreError;
use crate::faults::{Fault, TransactionFaults};
use crate::reachability::Reachability;
use crate::session::Session;
use chrono::{DateTime, Utc};
use muster_domain::InstallationId;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How to reach the database, and the few numbers that the ledger needs.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `postgres://…` or `sqlite://path?mode=rwc`.
    pub url: String,
    /// Connections of the pool (PostgreSQL), or read connections beside the one writer (SQLite).
    pub max_connections: u32,
    /// Where "now" comes from.
    pub clock: DatabaseClock,
    /// Keys of the credentials; without them none can be stored or revealed.
    pub encryption: Option<KeyRing>,
    /// Longest a statement may take (PostgreSQL).
    pub statement_timeout: Duration,
    /// Longest wait for a connection of the pool.
    pub acquire_timeout: Duration,
    /// How safe a commit on SQLite is against a power cut.
    pub durability: Durability,
    /// Attempts of a job until it is dead.
    pub max_attempts: u32,
    /// Times that a job's worker may vanish until the job is dead.
    pub crash_limit: u32,
    /// Transactions that fail on purpose: for tests.
    pub faults: Option<Arc<dyn TransactionFaults>>,
    /// Whether anybody can hear of facts.
    pub subscribers: Subscribers,
}

/// Whether anybody can hear of facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subscribers {
    /// Facts are kept until they are published.
    #[default]
    Possible,
    /// There is nowhere to subscribe: facts are not written, for a row that is made to be deleted costs as much as
    /// what it tells of.
    None,
}

/// How safe a commit on SQLite is against a power cut. A crash of the process loses nothing either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Every commit reaches the disk.
    #[default]
    EveryCommit,
    /// The last commits may be lost: for data that is thrown away anyhow.
    Relaxed,
}

/// Connections for the one thing that must not wait behind work: the renewal of leases.
const URGENT_CONNECTIONS: u32 = 1;
/// Longest that a renewal may take: a lease of 45 s is renewed every 11 s.
const URGENT_DEADLINE: Duration = Duration::from_secs(15);
/// How long SQLite waits for another process that writes.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Attempts of a transaction that collides with others.
const TRANSACTION_ATTEMPTS: u32 = 5;
/// Shortest and longest wait before the next of them.
const TRANSACTION_JITTER_MS: std::ops::RangeInclusive<u64> = 10..=200;
/// Key of the advisory lock under which PostgreSQL's schema is migrated: "muster" in ASCII.
const MIGRATION_LOCK: i64 = 0x6d75_7374_6572;
/// Longest a statement may take where nothing else is said: a page of 1,000 rows takes milliseconds.
const DEFAULT_STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait for a connection where nothing else is said; the caller holds a lease of 45 s meanwhile.
const DEFAULT_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How much longer than the server allows itself an answer may be on its way: then its connection is lost.
const ANSWER_TRAVELS: Duration = Duration::from_secs(5);
/// Idle time after which a connection is tested before it is used again: firewalls drop silent ones.
const TEST_IDLE_CONNECTIONS_AFTER: Duration = Duration::from_secs(30);

impl StoreOptions {
    /// Usual numbers for the database at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 10,
            clock: DatabaseClock::Database,
            encryption: None,
            statement_timeout: DEFAULT_STATEMENT_TIMEOUT,
            acquire_timeout: DEFAULT_ACQUIRE_TIMEOUT,
            durability: Durability::default(),
            max_attempts: 8,
            crash_limit: 3,
            faults: None,
            subscribers: Subscribers::default(),
        }
    }
}

/// All that is kept, in one database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    urgent: DatabaseConnection,
    reachability: Reachability,
    backend: Backend,
    clock: DatabaseClock,
    pub(crate) encryption: Option<KeyRing>,
    pub(crate) max_attempts: u32,
    pub(crate) crash_limit: u32,
    faults: Option<Arc<dyn TransactionFaults>>,
    pub(crate) subscribers: Subscribers,
    installation: OnceLock<InstallationId>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").field("backend", &self.inner.backend).finish_non_exhaustive()
    }
}

impl Store {
    /// Connects; the schema is not looked at.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], or [`StoreError::Invalid`] for a URL of another database.
    pub async fn connect(options: StoreOptions) -> Result<Self, StoreError> {
        let mut reachability = Reachability::embedded();
        let (backend, writer, reader, urgent) = if options.url.starts_with("sqlite:") {
            let writer = Database::connect(sqlite(&options, 1, WRITER_CACHE_KIB)).await?;
            let readers = options.max_connections.min(MOST_SQLITE_READERS);
            let reader = Database::connect(sqlite(&options, readers, READER_CACHE_KIB)).await?;
            (Backend::Sqlite, writer.clone(), reader, writer)
        } else if options.url.starts_with("postgres:") || options.url.starts_with("postgresql:") {
            reachability =
                Reachability::of_server(options.acquire_timeout + options.statement_timeout + ANSWER_TRAVELS);
            let connect = |connections| Database::connect(postgres(&options, connections, &reachability));
            let pool = connect(options.max_connections).await?;
            let urgent = connect(URGENT_CONNECTIONS).await?;
            (Backend::Postgres, pool.clone(), pool, urgent)
        } else {
            return Err(StoreError::Invalid(
                "the database URL starts neither with postgres: nor with sqlite:".to_owned(),
            ));
        };
        Ok(Self {
            inner: Arc::new(Inner {
                writer,
                reader,
                urgent,
                reachability,
                backend,
                clock: options.clock,
                encryption: options.encryption,
                max_attempts: options.max_attempts,
                crash_limit: options.crash_limit,
                faults: options.faults,
                subscribers: options.subscribers,
                installation: OnceLock::new(),
            }),
        })
    }

    /// Brings the schema up to date. All pending migrations are one transaction; one process at a time.
    ///
    /// # Errors
    /// [`StoreError::SchemaUnknown`] where the schema is newer than this binary.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        if self.inner.backend == Backend::Postgres {
            transaction.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
            transaction
                .execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
                .await?;
        }
        migrations::apply(&transaction).await.map_err(schema_error)?;
        transaction.commit().await?;
        Ok(())
    }

    /// How the schema stands to this binary.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn schema(&self) -> Result<migrations::Standing, StoreError> {
        migrations::standing(&self.inner.reader).await.map_err(schema_error)
    }

    /// Refuses a schema that lacks something, or from which a newer release took something away. One that a newer release
    /// only added to is taken, with a warning.
    ///
    /// # Errors
    /// [`StoreError::SchemaUnknown`] with what to do.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let standing = self.schema().await?;
        let incompatible = standing.incompatible();
        if !incompatible.is_empty() {
            return Err(StoreError::SchemaUnknown(format!(
                "a newer release took away what this binary needs ({}); run that release",
                incompatible.join(", ")
            )));
        }
        if !standing.missing.is_empty() {
            let with =
                if standing.newer.is_empty() { "" } else { " with the newest release of this installation" };
            return Err(StoreError::SchemaUnknown(format!(
                "the database lacks the migrations {}; run `muster migrate`{with}",
                standing.missing.join(", ")
            )));
        }
        if !standing.newer.is_empty() {
            tracing::warn!(
                newer = standing.newer.join(", "),
                "the database was migrated by a newer release than this binary, which goes on with what it knows"
            );
        }
        Ok(())
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.inner.reachability.watch(self.inner.reader.ping()).await
    }

    /// Which database it is.
    pub fn backend(&self) -> Backend {
        self.inner.backend
    }

    /// The present moment, as the ledger sees it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        let milliseconds = self.reader().now_ms().await?;
        DateTime::from_timestamp_millis(milliseconds)
            .ok_or_else(|| StoreError::Statement(format!("{milliseconds} is not a moment")))
    }

    /// Gives all connections back; what still runs ends with [`StoreError::Unavailable`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn close(&self) -> Result<(), StoreError> {
        self.inner.urgent.close_by_ref().await?;
        self.inner.reader.close_by_ref().await?;
        self.inner.writer.close_by_ref().await?;
        Ok(())
    }

    /// The id of this installation: part of the source of its facts. Made once, then kept.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn installation_id(&self) -> Result<InstallationId, StoreError> {
        if let Some(id) = self.inner.installation.get() {
            return Ok(*id);
        }
        let id = self.transaction(|session| async move { crate::installation::ensure(&session).await });
        let id = id.await?;
        Ok(*self.inner.installation.get_or_init(|| id))
    }

    pub(crate) fn reader(&self) -> Session {
        self.on_pool(&self.inner.reader)
    }

    pub(crate) fn urgent(&self) -> Session {
        let watched = self.inner.reachability.within(URGENT_DEADLINE);
        self.on_pool(&self.inner.urgent).watched(watched)
    }

    fn on_pool(&self, pool: &DatabaseConnection) -> Session {
        let inner = &self.inner;
        Session::on_pool(pool.clone(), inner.clock.clone(), inner.backend, inner.subscribers)
            .watched(inner.reachability.clone())
    }

    async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            // A deferred transaction that reads and then writes fails at once where another process writes.
            sqlite_transaction_mode: (self.inner.backend == Backend::Sqlite)
                .then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.inner.reachability.watch(self.inner.writer.begin_with_options(options)).await
    }

    /// Runs `work` in one transaction and commits it; again from the start where it collided with others.
    pub(crate) async fn transaction<T, W, F>(&self, work: W) -> Result<T, StoreError>
    where
        W: Fn(Session) -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut attempt = 1;
        loop {
            let result = self.attempt(&work).await;
            match result {
                Err(StoreError::Serialization(reason)) if attempt < TRANSACTION_ATTEMPTS => {
                    tracing::debug!(attempt, reason, "transaction collided, trying again");
                    attempt += 1;
                    tokio::time::sleep(jitter()).await;
                }
                result => return result,
            }
        }
    }

    async fn attempt<T, W, F>(&self, work: &W) -> Result<T, StoreError>
    where
        W: Fn(Session) -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        let fault = self.next_fault();
        if fault == Some(Fault::Fails) {
            return Err(Fault::Fails.error());
        }
        let transaction = Arc::new(self.begin().await?);
        let session = Session::in_transaction(
            Arc::clone(&transaction),
            self.inner.clock.clone(),
            self.inner.backend,
            self.inner.subscribers,
        )
        .watched(self.inner.reachability.clone());
        let result = work(session).await;
        let transaction = Arc::into_inner(transaction)
            .ok_or_else(|| StoreError::Statement("a transaction outlived its work".to_owned()))?;
        // A planned collision comes with the commit, after all statements.
        let result = if fault == Some(Fault::Collides) { Err(Fault::Collides.error()) } else { result };
        match result {
            Ok(value) => {
                self.inner.reachability.watch(transaction.commit()).await?;
                if fault == Some(Fault::DoneButErrored) {
                    Err(Fault::DoneButErrored.error())
                } else {
                    Ok(value)
                }
            }
            Err(error) => {
                // The error that made it roll back says more than one of the roll back itself.
                if let Err(second) = transaction.rollback().await {
                    tracing::debug!(error = %second, "roll back failed");
                }
                Err(error)
            }
        }
    }

    fn next_fault(&self) -> Option<Fault> {
        self.inner.faults.as_ref().and_then(|faults| faults.next())
    }

    /// Runs one statement's worth of work without a transaction of its own, again where it collided.
    pub(crate) async fn retrying<T, W, F>(&self, work: W) -> Result<T, StoreError>
    where
        W: Fn() -> F,
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut attempt = 1;
        loop {
            let result = match self.next_fault() {
                None => work().await,
                Some(Fault::DoneButErrored) => work().await.and(Err(Fault::DoneButErrored.error())),
                Some(fault) => Err(fault.error()),
            };
            match result {
                Err(StoreError::Serialization(_)) if attempt < TRANSACTION_ATTEMPTS => {
                    attempt += 1;
                    tokio::time::sleep(jitter()).await;
                }
                result => return result,
            }
        }
    }
}

fn jitter() -> Duration {
    Duration::from_millis(rand::random_range(TRANSACTION_JITTER_MS))
}

fn postgres(options: &StoreOptions, connections: u32, reachability: &Reachability) -> ConnectOptions {
    let mut connect = ConnectOptions::new(&options.url);
    connect
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(options.acquire_timeout)
        .statement_timeout(options.statement_timeout)
        .set_application_name("muster")
        // Compiling a plan takes a tenth of a second, more than it saves: statements here take milliseconds.
        .map_sqlx_postgres_opts(|connect| connect.options([("jit", "off")]))
        .test_before_acquire_if_idle_for(TEST_IDLE_CONNECTIONS_AFTER)
        // Statements carry names of people's projects; they are not for the log.
        .sqlx_logging(false);
    reachability.guard(&mut connect);
    connect
}

/// Most that the one writing connection keeps of the file, KiB. Rows live under random ids: with the 2,000 KiB of SQLite
/// every insertion into a database of many hundred MB reads its pages anew.
const WRITER_CACHE_KIB: u32 = 24 * 1_024;
/// Reading connections to an embedded database at most: each has a thread of its own, which keeps the memory of the largest
/// answer that it ever fetched.
const MOST_SQLITE_READERS: u32 = 3;
/// Pages that each reading connection keeps, KiB.
const READER_CACHE_KIB: u32 = 2 * 1_024;
/// Pages of 4 KiB that the log takes before they are written back: random pages are written once for many commits.
const CHECKPOINT_PAGES: u32 = 8_000;

fn sqlite(options: &StoreOptions, connections: u32, cache_kib: u32) -> ConnectOptions {
    let synchronous = match options.durability {
        Durability::EveryCommit => SqliteSynchronous::Full,
        Durability::Relaxed => SqliteSynchronous::Normal,
    };
    let mut connect = ConnectOptions::new(&options.url);
    connect
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(options.acquire_timeout.max(SQLITE_BUSY_TIMEOUT))
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |connect| {
            connect
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(synchronous)
                .busy_timeout(SQLITE_BUSY_TIMEOUT)
                .pragma("cache_size", format!("-{cache_kib}"))
                .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
                .foreign_keys(true)
        });
    connect
}

fn schema_error(error: sea_orm::DbErr) -> StoreError {
    match error {
        // sea-orm-migration reports applied migrations that the binary does not have in this form.
        sea_orm::DbErr::Custom(reason) => StoreError::SchemaUnknown(format!(
            "the database was migrated by a newer release than this binary ({reason}); run that release"
        )),
        error => error.into(),
    }
}
