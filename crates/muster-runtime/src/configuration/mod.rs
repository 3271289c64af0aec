//! Configuration: flags over environment over file over defaults.
//!
//! The file is TOML; a key that it holds and Muster does not know is an error. The environment speaks `MUSTER_` with
//! `__` for nesting (`MUSTER_CONSUMPTION__SHARE`); an unknown name there is a warning that names the nearest known
//! one, because other programs share the environment. Secrets may come from files: `MUSTER_DATABASE_URL_FILE`.

mod environment;
mod retention;
mod sections;

pub use environment::Environment;
pub use retention::Retention;
pub use sections::{Configuration, Consumption, Reads, Scheduling, Topology, Worker};

use serde::Deserialize as _;
use std::path::{Path, PathBuf};

/// Configuration that cannot be used; each names the key and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read: {source}; check the path and its permissions")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {path} is not valid TOML: {message}")]
    NotToml {
        /// The file.
        path: PathBuf,
        /// Where and what.
        message: String,
    },
    /// A key is not known, or its value does not fit.
    #[error("configuration key `{key}`: {message}")]
    Invalid {
        /// The key, dotted.
        key: String,
        /// What is wrong and what would be right.
        message: String,
    },
}

/// A configuration with what should be said about it.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub configuration: Configuration,
    /// Warnings for the log: unknown names in the environment.
    pub warnings: Vec<String>,
}

/// Reads the file (where one is given), lays the environment over it and checks the result.
///
/// # Errors
/// [`ConfigurationError`], naming the key.
pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Loaded, ConfigurationError> {
    let mut table = match file {
        None => toml::Table::new(),
        Some(path) => read_file(path)?,
    };
    let warnings = environment.lay_over(&mut table)?;
    let configuration = deserialize(table)?;
    configuration.check()?;
    Ok(Loaded { configuration, warnings })
}

fn read_file(path: &Path) -> Result<toml::Table, ConfigurationError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigurationError::Unreadable { path: path.to_owned(), source })?;
    text.parse().map_err(|error: toml::de::Error| ConfigurationError::NotToml {
        path: path.to_owned(),
        message: error.to_string(),
    })
}

fn deserialize(table: toml::Table) -> Result<Configuration, ConfigurationError> {
    // Each top-level key is tried alone, so that an error can name it.
    for (key, value) in &table {
        let mut single = toml::Table::new();
        single.insert(key.clone(), value.clone());
        Configuration::deserialize(single).map_err(|error| invalid(key, &error))?;
    }
    Configuration::deserialize(table).map_err(|error| invalid("configuration", &error))
}

fn invalid(key: &str, error: &toml::de::Error) -> ConfigurationError {
    ConfigurationError::Invalid { key: key.to_owned(), message: error.message().to_owned() }
}

#[cfg(test)]
mod tests;
