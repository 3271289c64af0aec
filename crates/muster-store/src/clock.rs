//! Where the store's time comes from: the database, or a clock that a test moves.

use muster_domain::Clock;
use std::sync::Arc;

/// Source of "now" in every statement. Clocks of workers are never compared with each other.
#[derive(Clone, Debug, Default)]
pub enum DatabaseClock {
    /// The database's own clock.
    #[default]
    Database,
    /// A clock of the process: for tests.
    Virtual(Arc<dyn Clock>),
}

/// PostgreSQL: moves within a transaction, so that a wait for a lock is seen.
const POSTGRES_NOW: &str = "(extract(epoch from clock_timestamp()) * 1000)::bigint";
/// PostgreSQL: the start of the transaction. Stable, so that an index bounds the scan.
const POSTGRES_TRANSACTION_NOW: &str = "(extract(epoch from now()) * 1000)::bigint";
/// SQLite: stable within one statement.
const SQLITE_NOW: &str = "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)";

/// The two databases, as far as statements differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// PostgreSQL: many processes.
    Postgres,
    /// SQLite: one file, one machine.
    Sqlite,
}

impl DatabaseClock {
    /// Puts the words of `backend` into a statement: `{now}`, `{transaction_now}`, `{greatest}`, `{least}`,
    /// `{for_update}`, `{for_share}`, `{skip_locked}`, `{random_uuid}`.
    pub(crate) fn render(&self, template: &str, backend: Backend) -> String {
        let (greatest, least, random_uuid) = match backend {
            Backend::Postgres => ("GREATEST", "LEAST", "gen_random_uuid()"),
            Backend::Sqlite => ("MAX", "MIN", "randomblob(16)"),
        };
        let (for_update, for_share, skip_locked) = match backend {
            Backend::Postgres => ("FOR UPDATE", "FOR SHARE", "FOR UPDATE SKIP LOCKED"),
            // SQLite's write transactions hold the whole database: there is nothing to lock.
            Backend::Sqlite => ("", "", ""),
        };
        let (now, transaction_now) = match (self, backend) {
            (Self::Virtual(clock), _) => {
                let literal = clock.now().timestamp_millis().to_string();
                (literal.clone(), literal)
            }
            (Self::Database, Backend::Postgres) => {
                (POSTGRES_NOW.to_owned(), POSTGRES_TRANSACTION_NOW.to_owned())
            }
            (Self::Database, Backend::Sqlite) => (SQLITE_NOW.to_owned(), SQLITE_NOW.to_owned()),
        };
        template
            .replace("{now}", &now)
            .replace("{transaction_now}", &transaction_now)
            .replace("{greatest}", greatest)
            .replace("{least}", least)
            .replace("{for_update}", for_update)
            .replace("{for_share}", for_share)
            .replace("{skip_locked}", skip_locked)
            .replace("{random_uuid}", random_uuid)
    }
}
