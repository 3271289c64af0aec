//! Only local callers, as long as there is no sign-in.

use super::errors::ApiError;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::net::IpAddr;

/// Refuses whoever comes by a name that is not this machine's loopback: DNS rebinding and other people's pages.
pub(crate) async fn refuse_foreign(request: Request, next: Next) -> Response {
    if let Some(header) = foreign(request.headers()) {
        let message =
            "call http://127.0.0.1 or http://localhost directly; without sign-in nobody else is answered";
        return ApiError::foreign(header, message).into_response();
    }
    next.run(request).await
}

/// The header that names somebody else.
fn foreign(headers: &HeaderMap) -> Option<&'static str> {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    if !host.is_some_and(is_loopback) {
        return Some("Host");
    }
    match headers.get(header::ORIGIN) {
        None => None,
        Some(origin) => {
            let uri = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
            let authority = uri.as_ref().and_then(Uri::authority).map(Authority::as_str);
            if authority.is_some_and(is_loopback) { None } else { Some("Origin") }
        }
    }
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    };
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn loopback_names_are_local() {
        for host in ["127.0.0.1:7780", "localhost:7780", "[::1]:7780", "LOCALHOST", "127.8.9.1"] {
            assert_eq!(foreign(&headers(&[(header::HOST, host)])), None, "{host}");
        }
    }

    #[test]
    fn other_names_are_foreign() {
        for host in ["muster.example", "10.0.0.1:7780", "localhost.example:7780", "127.0.0.1.example"] {
            assert_eq!(foreign(&headers(&[(header::HOST, host)])), Some("Host"), "{host}");
        }
        assert_eq!(foreign(&HeaderMap::new()), Some("Host"));
    }

    #[test]
    fn a_page_of_somebody_else_is_foreign() {
        let of = |origin| headers(&[(header::HOST, "localhost:1"), (header::ORIGIN, origin)]);
        assert_eq!(foreign(&of("http://localhost:1")), None);
        assert_eq!(foreign(&of("https://evil.example")), Some("Origin"));
        assert_eq!(foreign(&of("null")), Some("Origin"));
    }
}
