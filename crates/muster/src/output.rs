//! Tables for people, JSON and TSV for programs: data on standard output and nothing else there.

mod fields;
mod sorting;
mod stream;
mod watch;

pub(crate) use fields::Fields;
pub(crate) use sorting::Sorting;
pub(crate) use stream::RowStream;
pub(crate) use watch::{Snapshot, Watch};

use crate::exit::{Exit, Failed};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::io::{IsTerminal as _, Write as _};

/// How data is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// JSON for programs.
    Json,
    /// Tab-separated values, without a heading.
    Tsv,
}

/// Something that a table can show.
pub(crate) trait Row: Serialize {
    /// Headings.
    const COLUMNS: &'static [&'static str];

    /// Cells, one per heading.
    fn cells(&self) -> Vec<String>;
}

/// Prints rows.
pub(crate) fn print_rows<R: Row>(format: Format, rows: &[R]) -> Result<(), Failed> {
    write_out(&rows_text(format, rows)?)
}

/// Rows as they are printed.
pub(crate) fn rows_text<R: Row>(format: Format, rows: &[R]) -> Result<String, Failed> {
    match format {
        Format::Json => Ok(format!("{}\n", json(&rows)?)),
        Format::Tsv => Ok(tsv(rows)),
        Format::Table => Ok(table(rows, true)),
    }
}

/// Prints one value: as JSON, or as its only row.
pub(crate) fn print_row<R: Row>(format: Format, row: &R) -> Result<(), Failed> {
    match format {
        Format::Json => print_json(row),
        Format::Tsv | Format::Table => print_rows(format, std::slice::from_ref(row)),
    }
}

/// Prints a value as JSON: indented for people, one line for programs.
pub(crate) fn print_json<T: Serialize + ?Sized>(value: &T) -> Result<(), Failed> {
    write_out(&format!("{}\n", json(value)?))
}

/// Writes text to standard output; a reader that has gone away (`| head`) ends it quietly.
pub(crate) fn write_out(text: &str) -> Result<(), Failed> {
    write_open(text).map(|_| ())
}

/// Tells people something beside the data, on standard error.
pub(crate) fn note(text: &str) {
    // A terminal that has gone away is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{}", printable(text));
}

/// A moment in tables: to the second, as it can be compared and sorted.
pub(crate) fn moment(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A cell that may be empty.
pub(crate) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// False where the reader has gone away.
fn write_open(text: &str) -> Result<bool, Failed> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, Failed> {
    let text = if std::io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    text.map_err(|error| Failed::new(Exit::Failure, error.to_string()))
}

fn table<R: Row>(rows: &[R], with_heading: bool) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if with_heading {
        table.set_header(R::COLUMNS.iter().map(|name| name.to_uppercase()));
    }
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    for row in rows {
        table.add_row(row.cells().iter().map(|cell| printable(cell)));
    }
    // Cells have a blank on both sides; the outermost ones are not needed.
    table.lines().map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(&line).trim_end())).collect()
}

/// Names come from other systems: what would steer a terminal, or break a line, becomes a space.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

fn tsv<R: Row>(rows: &[R]) -> String {
    rows.iter()
        .map(|row| row.cells().iter().map(|cell| printable(cell)).collect::<Vec<_>>().join("\t") + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    pub(super) struct Pair(pub(super) String, pub(super) u32);

    impl Row for Pair {
        const COLUMNS: &'static [&'static str] = &["name", "count"];

        fn cells(&self) -> Vec<String> {
            vec![self.0.clone(), self.1.to_string()]
        }
    }

    #[test]
    fn tables_have_headings_and_no_trailing_space() {
        let text = table(&[Pair("a".into(), 1), Pair("longer".into(), 22)], true);
        assert!(text.lines().next().unwrap().contains("NAME"));
        assert!(text.lines().all(|line| !line.ends_with(' ')), "{text:?}");
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn tab_separated_values_keep_one_line_a_row() {
        assert_eq!(tsv(&[Pair("a\tb\nc".into(), 1)]), "a b c\t1\n");
    }

    #[test]
    fn names_of_others_cannot_steer_a_terminal() {
        let text = table(&[Pair("a\u{1b}[2Jb\u{9b}".into(), 1)], false);
        assert!(!text.trim_end().chars().any(char::is_control), "{text:?}");
        assert_eq!(tsv(&[Pair("a\u{1b}b".into(), 1)]), "a b\t1\n");
    }

    #[test]
    fn moments_are_in_universal_time() {
        let at = "2026-01-31T13:00:00.250+01:00".parse::<DateTime<Utc>>().unwrap();
        assert_eq!(moment(at), "2026-01-31T12:00:00Z");
        assert_eq!(or_dash(None::<u32>), "-");
    }
}
