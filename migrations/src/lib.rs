#![doc = include_str!("../README.md")]

mod dialect;
mod m20261124_000001_ledger;
mod m20261124_000002_connectors;
mod m20261124_000003_inventory;
mod m20261124_000004_events;
mod m20261124_000005_operations;
mod m20261124_000006_whole_reading;
mod m20261124_000007_trust;
mod m20261124_000008_turns;

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
            Box::new(m20261124_000008_turns::Migration),
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

/// How the schema of a database stands to this binary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Migrations that the database lacks, oldest first.
    pub missing: Vec<String>,
    /// Migrations of newer releases that the database has, oldest first.
    pub newer: Vec<String>,
}

/// What stands in the name of a migration that takes something away which an older release may still read.
pub const CONTRACTS: &str = "_contract_";

impl Standing {
    /// Migrations of newer releases with which this binary cannot work any more: those that take something away. The
    /// others only add, and are left alone.
    pub fn incompatible(&self) -> Vec<&str> {
        self.newer.iter().map(String::as_str).filter(|name| name.contains(CONTRACTS)).collect()
    }
}

/// How the schema of a database stands to this binary. Writes nothing.
///
/// # Errors
/// What the database says.
pub async fn standing<C: ConnectionTrait>(connection: &C) -> Result<Standing, DbErr> {
    let known = known_names();
    match Migrator::get_migration_with_status_read_only(connection).await {
        Ok(migrations) => {
            let pending =
                migrations.iter().filter(|migration| migration.status() == MigrationStatus::Pending);
            let missing = pending.map(|migration| migration.name().to_owned()).collect();
            Ok(Standing { missing, newer: Vec::new() })
        }
        // What is applied and not known is reported in this form: look for oneself.
        Err(DbErr::Custom(_)) => {
            let applied: Vec<String> = Migrator::get_migration_models(connection)
                .await?
                .into_iter()
                .map(|model| model.version)
                .collect();
            Ok(Standing {
                missing: known.iter().filter(|name| !applied.contains(name)).cloned().collect(),
                newer: applied.into_iter().filter(|name| !known.contains(name)).collect(),
            })
        }
        Err(error) => Err(error),
    }
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
    fn only_what_takes_away_is_incompatible() {
        let newer = ["m20990101_000001_more", "m20990101_000002_contract_less"].map(str::to_owned).to_vec();
        let standing = Standing { missing: Vec::new(), newer };
        assert_eq!(standing.incompatible(), ["m20990101_000002_contract_less"]);
    }

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
