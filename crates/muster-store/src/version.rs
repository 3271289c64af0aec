//! Which server is behind the store, for people who ask what is wrong.

use crate::Store;
use crate::clock::Backend;
use crate::error::StoreError;
use crate::session::values;

impl Store {
    /// Product and version of the database.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn server_version(&self) -> Result<String, StoreError> {
        let (product, statement) = match self.backend() {
            Backend::Postgres => ("PostgreSQL", "SELECT current_setting('server_version') AS version"),
            Backend::Sqlite => ("SQLite", "SELECT sqlite_version() AS version"),
        };
        let row = self.reader().one("version", statement, values![]).await?;
        let version: String = row.map(|row| row.get("version")).transpose()?.unwrap_or_default();
        Ok(format!("{product} {version}"))
    }

    /// Writes nothing, in the way of a write: whether the database takes any.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where it is read-only, or out of reach.
    pub async fn check_writable(&self) -> Result<(), StoreError> {
        self.transaction(|session| async move {
            session
                .run("UPDATE installation SET created_at_ms = created_at_ms WHERE only_row = 0", values![])
                .await
        })
        .await?;
        Ok(())
    }

    /// Connections that the server has, and the most that it takes; `None` where there is no server.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn server_connections(&self) -> Result<Option<(u64, u64)>, StoreError> {
        if self.backend() == Backend::Sqlite {
            return Ok(None);
        }
        let statement = "SELECT (SELECT count(*) FROM pg_stat_activity) AS present, \
             current_setting('max_connections')::bigint AS most";
        let row = self.reader().one("server", statement, values![]).await?;
        row.map(|row| Ok((row.count("present")?, row.count("most")?))).transpose()
    }
}
