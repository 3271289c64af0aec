//! One thing, shown field by field.

use super::Row;
use serde::Serialize;

/// One line of a table about one thing.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Field {
    name: String,
    value: String,
}

impl Row for Field {
    const COLUMNS: &'static [&'static str] = &["field", "value"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.value.clone()]
    }
}

/// The lines of a table about one thing, in their order.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<Field>);

impl Fields {
    /// Adds a line.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a line reads better without a reference before its value"
    )]
    pub(crate) fn add(&mut self, name: &str, value: impl ToString) -> &mut Self {
        self.0.push(Field { name: name.to_owned(), value: value.to_string() });
        self
    }

    /// Adds a line for every value; only the first one is named.
    pub(crate) fn add_all<T: ToString>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) -> &mut Self {
        let before = self.0.len();
        for value in values {
            let name = if self.0.len() == before { name } else { "" };
            self.add(name, value);
        }
        if self.0.len() == before {
            self.add(name, "-");
        }
        self
    }

    /// The lines.
    pub(crate) fn rows(&self) -> &[Field] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_named_once_and_never_left_out() {
        let mut fields = Fields::default();
        fields.add("name", "contoso").add_all("reads", ["a", "b"]).add_all("gaps", Vec::<String>::new());
        let cells: Vec<Vec<String>> = fields.rows().iter().map(Row::cells).collect();
        assert_eq!(cells, [["name", "contoso"], ["reads", "a"], ["", "b"], ["gaps", "-"]]);
    }
}
