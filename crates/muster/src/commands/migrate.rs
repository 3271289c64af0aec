//! `muster migrate`: brings the schema of the database up to this binary.

use crate::cli::Global;
use crate::exit::Failed;
use crate::process::open_store;
use muster_store::Durability;

pub(crate) async fn run(global: &Global) -> Result<(), Failed> {
    let store = open_store(&global.configuration()?, Durability::EveryCommit).await?;
    store.migrate().await?;
    tracing::info!("the schema is up to date");
    store.close().await?;
    Ok(())
}
