//! Databases of one test each: a PostgreSQL database or an SQLite file that vanish with the test.

use crate::services;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tempfile::TempDir;
use uuid::Uuid;

/// An empty database that belongs to one test and is dropped with this value, also when the test fails.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Server {
        server: String,
        name: String,
    },
    Folder {
        _folder: TempDir,
    },
    /// Goes with a server of the test's own.
    OwnServer,
}

impl TestDatabase {
    /// A new database with a random name on the PostgreSQL server of [`services::database_url`].
    pub async fn postgres() -> Self {
        let server = services::database_url();
        let name = format!("muster_test_{}", Uuid::new_v4().simple());
        // From template0: nobody can be connected to it, so any number of tests create at once.
        execute(&server, &format!("CREATE DATABASE {name} TEMPLATE template0"))
            .await
            .expect("create the test's database");
        let url = with_database(&server, &name);
        Self { url, place: Place::Server { server, name } }
    }

    /// The database of a server that belongs to this test alone and goes with it.
    pub fn of_own_server(url: String) -> Self {
        Self { url, place: Place::OwnServer }
    }

    /// A new SQLite file in a throw-away folder.
    pub fn sqlite() -> Self {
        let folder =
            tempfile::Builder::new().prefix("muster-test-").tempdir().expect("create the test's folder");
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("muster.db").display());
        Self { url, place: Place::Folder { _folder: folder } }
    }

    /// The URL, as `MUSTER_DATABASE_URL` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection for looking at tables directly; code under test connects through `muster-store`.
    pub async fn connect(&self) -> DatabaseConnection {
        connect(&self.url).await.expect("connect to the test's database")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Place::Server { server, name } = &self.place {
            let (server, statement) =
                (server.clone(), format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
            crate::blocking::finish(async move {
                // A server that is gone took the database with it.
                let _ = execute(&server, &statement).await;
            });
        }
    }
}

async fn connect(url: &str) -> Result<DatabaseConnection, sea_orm::DbErr> {
    let mut options = ConnectOptions::new(url);
    options.max_connections(4).sqlx_logging(false);
    Database::connect(options).await
}

async fn execute(url: &str, statement: &str) -> Result<(), sea_orm::DbErr> {
    let connection = connect(url).await?;
    connection.execute_unprepared(statement).await?;
    connection.close().await
}

/// The URL with another database: the last segment of the path, before the parameters.
fn with_database(url: &str, name: &str) -> String {
    let (base, parameters) = url.split_once('?').map_or((url, None), |(base, rest)| (base, Some(rest)));
    let after_scheme = base.find("://").map_or(0, |at| at + 3);
    let server = match base[after_scheme..].find('/') {
        Some(slash) => &base[..after_scheme + slash],
        None => base,
    };
    match parameters {
        Some(parameters) => format!("{server}/{name}?{parameters}"),
        None => format!("{server}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn the_database_of_a_url_is_replaced() {
        assert_eq!(with_database("postgres://u@h:1/postgres", "x"), "postgres://u@h:1/x");
        assert_eq!(with_database("postgres://u@h:1", "x"), "postgres://u@h:1/x");
        assert_eq!(
            with_database("postgres://u@h:1/a?sslmode=disable", "x"),
            "postgres://u@h:1/x?sslmode=disable"
        );
    }
}
