//! Tables for people, JSON and TSV for programs: data on standard output and nothing else there.

use crate::exit::{Exit, Failed};
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
    match format {
        Format::Json => print_json(&rows),
        Format::Tsv => write_out(&tsv(rows)),
        Format::Table => write_out(&table(rows)),
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
    let text = if std::io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)
    } else {
        serde_json::to_string(value)
    };
    let text = text.map_err(|error| Failed::new(Exit::Failure, error.to_string()))?;
    write_out(&format!("{text}\n"))
}

/// Writes text to standard output; a reader that has gone away (`| head`) ends it quietly.
pub(crate) fn write_out(text: &str) -> Result<(), Failed> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn table<R: Row>(rows: &[R]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(R::COLUMNS.iter().map(|name| name.to_uppercase()));
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    for row in rows {
        table.add_row(row.cells());
    }
    let text: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    text
}

fn tsv<R: Row>(rows: &[R]) -> String {
    let clean = |cell: String| cell.replace(['\t', '\n', '\r'], " ");
    rows.iter().map(|row| row.cells().into_iter().map(clean).collect::<Vec<_>>().join("\t") + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Pair(String, u32);

    impl Row for Pair {
        const COLUMNS: &'static [&'static str] = &["name", "count"];

        fn cells(&self) -> Vec<String> {
            vec![self.0.clone(), self.1.to_string()]
        }
    }

    #[test]
    fn tables_have_headings_and_no_trailing_space() {
        let text = table(&[Pair("a".into(), 1), Pair("longer".into(), 22)]);
        assert!(text.lines().next().unwrap().contains("NAME"));
        assert!(text.lines().all(|line| !line.ends_with(' ')), "{text:?}");
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn tab_separated_values_keep_one_line_a_row() {
        assert_eq!(tsv(&[Pair("a\tb\nc".into(), 1)]), "a b c\t1\n");
    }
}
