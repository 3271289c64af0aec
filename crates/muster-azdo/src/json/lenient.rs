//! Values that answers write in more than one way.

use super::Violation;
use serde::Deserialize;
use uuid::Uuid;

/// An id that is a text in some answers and a number in others.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum LenientId {
    /// As a number.
    Number(i64),
    /// As a text.
    Text(String),
}

impl LenientId {
    /// The id as a text.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }

    /// The id as a number.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn into_number(self) -> Result<i64, Violation> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Text(text) => text.trim().parse().map_err(|_| Violation("an id is no number")),
        }
    }
}

/// A GUID in its usual form; anything else as it came. Ids of two answers can be compared then.
pub(crate) fn lowercase_guid(id: String) -> String {
    match Uuid::parse_str(&id) {
        Ok(guid) => guid.to_string(),
        Err(_) => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_texts_however_they_are_written() {
        let read = |json: &str| serde_json::from_str::<LenientId>(json).unwrap().into_text();
        assert_eq!(read("12"), "12");
        assert_eq!(read("\"12\""), "12");
    }

    #[test]
    fn numbers_are_numbers_however_they_are_written() {
        let read = |json: &str| serde_json::from_str::<LenientId>(json).unwrap().into_number();
        assert_eq!(read("12"), Ok(12));
        assert_eq!(read("\"12\""), Ok(12));
        assert!(read("\"twelve\"").is_err());
    }

    #[test]
    fn guids_compare_whatever_their_case() {
        let guid = "5FEBEF5A-833D-4E14-B9C0-14CB638F91E6";
        assert_eq!(lowercase_guid(guid.to_owned()), guid.to_lowercase());
        assert_eq!(lowercase_guid("Queue 1".to_owned()), "Queue 1");
    }
}
