//! Statements on a connection or in a transaction, and rows that say where they are broken.

use crate::clock::{Backend, DatabaseClock};
use crate::error::StoreError;
use crate::reachability::Reachability;
use crate::store::Subscribers;
use chrono::{DateTime, Utc};
use muster_domain::ResourceId;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, QueryResult, Statement, TryGetable,
    Value,
};
use std::fmt::Display;
use std::sync::Arc;
use uuid::Uuid;

/// Where statements run: a pool, or one transaction.
#[derive(Clone)]
pub(crate) struct Session {
    link: Link,
    clock: DatabaseClock,
    backend: Backend,
    subscribers: Subscribers,
    reachability: Reachability,
}

#[derive(Clone)]
enum Link {
    Pool(DatabaseConnection),
    Transaction(Arc<DatabaseTransaction>),
}

impl Session {
    pub(crate) fn on_pool(
        pool: DatabaseConnection,
        clock: DatabaseClock,
        backend: Backend,
        subscribers: Subscribers,
    ) -> Self {
        Self { link: Link::Pool(pool), clock, backend, subscribers, reachability: Reachability::embedded() }
    }

    pub(crate) fn in_transaction(
        transaction: Arc<DatabaseTransaction>,
        clock: DatabaseClock,
        backend: Backend,
        subscribers: Subscribers,
    ) -> Self {
        let link = Link::Transaction(transaction);
        Self { link, clock, backend, subscribers, reachability: Reachability::embedded() }
    }

    /// The same, with statements that are watched.
    pub(crate) fn watched(self, reachability: Reachability) -> Self {
        Self { reachability, ..self }
    }

    /// Whether anybody can hear of facts.
    pub(crate) fn subscribers(&self) -> Subscribers {
        self.subscribers
    }

    pub(crate) fn database_backend(&self) -> DbBackend {
        match self.backend {
            Backend::Postgres => DbBackend::Postgres,
            Backend::Sqlite => DbBackend::Sqlite,
        }
    }

    fn statement(&self, template: &str, values: Vec<Value>) -> Result<Statement, StoreError> {
        let rendered = self.clock.render(template, self.backend);
        let (rendered, values) = match self.backend {
            Backend::Postgres => (rendered, values),
            Backend::Sqlite => by_position(&rendered, &values)?,
        };
        Ok(Statement::from_sql_and_values(self.database_backend(), rendered, values))
    }

    /// Runs a statement; the number of rows that it touched.
    pub(crate) async fn run(&self, template: &str, values: Vec<Value>) -> Result<u64, StoreError> {
        self.run_built(self.statement(template, values)?).await
    }

    /// Runs a statement that is already in the words of the database.
    pub(crate) async fn run_built(&self, statement: Statement) -> Result<u64, StoreError> {
        let result = match &self.link {
            Link::Pool(pool) => self.reachability.watch(pool.execute_raw(statement)).await?,
            Link::Transaction(transaction) => {
                self.reachability.watch(transaction.execute_raw(statement)).await?
            }
        };
        Ok(result.rows_affected())
    }

    /// All rows of a statement; `table` names them in errors.
    pub(crate) async fn all(
        &self,
        table: &'static str,
        template: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        let statement = self.statement(template, values)?;
        let rows = match &self.link {
            Link::Pool(pool) => self.reachability.watch(pool.query_all_raw(statement)).await?,
            Link::Transaction(transaction) => {
                self.reachability.watch(transaction.query_all_raw(statement)).await?
            }
        };
        Ok(rows.into_iter().map(|result| Row { result, table }).collect())
    }

    /// The first row of a statement, where there is one.
    pub(crate) async fn one(
        &self,
        table: &'static str,
        template: &str,
        values: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        let statement = self.statement(template, values)?;
        let row = match &self.link {
            Link::Pool(pool) => self.reachability.watch(pool.query_one_raw(statement)).await?,
            Link::Transaction(transaction) => {
                self.reachability.watch(transaction.query_one_raw(statement)).await?
            }
        };
        Ok(row.map(|result| Row { result, table }))
    }

    /// The present moment, as every statement sees it.
    pub(crate) async fn now_ms(&self) -> Result<i64, StoreError> {
        if let DatabaseClock::Virtual(clock) = &self.clock {
            return Ok(clock.now().timestamp_millis());
        }
        let row = self.one("clock", "SELECT {now} AS now_ms", Vec::new()).await?;
        row.ok_or_else(|| StoreError::Statement("the clock gave no row".to_owned()))?.get("now_ms")
    }
}

/// `$1` becomes `?`, its value the next one. SQLite takes `$1` for a name and searches all names for each value: a
/// list of thousands of values would take the square of its length.
fn by_position(template: &str, values: &[Value]) -> Result<(String, Vec<Value>), StoreError> {
    let mut statement = String::with_capacity(template.len());
    let mut positioned = Vec::with_capacity(values.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        let digits =
            after.len() - after.trim_start_matches(|character: char| character.is_ascii_digit()).len();
        let value = after[..digits].parse::<usize>().ok().and_then(|place| values.get(place.checked_sub(1)?));
        let missing = || StoreError::Statement(format!("a statement has no value for ${}", &after[..digits]));
        positioned.push(value.ok_or_else(missing)?.clone());
        statement.push_str(before);
        statement.push('?');
        rest = &after[digits..];
    }
    statement.push_str(rest);
    Ok((statement, positioned))
}

