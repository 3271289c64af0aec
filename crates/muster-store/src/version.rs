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
}
