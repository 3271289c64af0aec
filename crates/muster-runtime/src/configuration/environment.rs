//! The environment, laid over the file.

use super::ConfigurationError;
use std::collections::BTreeMap;
use toml::Value;

/// `MUSTER_` variables of a process.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

/// How the text of a variable is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Text,
    /// Text that may also come from the file named by `…_FILE`.
    Secret,
    Number,
    Integer,
    Switch,
}

/// Every key that the environment may set, and its shape.
const KNOWN: [(&str, Shape); 36] = [
    ("database_url", Shape::Secret),
    ("amqp_url", Shape::Secret),
    ("amqp_ca_file", Shape::Text),
    ("amqp_management_url", Shape::Secret),
    ("topology", Shape::Text),
    ("data_dir", Shape::Text),
    ("listen", Shape::Text),
    ("health_listen", Shape::Text),
    ("azure_devops_url", Shape::Text),
    ("entra_url", Shape::Text),
    ("encryption_key", Shape::Secret),
    ("log_format", Shape::Text),
    ("consumption.share", Shape::Number),
    ("consumption.window_seconds", Shape::Number),
    ("consumption.guess_tstu", Shape::Number),
    ("scheduling.discovery_hours", Shape::Number),
    ("scheduling.sync_hours", Shape::Number),
    ("scheduling.keep_done_hours", Shape::Number),
    ("worker.slots", Shape::Integer),
    ("worker.lease_seconds", Shape::Number),
    ("worker.slice_seconds", Shape::Number),
    ("worker.crash_limit", Shape::Integer),
    ("reads.enterprise_catalog", Shape::Switch),
    ("reads.organization_policies", Shape::Switch),
    ("reads.organization_pipeline_settings", Shape::Switch),
    ("retention.dead_job_days", Shape::Number),
    ("retention.request_days", Shape::Number),
    ("retention.unpublished_fact_days", Shape::Number),
    ("retention.assessment_history_days", Shape::Number),
    ("retention.audit_days", Shape::Number),
    ("retention.open_dead_letter_days", Shape::Number),
    ("retention.settled_dead_letter_days", Shape::Number),
    ("retention.gone_resource_days", Shape::Number),
    ("retention.silent_process_hours", Shape::Number),
    ("retention.unused_budget_days", Shape::Number),
    ("retention.removed_connector_days", Shape::Number),
];

const PREFIX: &str = "MUSTER_";
const FILE_SUFFIX: &str = "_file";
/// Variables of the command line and of the tests, which are not configuration keys.
const NOT_KEYS: &[&str] =
    if cfg!(debug_assertions) { &["config", "test_", "crash_at"] } else { &["config", "test_"] };

impl Environment {
    /// The variables of this process.
    pub fn of_process() -> Self {
        Self::from_variables(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// These variables; those without the prefix are left out.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect() }
    }

    /// Lays the variables over `table`; returns what should be said about unknown names.
    pub(super) fn lay_over(&self, table: &mut toml::Table) -> Result<Vec<String>, ConfigurationError> {
        let mut warnings = Vec::new();
        for (name, text) in &self.variables {
            let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
            if NOT_KEYS.iter().any(|known| key.starts_with(known)) {
                continue;
            }
            if let Some((key, shape)) = KNOWN.iter().find(|(known, _)| *known == key) {
                set(table, key, value(name, text, *shape)?);
            } else if let Some(key) = secret_file_key(&key) {
                set(table, key, Value::String(read_secret(name, text)?));
            } else {
                let nearest = variable_name(nearest(&key));
                warnings.push(format!("the variable {name} is not known; did you mean {nearest}?"));
            }
        }
        Ok(warnings)
    }
}

fn secret_file_key(key: &str) -> Option<&'static str> {
    let key = key.strip_suffix(FILE_SUFFIX)?;
    KNOWN.iter().find(|(known, shape)| *known == key && *shape == Shape::Secret).map(|(known, _)| *known)
}

fn read_secret(name: &str, path: &str) -> Result<String, ConfigurationError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => Err(ConfigurationError::Invalid {
            key: name.to_owned(),
            message: format!("the file {path} cannot be read: {error}"),
        }),
    }
}

fn value(name: &str, text: &str, shape: Shape) -> Result<Value, ConfigurationError> {
    let unreadable = |expected: &str| ConfigurationError::Invalid {
        key: name.to_owned(),
        message: format!("`{text}` is not {expected}"),
    };
    match shape {
        Shape::Text | Shape::Secret => Ok(Value::String(text.to_owned())),
        Shape::Number => text.parse().map(Value::Float).map_err(|_| unreadable("a number")),
        Shape::Integer => text.parse().map(Value::Integer).map_err(|_| unreadable("a whole number")),
        Shape::Switch => text.parse().map(Value::Boolean).map_err(|_| unreadable("`true` or `false`")),
    }
}

fn set(table: &mut toml::Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((section, rest)) => {
            let section = table.entry(section.to_owned()).or_insert_with(|| Value::Table(toml::Table::new()));
            if let Value::Table(section) = section {
                set(section, rest, value);
            }
        }
    }
}

fn variable_name(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

fn nearest(key: &str) -> &'static str {
    KNOWN.iter().map(|(known, _)| *known).min_by_key(|known| distance(key, known)).unwrap_or("database_url")
}

/// Levenshtein distance: how many letters differ.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in right.iter().enumerate() {
            let substitution = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = substitution.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}
