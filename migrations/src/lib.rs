#![doc = include_str!("../README.md")]

mod dialect;
mod m20261124_000001_ledger;
mod m20261124_000002_connectors;
mod m20261124_000003_inventory;
mod m20261124_000004_events;
mod m20261124_000005_operations;
mod m20261124_000006_whole_reading;
mod m20261124_000007_trust;

use sea_orm_migration::sea_orm::ConnectionTrait;
use sea_orm_migration::{
    DbErr, IntoSchemaManagerConnection, MigrationName, MigrationStatus, MigrationTrait, MigratorTrait,
};

/// Every migration, oldest first.
#[derive(Clone, Copy, Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261124_000001_ledger::Migration),
            Box::new(m20261124_000002_connectors::Migration),
            Box::new(m20261124_000003_inventory::Migration),
            Box::new(m20261124_000004_events::Migration),
            Box::new(m20261124_000005_operations::Migration),
            Box::new(m20261124_000006_whole_reading::Migration),
            Box::new(m20261124_000007_trust::Migration),
        ]
    }
}

/// Applies what is pending, on a connection or in a transaction.
///
/// # Errors
/// What the database says; [`DbErr::Custom`] where the database knows migrations that this binary does not.
pub async fn apply<'c, C: IntoSchemaManagerConnection<'c>>(connection: C) -> Result<(), DbErr> {
    Migrator::up(connection, None).await
}

/// Names of the migrations that the database lacks. Writes nothing.
///
/// # Errors
/// What the database says; [`DbErr::Custom`] where the database knows migrations that this binary does not.
pub async fn missing<C: ConnectionTrait>(connection: &C) -> Result<Vec<String>, DbErr> {
    let migrations = Migrator::get_migration_with_status_read_only(connection).await?;
    Ok(migrations
        .iter()
        .filter(|migration| migration.status() == MigrationStatus::Pending)
        .map(|migration| migration.name().to_owned())
        .collect())
}

/// Names of all migrations that this binary knows, oldest first.
pub fn known_names() -> Vec<String> {
    Migrator::migrations()
        .iter()
        .map(|migration| MigrationName::name(migration.as_ref()).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dated_and_ascending() {
        let names = known_names();
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(names, sorted);
        assert!(names.iter().all(|name| name.starts_with("m20") && name.as_bytes()[9] == b'_'), "{names:?}");
    }
}
