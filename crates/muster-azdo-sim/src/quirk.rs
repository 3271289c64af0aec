//! Ways in which the real service was seen to answer differently, each to be switched on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A difference of answers. Given as an option it holds for every answer, in a fault for those that the fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Quirk {
    /// A byte order mark stands before the JSON, as seen on refusals of stopped organizations.
    ByteOrderMark,
    /// In every list `count` comes after `value`.
    CountLast,
    /// Answers come in small pieces and without a `Content-Length`.
    Chunked,
    /// The settings of policies begin with a capital letter, as in the published examples of file size policies.
    KeyCasing,
    /// A caller who did not suppress it is sent to the sign-in page with 302 instead of seeing it with 203.
    SignInRedirect,
    /// A refused credential gets an empty list with 401 instead of an empty body.
    UnauthorizedList,
    /// A blocked request gets an HTML page, and no `Retry-After`.
    BlockedPage,
}

impl Quirk {
    /// All quirks, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::ByteOrderMark,
        Self::CountLast,
        Self::Chunked,
        Self::KeyCasing,
        Self::SignInRedirect,
        Self::UnauthorizedList,
        Self::BlockedPage,
    ];

    /// The name used in faults and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "byteOrderMark",
            Self::CountLast => "countLast",
            Self::Chunked => "chunked",
            Self::KeyCasing => "keyCasing",
            Self::SignInRedirect => "signInRedirect",
            Self::UnauthorizedList => "unauthorizedList",
            Self::BlockedPage => "blockedPage",
        }
    }

    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A quirk name that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no quirk \"{name}\"; use one of: {}", Quirk::names())]
pub struct UnknownQuirk {
    /// The name that was given.
    pub name: String,
}

impl FromStr for Quirk {
    type Err = UnknownQuirk;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|quirk| quirk.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| UnknownQuirk { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_and_equals_its_serialized_form() {
        for quirk in Quirk::ALL {
            assert_eq!(quirk.name().parse::<Quirk>(), Ok(quirk));
            assert_eq!(serde_json::to_value(quirk).unwrap(), quirk.name());
        }
        let error = "bom".parse::<Quirk>().unwrap_err().to_string();
        assert!(error.contains("byteOrderMark"), "{error}");
    }
}
