//! JSON of answers: single objects, and lists that are parsed while they arrive.

mod fields;
mod lenient;
mod list;
mod scanner;
mod skeleton;

pub(crate) use fields::Fields;
pub(crate) use lenient::{LenientId, lowercase_guid};
pub(crate) use list::{ListReader, ListShape};
pub(crate) use scanner::ListFault;

use serde::de::DeserializeOwned;
use std::fmt;

/// Some answers of the service begin with a byte order mark (seen on the 503 of a stopped organization).
const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// An answer's item as it is on the wire.
pub(crate) trait Wire: DeserializeOwned {
    /// What becomes of it.
    type Item;

    /// Keeps what is needed.
    ///
    /// # Errors
    /// When it breaks the contract.
    fn into_item(self) -> Result<Self::Item, Violation>;
}

/// How an item breaks the contract, in words that hold nothing of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation(pub(crate) &'static str);

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

/// `body` without a byte order mark.
pub(crate) fn without_byte_order_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(body)
}

/// Makes sure that `json` is an object. The derived readers take a list for one too, its elements for the fields in
/// their order: an empty list would be an object without anything.
///
/// # Errors
/// When it is something else.
pub(crate) fn expect_object(json: &[u8]) -> Result<(), Violation> {
    match json.trim_ascii_start().first() {
        Some(b'{') => Ok(()),
        _ => Err(Violation("it is no object")),
    }
}

/// What is wrong with some JSON, without any of its content.
pub(crate) fn describe(error: &serde_json::Error) -> String {
    let mut inside_quotes = false;
    // Values stand in double quotes, names of fields in backticks.
    error
        .to_string()
        .chars()
        .filter(|character| {
            let is_quote = *character == '"';
            inside_quotes ^= is_quote;
            is_quote || !inside_quotes
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    struct Numbered {
        #[expect(dead_code, reason = "only its type matters")]
        id: u64,
    }

    #[test]
    fn a_description_names_fields_and_shows_no_value() {
        let wrong_type = serde_json::from_str::<Numbered>(r#"{"id":"a \"secret\" value"}"#).unwrap_err();
        let text = describe(&wrong_type);
        assert!(text.contains("expected u64") && !text.contains("value"), "{text}");
        let missing = serde_json::from_str::<Numbered>("{}").unwrap_err();
        assert!(describe(&missing).contains("missing field `id`"));
    }

    #[test]
    fn a_byte_order_mark_is_taken_away_once() {
        assert_eq!(without_byte_order_mark("\u{feff}{}".as_bytes()), b"{}");
        assert_eq!(without_byte_order_mark(b"{}"), b"{}");
    }
}