/// A row with its table, so that whatever is wrong with it can be named.
pub(crate) struct Row {
    result: QueryResult,
    table: &'static str,
}

impl Row {
    /// A column of exactly this type.
    pub(crate) fn get<T: TryGetable>(&self, column: &str) -> Result<T, StoreError> {
        self.result.try_get("", column).map_err(|error| self.broken(column, error))
    }

    /// A column through `convert`; what it does not know breaks the row.
    pub(crate) fn parse<T>(
        &self,
        column: &str,
        convert: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let text: String = self.get(column)?;
        convert(&text).ok_or_else(|| self.broken(column, format!("{text:?} is not a known value")))
    }

    /// A nullable column through `convert`.
    pub(crate) fn parse_optional<T>(
        &self,
        column: &str,
        convert: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<String> = self.get(column)?;
        text.map(|text| {
            convert(&text).ok_or_else(|| self.broken(column, format!("{text:?} is not a known value")))
        })
        .transpose()
    }

    /// An identifier.
    pub(crate) fn id<T: From<Uuid>>(&self, column: &str) -> Result<T, StoreError> {
        self.get::<Uuid>(column).map(T::from)
    }

    /// A nullable identifier.
    pub(crate) fn optional_id<T: From<Uuid>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        Ok(self.get::<Option<Uuid>>(column)?.map(T::from))
    }

    /// A count that is never negative.
    pub(crate) fn count<T: TryFrom<i64>>(&self, column: &str) -> Result<T, StoreError>
    where
        T::Error: Display,
    {
        let number: i64 = self.get(column)?;
        T::try_from(number).map_err(|error| self.broken(column, error))
    }

    /// A moment, kept as epoch milliseconds.
    pub(crate) fn time(&self, column: &str) -> Result<DateTime<Utc>, StoreError> {
        let milliseconds: i64 = self.get(column)?;
        DateTime::from_timestamp_millis(milliseconds)
            .ok_or_else(|| self.broken(column, format!("{milliseconds} is not a moment")))
    }

    /// A nullable moment.
    pub(crate) fn optional_time(&self, column: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        match self.get::<Option<i64>>(column)? {
            Some(_) => self.time(column).map(Some),
            None => Ok(None),
        }
    }

    /// A JSON document as `T`.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        let document: serde_json::Value = self.get(column)?;
        serde_json::from_value(document).map_err(|error| self.broken(column, error))
    }

    /// The error that names this row.
    pub(crate) fn broken(&self, column: &str, detail: impl Display) -> StoreError {
        StoreError::Inconsistent {
            table: self.table,
            column: column.to_owned(),
            row: self.key(),
            detail: detail.to_string(),
        }
    }

    fn key(&self) -> String {
        const KEY_COLUMNS: [&str; 5] = ["id", "resource_id", "identity_key", "name", "instance"];
        let found = KEY_COLUMNS.iter().find_map(|column| {
            let id = self.result.try_get::<Uuid>("", column).map(|id| id.to_string());
            id.or_else(|_| self.result.try_get::<String>("", column)).ok()
        });
        found.unwrap_or_else(|| "(key unreadable)".to_owned())
    }
}

/// Values of a statement, in order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$(sea_orm::Value::from($value)),*] };
}
pub(crate) use values;

/// `$first, $first+1, …`: places for `count` values.
pub(crate) fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}

/// `($1, $2), ($3, $4), …`: places for `rows` rows of `columns` values, starting with `$first`.
pub(crate) fn rows_of_places(first: usize, rows: usize, columns: usize) -> String {
    (0..rows)
        .map(|row| format!("({})", places(first + row * columns, columns)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A list padded to the next power of two by repeating its last element: few shapes of statements are prepared
/// however many different lengths come along.
pub(crate) fn padded<T: Clone>(items: &[T]) -> Vec<T> {
    let mut padded = items.to_vec();
    if let Some(last) = items.last() {
        padded.resize(items.len().next_power_of_two(), last.clone());
    }
    padded
}

/// The places of a list of resources from `first` on, padded, and their values.
pub(crate) fn id_list(first: usize, ids: &[ResourceId]) -> (String, Vec<Value>) {
    let ids = padded(ids);
    (places(first, ids.len()), ids.iter().map(|id| Value::from(id.0)).collect())
}

/// Milliseconds of a duration, as columns hold them.
pub(crate) fn milliseconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_become_positions() {
        let (statement, positioned) = by_position(
            "SELECT $2, $1 WHERE a = $2 AND b = $10x",
            &(1..=10_i64).map(Value::from).collect::<Vec<_>>(),
        )
        .expect("every place has a value");
        assert_eq!(statement, "SELECT ?, ? WHERE a = ? AND b = ?x");
        assert_eq!(positioned, values![2_i64, 1_i64, 2_i64, 10_i64]);
        assert!(by_position("SELECT $2", &[Value::from(1_i64)]).is_err());
        assert!(by_position("SELECT $0", &[Value::from(1_i64)]).is_err());
    }

    #[test]
    fn lists_have_few_lengths() {
        assert_eq!(padded(&[1, 2, 3, 4, 5]), [1, 2, 3, 4, 5, 5, 5, 5]);
        assert_eq!(padded(&[1]), [1]);
        assert!(padded::<u8>(&[]).is_empty());
        assert_eq!(rows_of_places(5, 2, 2), "($5, $6), ($7, $8)");
    }
}
