//! Pages of long lists: each begins after the last row of the one before, so that every page is as fast as the first and
//! none is left out or given twice while others write.

use crate::error::StoreError;
use crate::session::{Row, places};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64_URL_SAFE_NO_PAD;
use sea_orm::Value;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Which way a list runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Smallest, oldest or first letter first.
    #[default]
    Ascending,
    /// The other way.
    Descending,
}

impl Direction {
    fn word(self) -> &'static str {
        match self {
            Self::Ascending => "ASC",
            Self::Descending => "DESC",
        }
    }

    fn beyond(self) -> char {
        match self {
            Self::Ascending => '>',
            Self::Descending => '<',
        }
    }
}

/// Where a page ended: ask for the next one with it, in the same order. Its text is safe in addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    values: Vec<CursorValue>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum CursorValue {
    #[serde(rename = "n")]
    Number(i64),
    #[serde(rename = "i")]
    Id(Uuid),
    #[serde(rename = "t")]
    Text(String),
}

/// A text that is no cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not where a page ended; leave it out to begin with the first page")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(&self.values).map_err(|_| fmt::Error)?;
        formatter.write_str(&BASE64_URL_SAFE_NO_PAD.encode(json))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let json = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidCursor)?;
        let values = serde_json::from_slice(&json).map_err(|_| InvalidCursor)?;
        Ok(Self { values })
    }
}

/// A column, or an expression, that a list is sorted by. All of an order together name a row.
#[derive(Clone, Debug)]
pub(crate) enum SortColumn {
    Number(String),
    Id(String),
    Text(String),
}

impl SortColumn {
    fn expression(&self) -> &str {
        match self {
            Self::Number(expression) | Self::Id(expression) | Self::Text(expression) => expression,
        }
    }
}

/// An order of rows in which a list can be paged.
pub(crate) struct PageOrder {
    pub(crate) columns: Vec<SortColumn>,
    pub(crate) direction: Direction,
}

impl PageOrder {
    /// The columns of the order, to be selected; [`PageOrder::cursor`] reads them.
    pub(crate) fn selected(&self) -> String {
        let columns = self.columns.iter().enumerate();
        columns
            .map(|(index, column)| format!("{} AS sort_{index}", column.expression()))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// What comes after `ORDER BY`.
    pub(crate) fn order_by(&self) -> String {
        let columns = self.columns.iter();
        let word = self.direction.word();
        columns.map(|column| format!("{} {word}", column.expression())).collect::<Vec<_>>().join(", ")
    }

    /// The condition for rows beyond a cursor; its values are added to `parameters`.
    pub(crate) fn beyond(&self, cursor: &Cursor, parameters: &mut Vec<Value>) -> Result<String, StoreError> {
        let first = parameters.len() + 1;
        if cursor.values.len() != self.columns.len() {
            return Err(another_order());
        }
        for (column, value) in self.columns.iter().zip(&cursor.values) {
            parameters.push(match (column, value) {
                (SortColumn::Number(_), CursorValue::Number(number)) => Value::from(*number),
                (SortColumn::Id(_), CursorValue::Id(id)) => Value::from(*id),
                (SortColumn::Text(_), CursorValue::Text(text)) => Value::from(text.as_str()),
                _ => return Err(another_order()),
            });
        }
        let columns: Vec<&str> = self.columns.iter().map(SortColumn::expression).collect();
        let beyond = self.direction.beyond();
        let places = places(first, self.columns.len());
        let all = format!("({}) {beyond} ({places})", columns.join(", "));
        // The first column once more: SQLite bounds a scan of an index over an expression by nothing else.
        Ok(match columns.first() {
            Some(leading) => format!("{leading} {beyond}= ${first} AND {all}"),
            None => all,
        })
    }

    /// Where the page ends whose last row this is.
    pub(crate) fn cursor(&self, row: &Row) -> Result<Cursor, StoreError> {
        let columns = self.columns.iter().enumerate();
        let values = columns.map(|(index, column)| {
            let name = format!("sort_{index}");
            Ok(match column {
                SortColumn::Number(_) => CursorValue::Number(row.get(&name)?),
                SortColumn::Id(_) => CursorValue::Id(row.get(&name)?),
                SortColumn::Text(_) => CursorValue::Text(row.get(&name)?),
            })
        });
        Ok(Cursor { values: values.collect::<Result<_, StoreError>>()? })
    }

    /// The cursor of a page of `rows` that was asked for with `limit`: absent where nothing can follow.
    pub(crate) fn next(&self, rows: &[Row], limit: u32) -> Result<Option<Cursor>, StoreError> {
        let is_full = u64::try_from(rows.len()).unwrap_or(u64::MAX) >= u64::from(limit);
        rows.last().filter(|_| is_full).map(|row| self.cursor(row)).transpose()
    }
}

fn another_order() -> StoreError {
    StoreError::Invalid(format!("the list is sorted in another way: {InvalidCursor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_garbage_is_refused() {
        let values = vec![
            CursorValue::Text("Größe/✓".to_owned()),
            CursorValue::Number(-7),
            CursorValue::Id(Uuid::nil()),
        ];
        let cursor = Cursor { values };
        let text = cursor.to_string();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
        assert_eq!(text.parse(), Ok(cursor));
        for garbage in ["", "%%%", "e30", "bm90anNvbg"] {
            assert_eq!(garbage.parse::<Cursor>(), Err(InvalidCursor), "{garbage:?}");
        }
    }

    #[test]
    fn a_cursor_of_another_order_is_refused() {
        let order = PageOrder {
            columns: vec![SortColumn::Number("n".to_owned()), SortColumn::Id("id".to_owned())],
            direction: Direction::Descending,
        };
        let right = Cursor { values: vec![CursorValue::Number(1), CursorValue::Id(Uuid::nil())] };
        let mut parameters = vec![Value::from(0_i64)];
        assert_eq!(order.beyond(&right, &mut parameters).expect("fits"), "n <= $2 AND (n, id) < ($2, $3)");
        assert_eq!(parameters.len(), 3);
        assert_eq!(order.order_by(), "n DESC, id DESC");
        for wrong in
            [vec![CursorValue::Number(1)], vec![CursorValue::Id(Uuid::nil()), CursorValue::Number(1)]]
        {
            assert!(order.beyond(&Cursor { values: wrong }, &mut Vec::new()).is_err());
        }
    }
}
