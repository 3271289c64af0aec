//! Rewriting answers in the ways that the real service was seen to differ.

use std::collections::BTreeSet;
use std::convert::Infallible;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{Response as HttpResponse, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use serde_json::Value;

use crate::quirk::Quirk;

const BYTE_ORDER_MARK: &str = "\u{feff}";
/// The pieces of a chunked answer: small enough that every answer has several, and that they cut keys in two.
const PIECE_BYTES: usize = 61;

/// Applies what is asked for to an answer of JSON; others pass as they are.
pub(crate) async fn apply(quirks: &BTreeSet<Quirk>, response: Response) -> Response {
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.to_str().is_ok_and(|value| value.starts_with("application/json")));
    if !is_json || quirks.is_empty() {
        return response;
    }
    let mut response = response;
    if quirks.contains(&Quirk::KeyCasing) || quirks.contains(&Quirk::CountLast) {
        response = match rewrite(quirks, response).await {
            Ok(response) => response,
            // What the simulator wrote can be read again; if it could not, the client has to hear of it.
            Err(status) => return status.into_response(),
        };
    }
    if quirks.contains(&Quirk::ByteOrderMark) {
        response = response.map(|body| {
            let mark = stream::once(async { Ok(Bytes::from_static(BYTE_ORDER_MARK.as_bytes())) });
            Body::from_stream(mark.chain(body.into_data_stream()))
        });
    }
    if quirks.contains(&Quirk::Chunked) { in_pieces(response).await } else { response }
}

async fn rewrite(quirks: &BTreeSet<Quirk>, response: Response) -> Result<Response, StatusCode> {
    let (parts, body) = response.into_parts();
    let failed = StatusCode::INTERNAL_SERVER_ERROR;
    let bytes = to_bytes(body, usize::MAX).await.map_err(|_| failed)?;
    // A stopped organization's answer begins with a byte order mark of its own.
    let text = std::str::from_utf8(&bytes).map_err(|_| failed)?;
    let Ok(mut value) = serde_json::from_str::<Value>(text) else {
        return Ok(HttpResponse::from_parts(parts, Body::from(bytes)));
    };
    if quirks.contains(&Quirk::KeyCasing) {
        capitalize_settings(&mut value);
    }
    let text = if quirks.contains(&Quirk::CountLast) { count_last(&value) } else { value.to_string() };
    Ok(HttpResponse::from_parts(parts, Body::from(text)))
}

/// Writes a list with its number at the end; anything else as it is.
fn count_last(value: &Value) -> String {
    match (value.get("count"), value.get("value")) {
        (Some(count), Some(items)) if value.as_object().is_some_and(|object| object.len() == 2) => {
            format!("{{\"value\":{items},\"count\":{count}}}")
        }
        _ => value.to_string(),
    }
}

/// Gives the keys of every `settings` a capital letter. `scope` keeps its own, as it does in the examples.
fn capitalize_settings(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(capitalize_settings),
        Value::Object(entries) => {
            for (key, entry) in entries.iter_mut() {
                match entry {
                    Value::Object(settings) if key == "settings" => {
                        let capital = std::mem::take(settings).into_iter().map(|(key, value)| {
                            if key == "scope" { (key, value) } else { (capitalized(&key), value) }
                        });
                        settings.extend(capital.collect::<Vec<_>>());
                    }
                    other => capitalize_settings(other),
                }
            }
        }
        _ => {}
    }
}

fn capitalized(key: &str) -> String {
    let mut letters = key.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

async fn in_pieces(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    let pieces: Vec<_> = bytes.chunks(PIECE_BYTES).map(Bytes::copy_from_slice).collect();
    let pieces = stream::iter(pieces.into_iter().map(Ok::<_, Infallible>));
    HttpResponse::from_parts(parts, Body::from_stream(pieces))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_lists_get_their_number_at_the_end() {
        assert_eq!(count_last(&json!({"count": 1, "value": [7]})), "{\"value\":[7],\"count\":1}");
        assert_eq!(count_last(&json!({"count": 1, "other": 2})), "{\"count\":1,\"other\":2}");
    }

    #[test]
    fn settings_get_capital_letters_and_nothing_else_does() {
        let mut value =
            json!({"value": [{"settings": {"scope": [{"matchKind": "Exact"}], "maxPathLength": 3}}]});
        capitalize_settings(&mut value);
        let expected =
            json!({"value": [{"settings": {"scope": [{"matchKind": "Exact"}], "MaxPathLength": 3}}]});
        assert_eq!(value, expected);
    }
}
