//! Reading what people send to `/_sim/*`, and telling them what is wrong with it.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// An input that was refused: which field, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{field}: {problem}; {remedy}")]
pub struct InputError {
    /// The field, as a path into the body.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to give instead.
    pub remedy: String,
}

impl InputError {
    pub(crate) fn new(field: &str, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { field: field.to_owned(), problem: problem.into(), remedy: remedy.into() }
    }

    pub(crate) fn missing(field: &str, what: &str) -> Self {
        Self::new(field, "it is missing", format!("give {what}"))
    }
}

/// Reads a JSON body. `remedy` says what a good one looks like.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8], remedy: &str) -> Result<T, InputError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "body".to_owned() } else { path };
        InputError { field, problem: error.inner().to_string(), remedy: remedy.to_owned() }
    })
}
