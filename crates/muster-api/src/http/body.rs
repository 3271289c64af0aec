//! Bodies: JSON of a known shape. What is wrong with one is named by its field.

use super::errors::ApiError;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

/// Longest body of an operation: a reason and a few numbers; events have a limit of their own.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// A JSON body. An absent one is an empty object, so that operations without a field need none.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Self::Rejection> {
        let is_json = is_json(request.headers());
        let bytes = to_bytes(request.into_body(), BODY_BYTES_MAX).await.map_err(|_| {
            ApiError::too_large("BodyTooLarge", format!("a body may have {BODY_BYTES_MAX} bytes; send less"))
        })?;
        if bytes.is_empty() {
            return read(b"{}").map(Self);
        }
        if !is_json {
            return Err(ApiError::unsupported("send JSON, with the header Content-Type: application/json"));
        }
        read(&bytes).map(Self)
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        // The whole body, or something in it that is cut off.
        let target = if path == "." || path == "?" { "body".to_owned() } else { path };
        ApiError::invalid(target, error.into_inner())
    })?;
    deserializer.end().map_err(|error| ApiError::invalid("body", error))?;
    Ok(value)
}

/// `application/json`, or anything that is JSON underneath (`application/merge-patch+json`).
fn is_json(headers: &HeaderMap) -> bool {
    let written = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = written.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::StatusCode;
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Sample {
        reason: String,
    }

    async fn given(content_type: &str, body: &str) -> Result<Sample, ApiError> {
        let request = Request::builder().header(CONTENT_TYPE, content_type);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        JsonBody::from_request(request, &()).await.map(|JsonBody(sample)| sample)
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_body_is_named() {
        let read = given("application/merge-patch+json; charset=utf-8", r#"{"reason":"r"}"#).await;
        assert_eq!(read, Ok(Sample { reason: "r".to_owned() }));
        for (content_type, body, status, target, part) in [
            ("application/json", "", StatusCode::BAD_REQUEST, "body", "reason"),
            ("application/json", "{", StatusCode::BAD_REQUEST, "body", "EOF"),
            ("application/json", r#"{"reason":7}"#, StatusCode::BAD_REQUEST, "reason", "string"),
            ("application/json", r#"{"reason":"r","rate":1}"#, StatusCode::BAD_REQUEST, "rate", "rate"),
            ("application/json", r#"{"reason":"r"} {}"#, StatusCode::BAD_REQUEST, "body", "trailing"),
            ("text/plain", r#"{"reason":"r"}"#, StatusCode::UNSUPPORTED_MEDIA_TYPE, "Content-Type", "JSON"),
        ] {
            let error = given(content_type, body).await.unwrap_err();
            assert_eq!((error.status, error.target.as_str()), (status, target), "{body}: {error:?}");
            assert!(error.message.contains(part), "{body}: {error:?}");
        }
        let long = format!(r#"{{"reason":"{}"}}"#, "x".repeat(BODY_BYTES_MAX));
        let error = given("application/json", &long).await.unwrap_err();
        assert_eq!((error.status, error.code), (StatusCode::PAYLOAD_TOO_LARGE, "BodyTooLarge"));
    }
}
