//! Long lists, printed page by page: never more than a page in memory.

use super::{Format, Row, json, table, tsv, write_open};
use crate::exit::Failed;

/// A list that is being printed. [`RowStream::finish`] ends it.
#[derive(Debug)]
pub(crate) struct RowStream {
    format: Format,
    written: u64,
    is_open: bool,
    /// Where it is kept instead of being printed.
    kept: Option<String>,
}

impl RowStream {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, written: 0, is_open: true, kept: None }
    }

    /// A list that is kept, to be shown as one snapshot.
    pub(crate) fn kept(format: Format) -> Self {
        Self { kept: Some(String::new()), ..Self::new(format) }
    }

    /// What was kept.
    pub(crate) fn into_text(self) -> String {
        self.kept.unwrap_or_default()
    }

    /// Rows printed so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// False once the reader has gone away (`| head`): nothing more needs to be fetched.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Prints a page.
    pub(crate) fn print<R: Row>(&mut self, rows: &[R]) -> Result<(), Failed> {
        if rows.is_empty() || !self.is_open {
            return Ok(());
        }
        let text = self.page(rows)?;
        self.is_open = self.write(&text)?;
        self.written += u64::try_from(rows.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Prints what ends the list.
    pub(crate) fn finish<R: Row>(&mut self) -> Result<(), Failed> {
        let text = match (self.format, self.written) {
            (Format::Json, 0) => "[]\n".to_owned(),
            (Format::Json, _) => "\n]\n".to_owned(),
            (Format::Table, 0) => table::<R>(&[], true),
            (Format::Table, _) | (Format::Tsv, _) => return Ok(()),
        };
        self.is_open = self.is_open && self.write(&text)?;
        Ok(())
    }

    fn write(&mut self, text: &str) -> Result<bool, Failed> {
        match &mut self.kept {
            Some(kept) => {
                kept.push_str(text);
                Ok(true)
            }
            None => write_open(text),
        }
    }

    fn page<R: Row>(&self, rows: &[R]) -> Result<String, Failed> {
        let is_first = self.written == 0;
        match self.format {
            Format::Table => Ok(table(rows, is_first)),
            Format::Tsv => Ok(tsv(rows)),
            Format::Json => {
                let mut text = String::new();
                for (index, row) in rows.iter().enumerate() {
                    text.push_str(if is_first && index == 0 { "[\n" } else { ",\n" });
                    text.push_str(&json(row)?);
                }
                Ok(text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Pair;
    use super::*;

    fn pages(format: Format, written: u64) -> String {
        let stream = RowStream { format, written, is_open: true, kept: None };
        stream.page(&[Pair("a".into(), 1), Pair("b".into(), 2)]).unwrap()
    }

    #[test]
    fn pages_of_json_are_one_list() {
        let text = format!("{}{}\n]\n", pages(Format::Json, 0), pages(Format::Json, 2));
        let list: Vec<(String, u32)> = serde_json::from_str(&text).unwrap();
        let expected = [("a", 1), ("b", 2), ("a", 1), ("b", 2)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(list, expected);
    }

    #[test]
    fn only_the_first_page_of_a_table_has_a_heading() {
        assert!(pages(Format::Table, 0).contains("NAME"));
        let next = pages(Format::Table, 2);
        assert!(!next.contains("NAME"), "{next}");
        assert_eq!(next.lines().count(), 2);
    }

    #[test]
    fn pages_of_tab_separated_values_have_no_heading() {
        assert_eq!(pages(Format::Tsv, 0), "a\t1\nb\t2\n");
        assert_eq!(pages(Format::Tsv, 0), pages(Format::Tsv, 2));
    }
}
