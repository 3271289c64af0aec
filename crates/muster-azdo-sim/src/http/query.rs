//! The query of a call. Names are case-insensitive.

use axum::http::Uri;

use crate::http::refusal::Refusal;

#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn read(uri: &Uri) -> Result<Self, Refusal> {
        axum::extract::Query::try_from_uri(uri).map(|axum::extract::Query(pairs)| Self(pairs)).map_err(|_| {
            Refusal::InvalidParameter { name: "query", value: uri.query().unwrap_or_default().to_owned() }
        })
    }

    #[cfg(test)]
    pub(crate) fn from_pairs(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// A parameter that is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn number(&self, name: &'static str) -> Result<Option<usize>, Refusal> {
        let read = |value: &str| {
            value.parse().map_err(|_| Refusal::InvalidParameter { name, value: value.to_owned() })
        };
        self.get(name).map(read).transpose()
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}
