//! Pages of lists: `{"value": [], "nextLink": "…"}`, as Azure's clients follow them.

use super::errors::ApiError;
use super::parameters::Parameters;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Uri, header};
use axum::response::{IntoResponse as _, Response};
use muster_store::paging::Cursor;
use serde::Serialize;

/// Rows of a page where nothing else is asked for.
const DEFAULT_ROWS: u32 = 100;
/// Most rows of a page: a page is one statement and one answer.
pub(crate) const MOST_ROWS: u32 = 1_000;
/// The parameter that says where the page before ended.
const AFTER: &str = "after";
/// The parameter that says how long a page is.
const LIMIT: &str = "limit";

/// A page that was asked for.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) limit: u32,
    pub(crate) after: Option<Cursor>,
}

impl Page {
    /// Reads what a request says about it.
    pub(crate) fn of(parameters: &mut Parameters) -> Result<Self, ApiError> {
        let limit = parameters.one(LIMIT)?.unwrap_or(DEFAULT_ROWS);
        if !(1..=MOST_ROWS).contains(&limit) {
            return Err(ApiError::invalid(LIMIT, format!("{LIMIT} is a number from 1 to {MOST_ROWS}")));
        }
        Ok(Self { limit, after: parameters.one(AFTER)? })
    }
}

/// A list, or a page of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<T> {
    value: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

/// A list that is whole.
pub(crate) fn whole<T: Serialize>(value: Vec<T>) -> Response {
    Json(Listed { value, next_link: None }).into_response()
}

/// Where a list is asked for: what the address of its next page is made of.
#[derive(Debug)]
pub(crate) struct Address {
    host: Option<String>,
    uri: Uri,
}

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        Ok(Self { host: host.map(str::to_owned), uri: parts.uri.clone() })
    }
}

impl Address {
    /// A page, with the address of the next one where there is more.
    pub(crate) fn page<T: Serialize>(&self, value: Vec<T>, next: Option<&Cursor>) -> Response {
        let next_link = next.map(|cursor| self.next_link(cursor));
        Json(Listed { value, next_link }).into_response()
    }

    /// The same address with another cursor. Whole, because Azure's clients do not resolve parts of one.
    fn next_link(&self, cursor: &Cursor) -> String {
        let query = self.uri.query().unwrap_or_default().split('&');
        let kept = query.filter(|pair| !pair.is_empty() && pair.split('=').next() != Some(AFTER));
        let mut query: Vec<String> = kept.map(str::to_owned).collect();
        query.push(format!("{AFTER}={cursor}"));
        let base = self.host.as_ref().map_or_else(String::new, |host| format!("http://{host}"));
        format!("{base}{}?{}", self.uri.path(), query.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_has_the_same_filter_and_another_cursor() {
        let cursor: Cursor = "W3sibiI6MX1d".parse().unwrap();
        let of = |uri: &str, host: Option<&str>| {
            Address { host: host.map(str::to_owned), uri: uri.parse().unwrap() }.next_link(&cursor)
        };
        assert_eq!(
            of("/api/v1/jobs?state=dead&after=old&limit=2", Some("localhost:7780")),
            format!("http://localhost:7780/api/v1/jobs?state=dead&limit=2&after={cursor}")
        );
        assert_eq!(of("/api/v1/jobs", None), format!("/api/v1/jobs?after={cursor}"));
    }
}
