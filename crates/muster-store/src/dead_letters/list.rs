//! Letters that are looked for, page by page, and how many there are.

use super::row::{COLUMNS, dead_letter};
use super::{DeadLetter, DeadLetters, LetterStatus};
use crate::error::StoreError;
use crate::paging::{Cursor, Direction, PageOrder, SortColumn};
use crate::session::values;
use chrono::{DateTime, Utc};
use muster_domain::job::JobKind;
use muster_domain::{ConnectorId, JobId};
use sea_orm::Value;
use serde::Serialize;
use uuid::Uuid;

/// Which letters. What is absent does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetterFilter {
    /// What became of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<LetterStatus>,
    /// The queue or door that they came from; `ledger` for dead jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What is wrong with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_class: Option<String>,
    /// What their jobs do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_kind: Option<JobKind>,
    /// Their job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// The connector that they are about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connector: Option<ConnectorId>,
    /// Seen at this moment or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// Seen before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

/// A page of letters.
#[derive(Clone, Debug)]
pub struct DeadLetterPage {
    /// Newest first.
    pub letters: Vec<DeadLetter>,
    /// Where the next page begins; absent after the last one.
    pub next: Option<Cursor>,
}

/// How many letters have the same reason, origin and status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonCount {
    /// What became of them.
    pub status: LetterStatus,
    /// Where they came from.
    pub origin: String,
    /// What is wrong with them.
    pub reason_class: String,
    /// How many.
    pub letters: u64,
}

impl DeadLetters {
    /// A page of letters, newest first.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a cursor of another list; [`StoreError::Unavailable`],
    /// [`StoreError::Inconsistent`].
    pub async fn page(
        &self,
        filter: &DeadLetterFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<DeadLetterPage, StoreError> {
        self.page_in(Direction::Descending, filter, after, limit).await
    }

    /// A page of letters, oldest first: the order in which they are replayed.
    ///
    /// # Errors
    /// As [`DeadLetters::page`].
    pub async fn oldest(
        &self,
        filter: &DeadLetterFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<DeadLetterPage, StoreError> {
        self.page_in(Direction::Ascending, filter, after, limit).await
    }

    async fn page_in(
        &self,
        direction: Direction,
        filter: &DeadLetterFilter,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<DeadLetterPage, StoreError> {
        let columns = vec![SortColumn::Number("seen_at_ms".to_owned()), SortColumn::Id("id".to_owned())];
        let order = PageOrder { columns, direction };
        let (mut conditions, mut parameters) = conditions(filter, 1);
        if let Some(after) = after {
            conditions.push(order.beyond(after, &mut parameters)?);
        }
        parameters.push(Value::from(i64::from(limit)));
        let statement = format!(
            "SELECT {COLUMNS}, {} FROM dead_letter WHERE {} ORDER BY {} LIMIT ${}",
            order.selected(),
            conditions.join(" AND "),
            order.order_by(),
            parameters.len()
        );
        let rows = self.store.reader().all("dead_letter", &statement, parameters).await?;
        let next = order.next(&rows, limit)?;
        Ok(DeadLetterPage { letters: rows.iter().map(dead_letter).collect::<Result<_, _>>()?, next })
    }

    /// One letter.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn get(&self, id: Uuid) -> Result<Option<DeadLetter>, StoreError> {
        let statement = format!("SELECT {COLUMNS} FROM dead_letter WHERE id = $1");
        let row = self.store.reader().one("dead_letter", &statement, values![id]).await?;
        row.as_ref().map(dead_letter).transpose()
    }

    /// How many letters a filter finds.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn count_matching(&self, filter: &DeadLetterFilter) -> Result<u64, StoreError> {
        let (conditions, parameters) = conditions(filter, 1);
        let statement =
            format!("SELECT count(*) AS letters FROM dead_letter WHERE {}", conditions.join(" AND "));
        let row = self.store.reader().one("dead_letter", &statement, parameters).await?;
        row.map_or(Ok(0), |row| row.count("letters"))
    }

    /// How many letters there are by status, origin and reason.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Inconsistent`].
    pub async fn count_by_reason(&self, filter: &DeadLetterFilter) -> Result<Vec<ReasonCount>, StoreError> {
        let (conditions, parameters) = conditions(filter, 1);
        let statement = format!(
            "SELECT reason_class, origin, CASE WHEN replayed_at_ms IS NOT NULL THEN 'replayed' \
                WHEN discarded_at_ms IS NOT NULL THEN 'discarded' ELSE 'open' END AS status, count(*) AS letters \
             FROM dead_letter WHERE {} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            conditions.join(" AND ")
        );
        let rows = self.store.reader().all("dead_letter", &statement, parameters).await?;
        rows.iter()
            .map(|row| {
                Ok(ReasonCount {
                    status: row.parse("status", LetterStatus::parse)?,
                    origin: row.get("origin")?,
                    reason_class: row.get("reason_class")?,
                    letters: row.count("letters")?,
                })
            })
            .collect()
    }
}

/// Nobody replayed it, and nobody discarded it.
pub(super) const IS_OPEN: &str = "replayed_at_ms IS NULL AND discarded_at_ms IS NULL";

/// The conditions of a filter, with places from `first` on.
pub(super) fn conditions(filter: &DeadLetterFilter, first: usize) -> (Vec<String>, Vec<Value>) {
    let mut conditions = vec!["true".to_owned()];
    match filter.status {
        Some(LetterStatus::Open) => conditions.push(IS_OPEN.to_owned()),
        Some(LetterStatus::Replayed) => conditions.push("replayed_at_ms IS NOT NULL".to_owned()),
        Some(LetterStatus::Discarded) => {
            conditions.push("replayed_at_ms IS NULL AND discarded_at_ms IS NOT NULL".to_owned());
        }
        None => {}
    }
    let compared: [(&str, Option<Value>); 7] = [
        ("origin =", filter.origin.as_deref().map(Value::from)),
        ("reason_class =", filter.reason_class.as_deref().map(Value::from)),
        ("job_kind =", filter.job_kind.map(|kind| Value::from(kind.as_str()))),
        ("job_id =", filter.job.map(|job| Value::from(job.0))),
        ("connector_id =", filter.connector.map(|connector| Value::from(connector.0))),
        ("seen_at_ms >=", filter.since.map(|moment| Value::from(moment.timestamp_millis()))),
        ("seen_at_ms <", filter.until.map(|moment| Value::from(moment.timestamp_millis()))),
    ];
    let mut parameters = Vec::new();
    for (condition, value) in compared {
        if let Some(value) = value {
            conditions.push(format!("{condition} ${}", first + parameters.len()));
            parameters.push(value);
        }
    }
    (conditions, parameters)
}
