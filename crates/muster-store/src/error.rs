//! What can go wrong with the database, named by what the caller does about it.

use muster_domain::connector::InvalidTransition;
use sea_orm::sqlx;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};

/// Why the store could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is out of reach, read-only or full: wait and try again, losing nothing.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Somebody else has what is asked for: say so to whoever asked.
    #[error("{what}")]
    Conflict {
        /// What stands in the way, for people.
        what: String,
        /// The constraint that was violated, as the database names it; absent where the store looked first.
        constraint: Option<String>,
    },
    /// The transaction collided with others more often than it is retried in place: try again later.
    #[error("the transaction collided with others too often: {0}")]
    Serialization(String),
    /// A row cannot be what it is: tell an operator which.
    #[error("the row {row} of {table} is not understood (column {column}): {detail}")]
    Inconsistent {
        /// Its table.
        table: &'static str,
        /// The column that is wrong.
        column: String,
        /// Key of the row, as far as it can be read.
        row: String,
        /// What is wrong with it.
        detail: String,
    },
    /// There is no such thing.
    #[error("there is no {what} {key}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// By which key.
        key: String,
    },
    /// The schema is not the one of this binary: migrate, or run the newer binary.
    #[error("{0}")]
    SchemaUnknown(String),
    /// The state of a connector does not know the event.
    #[error(transparent)]
    Transition(#[from] InvalidTransition),
    /// Secrets cannot be kept or shown: there is no key, or the wrong one.
    #[error("{0}")]
    Encryption(String),
    /// What was handed in cannot be stored.
    #[error("{0}")]
    Invalid(String),
    /// A statement failed in a way that nothing in the input explains: a defect.
    #[error("the database refused a statement: {0}")]
    Statement(String),
}

/// `SQLSTATE` classes and codes of PostgreSQL (<https://www.postgresql.org/docs/15/errcodes-appendix.html>).
const CONNECTION_CLASS: &str = "08";
const UNAVAILABLE_CODES: [&str; 8] = [
    "25006", // read-only transaction: a standby
    "53100", // disk full
    "53200", // out of memory
    "53300", // too many connections
    "57014", // statement timeout
    "57P01", // administrator shutdown
    "57P02", // crash shutdown
    "57P03", // cannot connect now
];
/// Those of them that speak of the server, and not of one statement.
const CONDEMNING_CODES: [&str; 4] = ["25006", "57P01", "57P02", "57P03"];
const SERIALIZATION_CODES: [&str; 3] = ["40001", "40P01", "55P03"];

/// Primary result codes of SQLite (<https://www.sqlite.org/rescode.html>); extended ones carry them in the low byte.
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
const SQLITE_UNAVAILABLE: [i32; 4] = [
    8,  // read-only
    10, // input or output error
    13, // disk full
    14, // cannot open
];
const SQLITE_PRIMARY_CODE_MASK: i32 = 0xff;

impl StoreError {
    /// Nothing by that key.
    pub(crate) fn not_found(what: &'static str, key: &(impl ToString + ?Sized)) -> Self {
        Self::NotFound { what, key: key.to_string() }
    }

    /// A conflict that the store saw before the database did.
    pub(crate) fn conflict(what: impl Into<String>) -> Self {
        Self::Conflict { what: what.into(), constraint: None }
    }

    /// True where trying the same again later may succeed.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Serialization(_))
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout | ConnAcquireErr::ConnectionClosed) => {
                Self::Unavailable(error.to_string())
            }
            DbErr::Conn(RuntimeErr::Internal(_)) => Self::Unavailable(error.to_string()),
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => from_sqlx(cause),
            _ => Self::Statement(error.to_string()),
        }
    }
}

/// Whether a failure says that its connection, and those as old, are of no use any more: cut, shut down, or to a server
/// that takes no writes.
pub(crate) fn condemns(error: &DbErr) -> bool {
    let (DbErr::Conn(RuntimeErr::SqlxError(cause))
    | DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return false;
    };
    match cause.as_ref() {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            is_connection_code(&code) || CONDEMNING_CODES.contains(&code.as_ref())
        }
        _ => false,
    }
}

fn is_connection_code(code: &str) -> bool {
    code.starts_with(CONNECTION_CLASS) && code.len() == "08000".len()
}

fn from_sqlx(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(database) => from_database(database.as_ref()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::BeginFailed
        | sqlx::Error::WorkerCrashed => StoreError::Unavailable(error.to_string()),
        _ => StoreError::Statement(error.to_string()),
    }
}

fn from_database(error: &dyn sqlx::error::DatabaseError) -> StoreError {
    let message = error.message().to_owned();
    if error.is_unique_violation() {
        let constraint = error.constraint().map(str::to_owned).unwrap_or_else(|| message.clone());
        return StoreError::Conflict { what: message, constraint: Some(constraint) };
    }
    let code = error.code().unwrap_or_default();
    if SERIALIZATION_CODES.contains(&code.as_ref()) {
        return StoreError::Serialization(message);
    }
    if is_connection_code(&code) || UNAVAILABLE_CODES.contains(&code.as_ref()) {
        return StoreError::Unavailable(message);
    }
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        let primary = code.parse::<i32>().unwrap_or_default() & SQLITE_PRIMARY_CODE_MASK;
        if primary == SQLITE_BUSY || primary == SQLITE_LOCKED {
            return StoreError::Serialization(message);
        }
        if SQLITE_UNAVAILABLE.contains(&primary) {
            return StoreError::Unavailable(message);
        }
    }
    StoreError::Statement(message)
}
