//! The words in which the two databases differ.

use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::{DbErr, SchemaManager};

/// Runs statements in order, with the words of the connected database put in.
pub(crate) async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let backend = manager.get_database_backend();
    for statement in statements {
        manager.get_connection().execute_unprepared(&render(statement, backend)).await?;
    }
    Ok(())
}

fn render(statement: &str, backend: DbBackend) -> String {
    let (uuid, json, bytes, sequence) = match backend {
        DbBackend::Postgres => ("uuid", "jsonb", "bytea", "bigserial PRIMARY KEY"),
        // SQLite binds UUIDs as blobs of 16 bytes.
        _ => ("blob", "text", "blob", "integer PRIMARY KEY AUTOINCREMENT"),
    };
    statement
        .replace("{uuid}", uuid)
        .replace("{json}", json)
        .replace("{bytes}", bytes)
        .replace("{sequence}", sequence)
}
