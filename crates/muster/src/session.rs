//! A command's session on the database.

use crate::cli::Global;
use crate::exit::Failed;
use crate::process::open_store;
use muster_runtime::configuration::Configuration;
use muster_store::audit::AuditEntry;
use muster_store::requests::Asked;
use muster_store::{Durability, Store, StoreError};

/// The database of a command, beside whatever else works on it.
pub(crate) struct Session {
    pub(crate) configuration: Configuration,
    pub(crate) store: Store,
}

impl Session {
    /// Opens the database, does the work of a command on it, and gives it back.
    pub(crate) async fn run<T>(
        global: &Global,
        work: impl AsyncFnOnce(&Self) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let session = Self::open(global.configuration()?).await?;
        let result = work(&session).await;
        if let Err(error) = session.store.close().await {
            tracing::warn!(error = %error, "the database was not closed cleanly");
        }
        result
    }

    /// An embedded database is brought up to date; one that was configured must be.
    async fn open(configuration: Configuration) -> Result<Self, Failed> {
        let store = open_store(&configuration, Durability::EveryCommit).await?;
        match store.check_schema().await {
            Ok(()) => {}
            Err(StoreError::SchemaUnknown(_)) if configuration.database_url.is_none() => {
                store.migrate().await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Self { configuration, store })
    }

    /// Who asks, for jobs that follow.
    pub(crate) fn asked(&self) -> Asked {
        Asked { cause: actor(), trace: muster_runtime::telemetry::current_trace() }
    }

    /// Keeps who changed what. The change is done already: a missing note does not undo it.
    pub(crate) async fn note(&self, action: &str, target: &str, detail: serde_json::Value) {
        let entry =
            AuditEntry { actor: actor(), action: action.to_owned(), target: target.to_owned(), detail };
        if let Err(error) = self.store.audit().record(&entry).await {
            tracing::error!(error = %error, action, target, "a change is missing in the audit");
        }
    }
}

/// Who runs this command, as far as the machine says.
fn actor() -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    match user.filter(|user| !user.is_empty()) {
        Some(user) => format!("cli:{user}"),
        None => "cli".to_owned(),
    }
}
