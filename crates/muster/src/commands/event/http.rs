//! Requests over HTTP.

use crate::exit::{Exit, Failed};
use muster_messages::CloudEvent;
use muster_messages::event::STRUCTURED_CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url, header};
use serde::Deserialize;
use std::net::IpAddr;
use std::time::Duration;

/// Time for the connection to come up: the API is near.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Time for the answer: one transaction on a busy database.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
/// Longest answer that is read; those of the API have some hundred bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Where the API takes events.
const PATH: &str = "events";

/// Publishes a request and waits for what becomes of it.
pub(super) async fn publish(event: &CloudEvent, url: &str) -> Result<String, Failed> {
    let url = address(url)?;
    let client = Client::builder()
        .connect_timeout(CONNECT_DEADLINE)
        .timeout(ANSWER_DEADLINE)
        // Neither a proxy nor another host shall see what is meant for this one.
        .no_proxy()
        .redirect(Policy::none())
        .build()
        .map_err(|error| Failed::new(Exit::Failure, error.to_string()))?;
    let request = client
        .post(url.clone())
        .header(header::CONTENT_TYPE, STRUCTURED_CONTENT_TYPE)
        .body(event.to_structured());
    let response = request.send().await.map_err(|error| unreachable(&url, &error))?;
    let status = response.status();
    let body = body(response).await.map_err(|error| unreachable(&url, &error))?;
    answer(status, &body)
}

/// Where to publish; unencrypted only to this machine.
fn address(written: &str) -> Result<Url, Failed> {
    let wrong = |reason: String| {
        Failed::usage(format!(
            "--url {reason}; give the address of the API, for example http://127.0.0.1:7780"
        ))
    };
    let mut url = Url::parse(written).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not contain a user or password".to_owned()));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_this_machine(&url) => {}
        "http" => return Err(wrong("leaves this machine unencrypted; use https".to_owned())),
        other => return Err(wrong(format!("is {other}, not http or https"))),
    }
    url.set_query(None);
    url.set_fragment(None);
    url.path_segments_mut().map_err(|()| wrong("has no path".to_owned()))?.pop_if_empty().push(PATH);
    Ok(url)
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn unreachable(url: &Url, error: &reqwest::Error) -> Failed {
    let reason = if error.is_timeout() { "did not answer in time" } else { "cannot be reached" };
    // The innermost cause says what happened; the outer ones repeat the address.
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Failed::unavailable(format!(
        "the API at {url} {reason} ({cause}); start `muster up` or `muster api`, or set MUSTER_AMQP_URL"
    ))
}

async fn body(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok(body)
}

#[derive(Deserialize)]
struct Taken {
    result: String,
}

/// Azure's error envelope.
#[derive(Deserialize)]
struct Refusal {
    error: RefusalDetail,
}

#[derive(Deserialize)]
struct RefusalDetail {
    message: String,
    #[serde(default)]
    target: String,
}

fn answer(status: StatusCode, body: &[u8]) -> Result<String, Failed> {
    if status.is_success() {
        let taken: Taken = serde_json::from_slice(body).map_err(|_| {
            Failed::new(Exit::Failure, format!("the answer ({status}) is not Muster's; is --url its API?"))
        })?;
        return Ok(taken.result);
    }
    let exit = match status {
        StatusCode::CONFLICT => Exit::Conflict,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Exit::Usage
        }
        StatusCode::TOO_MANY_REQUESTS => Exit::Unavailable,
        status if status.is_server_error() => Exit::Unavailable,
        _ => Exit::Failure,
    };
    let message = match serde_json::from_slice::<Refusal>(body) {
        Ok(Refusal { error }) if error.target.is_empty() => error.message,
        Ok(Refusal { error }) => format!("`{}` {}", error.target, error.message),
        Err(_) => format!("the API answered {status}; is --url its address?"),
    };
    Err(Failed::new(exit, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_go_below_the_address_that_is_given() {
        for (written, expected) in [
            ("http://127.0.0.1:7780", "http://127.0.0.1:7780/events"),
            ("http://localhost:7780/", "http://localhost:7780/events"),
            ("http://[::1]:7780", "http://[::1]:7780/events"),
            ("https://muster.example/posture/?a=b#c", "https://muster.example/posture/events"),
        ] {
            assert_eq!(address(written).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn nothing_leaves_this_machine_unencrypted() {
        for written in [
            "http://muster.example",
            "http://10.0.0.1:7780",
            "http://localhost.example",
            "ftp://127.0.0.1",
            "127.0.0.1:7780",
            "http://user:secret@127.0.0.1",
            "",
        ] {
            let failed = address(written).unwrap_err();
            assert_eq!(failed.exit, Exit::Usage, "{written}");
            assert!(!failed.message.contains("secret"), "{failed}");
        }
    }

    #[test]
    fn an_answer_tells_what_became_of_the_request() {
        let taken = br#"{"result": "duplicate", "source": "s", "id": "1"}"#;
        assert_eq!(answer(StatusCode::ACCEPTED, taken).unwrap(), "duplicate");
        assert_eq!(answer(StatusCode::OK, b"<html>").unwrap_err().exit, Exit::Failure);
        let refusal = br#"{"error": {"code": "C", "message": "is missing; add it", "target": "data.name"}}"#;
        for (status, exit) in [
            (StatusCode::BAD_REQUEST, Exit::Usage),
            (StatusCode::CONFLICT, Exit::Conflict),
            (StatusCode::SERVICE_UNAVAILABLE, Exit::Unavailable),
            (StatusCode::FORBIDDEN, Exit::Failure),
        ] {
            let failed = answer(status, refusal).unwrap_err();
            assert_eq!(failed.exit, exit, "{status}");
            assert_eq!(failed.message, "`data.name` is missing; add it");
        }
        assert!(answer(StatusCode::BAD_GATEWAY, b"").unwrap_err().message.contains("502"));
    }

    #[tokio::test]
    async fn an_api_that_is_not_there_is_unavailable() {
        // The TLS provider may be installed by another test already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let event = CloudEvent::from_structured(
            br#"{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {}}"#,
        );
        let failed = publish(&event.unwrap(), &format!("http://{free}")).await.unwrap_err();
        assert_eq!(failed.exit, Exit::Unavailable);
        assert!(failed.message.contains("muster up"), "{failed}");
    }
}
