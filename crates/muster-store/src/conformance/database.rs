//! A database of one test: a PostgreSQL database or an SQLite file.

use crate::Backend;
use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use tempfile::TempDir;
use uuid::Uuid;

/// A server whose user may create databases.
const SERVER: &str = "MUSTER_TEST_DATABASE_URL";

pub(super) enum TestDatabase {
    Server { server: String, name: String, url: String },
    File { _folder: TempDir, url: String },
}

impl TestDatabase {
    pub(super) async fn create(backend: Backend) -> Self {
        if backend == Backend::Sqlite {
            let folder = tempfile::tempdir().expect("a folder");
            let url = format!("sqlite://{}?mode=rwc", folder.path().join("muster.db").display());
            return Self::File { _folder: folder, url };
        }
        let server = std::env::var(SERVER).unwrap_or_else(|_| {
            panic!("{SERVER} is not set: run the tests with tests/run, which starts PostgreSQL")
        });
        let name = format!("muster_store_{}", Uuid::new_v4().simple());
        // From template0: nobody can be connected to it, so any number of tests create at once.
        execute(&server, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        let (base, _) = server.rsplit_once('/').expect("a URL with a database");
        let url = format!("{base}/{name}");
        Self::Server { server, name, url }
    }

    pub(super) fn url(&self) -> &str {
        match self {
            Self::Server { url, .. } | Self::File { url, .. } => url,
        }
    }

    pub(super) async fn drop(self) {
        if let Self::Server { server, name, .. } = self {
            execute(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

async fn execute(url: &str, statement: &str) {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    let connection = Database::connect(options).await.expect("connect to the test server");
    connection.execute_unprepared(statement).await.expect("create or drop the test's database");
    connection.close().await.expect("close");
}
