//! The `api-version` of a call: where it stands, and whether the resource accepts it.

use axum::http::{HeaderMap, header::ACCEPT};

use crate::http::query::Query;
use crate::http::refusal::Refusal;
use crate::route::{Maturity, Route};

const NEWEST_RELEASED: &str = "7.1";
const RELEASED: Number = Number { major: 7, minor: 1 };
const NEWEST: Number = Number { major: 7, minor: 2 };

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Number {
    major: u32,
    minor: u32,
}

/// The version to answer with, or why the call is refused.
pub(crate) fn negotiate(route: Route, query: &Query, headers: &HeaderMap) -> Result<String, Refusal> {
    let maturity = route.maturity();
    let Some(requested) = query.get("api-version").map(str::to_owned).or_else(|| from_accept(headers)) else {
        return match maturity {
            Maturity::Preview => Err(Refusal::VersionMissing),
            Maturity::Released | Maturity::LenientPreview => Ok(NEWEST_RELEASED.to_owned()),
        };
    };
    let (number, is_preview) =
        parse(&requested).ok_or_else(|| Refusal::VersionUnreadable(requested.clone()))?;
    if number > NEWEST {
        return Err(Refusal::VersionOutOfRange(requested));
    }
    if !is_preview && (maturity != Maturity::Released || number > RELEASED) {
        return Err(Refusal::VersionNeedsPreview(requested));
    }
    Ok(requested)
}

pub(crate) fn from_accept(headers: &HeaderMap) -> Option<String> {
    let accept = headers.get(ACCEPT)?.to_str().ok()?;
    accept.split([';', ',']).find_map(|part| {
        let (name, value) = part.trim().split_once('=')?;
        name.trim().eq_ignore_ascii_case("api-version").then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Reads `7.1`, `7.1-preview` or `7.1-preview.2`.
fn parse(text: &str) -> Option<(Number, bool)> {
    let (number, stage) = text.split_once('-').map_or((text, None), |(number, stage)| (number, Some(stage)));
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    let number = Number { major: major.parse().ok()?, minor: minor.parse().ok()? };
    match stage.map(|stage| stage.split_once('.').unwrap_or((stage, "1"))) {
        None => Some((number, false)),
        Some((word, revision)) if word.eq_ignore_ascii_case("preview") => {
            revision.parse::<u32>().ok()?;
            Some((number, true))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_query(route: Route, version: &str) -> Result<String, Refusal> {
        negotiate(route, &Query::from_pairs(&[("api-version", version)]), &HeaderMap::new())
    }

    #[test]
    fn the_version_is_taken_from_the_query_or_the_accept_header() {
        assert_eq!(by_query(Route::Projects, "7.0").unwrap(), "7.0");
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, "application/json;api-version=7.1-preview.1".parse().unwrap());
        let version = negotiate(Route::AuthorizedResources, &Query::default(), &headers);
        assert_eq!(version.unwrap(), "7.1-preview.1");
    }

    #[test]
    fn a_preview_resource_wants_a_preview_version() {
        let nothing = negotiate(Route::PipelinePermissions, &Query::default(), &HeaderMap::new());
        assert!(matches!(nothing, Err(Refusal::VersionMissing)));
        assert!(matches!(by_query(Route::PipelinePermissions, "7.1"), Err(Refusal::VersionNeedsPreview(_))));
        assert!(by_query(Route::PipelinePermissions, "7.1-preview.1").is_ok());
        assert!(by_query(Route::PipelinePermissions, "7.1-preview").is_ok());
    }

    #[test]
    fn released_resources_answer_without_a_version_and_refuse_one_that_is_to_come() {
        assert_eq!(negotiate(Route::Projects, &Query::default(), &HeaderMap::new()).unwrap(), "7.1");
        assert!(matches!(by_query(Route::Projects, "7.2"), Err(Refusal::VersionNeedsPreview(_))));
        assert!(by_query(Route::Projects, "7.2-preview.4").is_ok());
        assert!(matches!(by_query(Route::Projects, "9.0"), Err(Refusal::VersionOutOfRange(_))));
        assert!(matches!(by_query(Route::Projects, "latest"), Err(Refusal::VersionUnreadable(_))));
    }
}
